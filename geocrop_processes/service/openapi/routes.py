"""Where the document is: `/openapi` and `/api`, for programs and, with Swagger UI or Redoc, for people."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from geocrop_processes.service.described import (
    HTML,
    answer,
    formats,
    query,
)
from geocrop_processes.service.negotiation import asked_format, wants_html
from geocrop_processes.service.openapi.document import as_yaml
from geocrop_processes.service.problems import invalid
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
"""What the document is."""
YAML_TYPE = "application/vnd.oai.openapi;version=3.0"
"""What it is as YAML."""
STATIC = "/static/openapi"
"""Where the files of Swagger UI and Redoc are."""

_FORMATS = ("json", "yaml", "html")
_PAGES = {
    "swagger": (
        (
            '<link rel="stylesheet" href="static/openapi/swagger-ui.css"><div id="ui"></div>'
            '<script src="static/openapi/swagger-ui-bundle.js"></script>'
        ),
        # no badge of a validator elsewhere
        'SwaggerUIBundle({url: "openapi?f=json", dom_id: "#ui", deepLinking: true, validatorUrl: null});',
    ),
    "redoc": (
        '<div id="ui"></div><script src="static/openapi/redoc.standalone.js"></script>',
        'Redoc.init("openapi?f=json", {hideDownloadButton: false}, document.getElementById("ui"));',
    ),
}
_PAGE = Template(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>GeoCrop: the API</title>'
    '<link rel="icon" href="data:,"></head><body>$body<script>$script</script></body></html>'
)
_POLICY = Template(
    "default-src 'none'; script-src 'self' 'sha256-$digest'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' $origin; worker-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def openapi_router(app: FastAPI, settings: Settings) -> APIRouter:
    """The routes of the document of an application, which is made when it is first asked for."""
    router = APIRouter(tags=["Capabilities"])
    parts = urlsplit(public_url(settings))
    origin = f"{parts.scheme}://{parts.netloc}"
    written: dict[str, str] = {}

    def openapi(request: Request) -> Response:
        wanted, ui = _wanted(request), request.query_params.get("ui", "swagger")
        if ui not in _PAGES:
            raise invalid(f"The parameter 'ui' is {ui!r}, allowed are {', '.join(_PAGES)}.")
        if wanted == "html":
            return _page(ui, origin)
        if wanted == "json":
            return JSONResponse(app.openapi(), media_type=MEDIA_TYPE)
        if not written:
            written["yaml"] = as_yaml(app.openapi())
        return Response(written["yaml"], media_type=YAML_TYPE)

    for path, name in (("/openapi", "getOpenApi"), ("/api", "getApi")):
        router.add_api_route(
            path,
            openapi,
            methods=["GET"],
            operation_id=name,
            summary="The OpenAPI document",
            description="This document; for people by Swagger UI or Redoc.",
            response_class=Response,
            responses={
                200: answer("The document.", MEDIA_TYPE, YAML_TYPE, HTML, schema={"type": "object"})
            },
            openapi_extra={
                "parameters": [
                    formats(*_FORMATS),
                    query("ui", "Which page shows it.", enum=[*_PAGES], default="swagger"),
                ]
            },
        )
    return router


def page_files() -> StaticFiles:
    """The files of Swagger UI and Redoc, which come with a package."""
    return StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")


def _wanted(request: Request) -> str:
    asked = asked_format(request, *_FORMATS)
    return asked or ("html" if wants_html(request) else "json")


def _page(ui: str, origin: str) -> Response:
    """A page that loads nothing from elsewhere."""
    body, script = _PAGES[ui]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    headers = {
        "Content-Security-Policy": _POLICY.substitute(digest=digest, origin=origin),
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(_PAGE.substitute(body=body, script=script), headers=headers)
