"""pygeoapi as host: its API object, and the adapter that serves its functions to the web.

No environment variable, file or application of pygeoapi's own is needed; its functions are called in
threads, since they block.
"""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pygeoapi.api as core
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from jsonschema import ValidationError
from pygeoapi.api import API, APIRequest
from pygeoapi.config import validate_config
from pygeoapi.util import yaml_load
from yaml import YAMLError

from geocrop_processes.errors import InvalidSetting
from geocrop_processes.service.conformance import CLASSES
from geocrop_processes.service.manager import CeleryManager, Parts
from geocrop_processes.service.negotiation import wants_html
from geocrop_processes.service.pages import page
from geocrop_processes.service.problems import invalid
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

CONFIG = Path(str(files("geocrop_processes.service") / "pygeoapi-config.yml"))
"""pygeoapi's configuration as it comes with us: in a checkout a link to the folder `pygeoapi-config`."""

_MANAGER = f"{CeleryManager.__module__}.{CeleryManager.__qualname__}"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_CONFORMANCE_REL = f"{_REL}conformance"
_DATA_REL = f"{_REL}data"
_SCHEMES_REL = f"{_REL}tiling-schemes"

Answer = tuple[Mapping[str, str], int, str | bytes]
"""What pygeoapi's functions return: headers, status, content."""


class Host:
    """pygeoapi within our application.

    Args:
        parts: what its manager works with; their settings can name another configuration of pygeoapi.

    Raises:
        InvalidSetting: the configuration is not there, or is none that we can serve.
    """

    def __init__(self, parts: Parts) -> None:
        config = parts.settings.service.pygeoapi_config or CONFIG
        loaded = _load(config, parts.settings)
        # its OpenAPI document is not served: ours is made of the routes
        self.api = API(loaded, {})
        self.manager: CeleryManager = self.api.manager
        self.manager.attach(parts)

    async def answer(
        self, request: Request, function: Callable[..., Answer], *args: Any
    ) -> Response:
        """Let one of pygeoapi's functions answer."""
        asked = await APIRequest.from_starlette(_plain(request), self.api.locales)
        if not asked.is_valid():
            allowed = "json, html, jsonld"
            raise invalid(f"The parameter 'f' is {asked.format!r}, allowed are {allowed}.")
        headers, status, content = await run_in_threadpool(function, self.api, asked, *args)
        return Response(content, status_code=int(status), headers=dict(headers))


def _plain(request: Request) -> Request:
    """A request whose preferences are what they come to: a weight of zero is an error to pygeoapi."""
    dropped = {b"accept", b"accept-language"}
    headers = [(key, value) for key, value in request.scope["headers"] if key not in dropped]
    if "f" not in request.query_params:
        accepted = b"text/html" if wants_html(request) else b"application/json"
        headers.append((b"accept", accepted))
    return Request({**request.scope, "headers": headers}, request.receive)


def _as_json(request: Request) -> Request:
    """A request as one that asks for JSON."""
    scope = {**request.scope, "query_string": b"f=json"}
    return Request(scope, request.receive)


def host_router(host: Host) -> APIRouter:
    """Landing page and conformance."""
    router = APIRouter(tags=["Capabilities"])

    @router.get("/", summary="Landing page")
    async def landing(request: Request) -> Response:
        asked = request.query_params.get("f")
        is_page = asked == "html" or (asked is None and wants_html(request))
        answer = await host.answer(_as_json(request) if is_page else request, _landing_page)
        if not is_page:
            return answer
        return page(request, "landing.html", document=json.loads(bytes(answer.body)))

    @router.get("/conformance", summary="What this service conforms to")
    def conformance(request: Request) -> Response:
        document = {"conformsTo": [*CLASSES]}
        if wants_html(request):
            return page(request, "conformance.html", document=document)
        return JSONResponse(document)

    return router


def _load(path: Path, settings: Settings) -> dict[str, Any]:
    """Read pygeoapi's configuration, with the addresses of the settings, which the environment may not name."""
    if not path.is_file():
        raise InvalidSetting(
            f"There is no pygeoapi configuration {path} (GEOCROP_SERVICE__PYGEOAPI_CONFIG)."
        )
    try:
        with path.open(encoding="utf-8") as file:
            loaded: dict[str, Any] = yaml_load(file)
        validate_config(loaded)
        manager = loaded["server"]["manager"]["name"]
    except (OSError, UnicodeError, YAMLError, ValidationError, KeyError, TypeError) as error:
        reason = getattr(error, "message", None) or " ".join(str(error).split())
        raise InvalidSetting(f"{path} is no configuration of pygeoapi: {reason}.") from error
    if manager != _MANAGER:
        raise InvalidSetting(f"{path} names the process manager {manager!r}; ours is {_MANAGER!r}.")
    url = public_url(settings)
    loaded["server"]["url"] = url
    loaded["server"]["bind"] = {"host": settings.service.host, "port": settings.service.port}
    loaded["metadata"]["identification"]["url"] = url
    loaded["metadata"]["provider"]["url"] = url
    return loaded


def _landing_page(api: API, request: APIRequest) -> Answer:
    """The landing page without links to what is not served, and with those that clients look for."""
    headers, status, content = core.landing_page(api, request)
    if request.format not in {None, "json"}:
        return headers, status, content
    page = json.loads(content)
    page["links"] = [link for link in page["links"] if not _is_absent(link)]
    also = [
        (_CONFORMANCE_REL, "conformance", "Conformance"),
        ("data", "collections", "Collections"),
        (_DATA_REL, "collections", "Collections"),
        (_SCHEMES_REL, "tileMatrixSets", "Tile matrix sets"),
        ("processes", "processes", "Processes"),
        ("search", "stac/search", "Search of published maps (STAC)"),
        ("child", "stac", "Published maps (STAC)"),
    ]
    page["links"] += [
        {"rel": rel, "href": f"{api.base_url}/{path}", "type": "application/json", "title": title}
        for rel, path, title in also
    ]
    return headers, status, json.dumps(page)


def _is_absent(link: Mapping[str, str]) -> bool:
    return link["href"].partition("?")[0].endswith(("/collections", "/TileMatrixSets"))
