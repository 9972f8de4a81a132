"""Pages for people: each resource as HTML, made of the same document that programs get as JSON.

Nothing on a page comes from another host, and nothing that anybody sent becomes markup or a script: templates escape
all of it, scripts read it from blocks of JSON, and the browser is told to run no other script than our files
(`guard`). A background map of a third party is shown only where the settings name one.
"""

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from geocrop_processes.service.described import JSON
from geocrop_processes.service.negotiation import wants_html
from geocrop_processes.service.pages.engine import LEAFLET, STATIC, render
from geocrop_processes.service.pages.guard import Guard, policy
from geocrop_processes.service.pages.site import Site
from geocrop_processes.settings import Settings

__all__ = ["add_pages", "page", "shown"]


def add_pages(app: FastAPI, settings: Settings) -> None:
    """Let an application's routes answer with pages: their style and scripts, and what browsers may do with them."""
    app.state.site = Site.of(settings)
    app.mount("/static/leaflet", StaticFiles(directory=LEAFLET), name="leaflet")
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> Response:
    """A page.

    Args:
        request: what asked for it.
        template: its template's file name.
        status: the HTTP status.
        headers: what the answer says beside its own.
        context: what the template shows; `document` is the resource as JSON has it.
    """
    site = getattr(request.app.state, "site", None) or Site()
    query = [(k, v) for k, v in request.query_params.multi_items() if k != "f"]
    # two slashes would begin the name of another host
    path = f"{site.base}/{quote(request.scope['path'].lstrip('/'), errors='replace')}"
    as_json = f"{path}?{urlencode([*query, ('f', 'json')], errors='replace')}"
    content = render(template, {"site": site, "as_json": as_json, **context})
    own = {"Content-Security-Policy": policy(site.map_origin), "Vary": "Accept"}
    # half a surrogate pair cannot be sent
    return HTMLResponse(content.encode(errors="replace"), status, {**(headers or {}), **own})


def shown(
    request: Request, document: dict[str, Any], title: str, media_type: str = JSON
) -> Response:
    """A document as JSON, of such a media type, or as a page for people where one is asked for."""
    if not wants_html(request):
        return JSONResponse(document, media_type=media_type)
    return page(request, "document.html", document=document, title=title)
