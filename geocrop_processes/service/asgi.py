"""uvicorn enters here: `uvicorn geocrop_processes.service.asgi:app`."""

from geocrop_processes.service.app import create_app
from geocrop_processes.service.beginning import begun

app = create_app(begun())
