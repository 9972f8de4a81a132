"""uvicorn enters here: `uvicorn geocrop_processes.service.asgi:app`."""

from geocrop_processes.service.app import create_app

app = create_app()
