"""A little STAC API over an archive's folder, on loopback, in the manner of Digital Earth Africa's explorer.

STAC API core, collections, items and item search by GET and POST; and the archive's files with byte
ranges, as a bucket would give them.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.security import safe_join
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from geocrop_processes.simulation.demo import NOTICE
from geocrop_processes.simulation.search import BadSearch, parse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Json = dict[str, Any]

CONFORMANCE = (
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)
"""Conformance classes; neither `query` nor `filter` is among them."""
_GEOJSON = "application/geo+json"
_LISTS = ("collections", "ids", "bbox")


class StacApp:
    """The WSGI application over one archive, of one collection; items are read once, at the start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        items = [json.loads(path.read_text()) for path in folder.rglob("S2*.json")]
        self._items = sorted(
            items, key=lambda i: (i["properties"]["datetime"], i["properties"]["title"])
        )
        self._name = str(self._items[0]["collection"])
        self._routes = Map(
            [
                Rule("/", endpoint=self._landing),
                Rule("/conformance", endpoint=self._conformance),
                Rule("/collections", endpoint=self._collections),
                Rule("/collections/<collection>", endpoint=self._collection),
                Rule("/collections/<collection>/items", endpoint=self._collection_items),
                Rule("/collections/<collection>/items/<item>", endpoint=self._item),
                Rule("/search", endpoint=self._search, methods=["GET", "POST"]),
                Rule("/files/<path:path>", endpoint=self._file),
            ]
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            endpoint, values = self._routes.bind_to_environ(environ).match()
            response = endpoint(request, **values)
        except BadSearch as error:
            response = _problem(400, str(error))
        except HTTPException as error:
            response = error.get_response(environ) if error.code in {301, 308, 416} else None
            response = response or _problem(error.code or 500, error.description or error.name)
        result: Iterable[bytes] = response(environ, start_response)
        return result

    def _landing(self, request: Request) -> Response:
        root = request.host_url.rstrip("/")
        links = [
            _link("self", f"{root}/"),
            _link("root", f"{root}/"),
            _link("conformance", f"{root}/conformance"),
            _link("data", f"{root}/collections"),
            _link("child", f"{root}/collections/{self._name}"),
            {**_link("search", f"{root}/search", _GEOJSON), "method": "GET"},
            {**_link("search", f"{root}/search", _GEOJSON), "method": "POST"},
        ]
        return _answer(
            {
                "type": "Catalog",
                "stac_version": "1.1.0",
                "id": "geocrop-simulated",
                "title": "Simulated Sentinel-2 archive",
                "description": NOTICE,
                "conformsTo": list(CONFORMANCE),
                "links": links,
            }
        )

    def _conformance(self, _: Request) -> Response:
        return _answer({"conformsTo": list(CONFORMANCE)})

    def _collections(self, request: Request) -> Response:
        root = request.host_url.rstrip("/")
        links = [_link("self", f"{root}/collections"), _link("root", f"{root}/")]
        return _answer({"collections": [self._describe(root)], "links": links})

    def _collection(self, request: Request, collection: str) -> Response:
        self._check(collection)
        return _answer(self._describe(request.host_url.rstrip("/")))

    def _describe(self, root: str) -> Json:
        """The collection, with the extent of what the archive holds."""
        boxes = [item["bbox"] for item in self._items]
        times = [item["properties"]["datetime"] for item in self._items]
        box = [
            pick(side)
            for pick, side in zip((min, min, max, max), zip(*boxes, strict=True), strict=True)
        ]
        here = f"{root}/collections/{self._name}"
        return {
            "type": "Collection",
            "stac_version": "1.1.0",
            "id": self._name,
            "title": "Simulated Sentinel-2 L2A in Digital Earth Africa's layout",
            "description": NOTICE,
            "license": "Apache-2.0",
            "extent": {
                "spatial": {"bbox": [box]},
                "temporal": {"interval": [[times[0], times[-1]]]},
            },
            "links": [
                _link("self", here),
                _link("root", f"{root}/"),
                _link("parent", f"{root}/"),
                _link("items", f"{here}/items", _GEOJSON),
            ],
        }

    def _collection_items(self, request: Request, collection: str) -> Response:
        self._check(collection)
        values = {**_arguments(request), "collections": [collection]}
        return self._page(request, values)

    def _item(self, request: Request, collection: str, item: str) -> Response:
        self._check(collection)
        for candidate in self._items:
            if candidate["id"] == item:
                return _answer(_absolute(candidate, request.host_url.rstrip("/")), _GEOJSON)
        raise NotFound(f"There is no item {item!r}.")

    def _check(self, collection: str) -> None:
        if collection != self._name:
            raise NotFound(f"There is no collection {collection!r}.")

    def _search(self, request: Request) -> Response:
        if request.method != "POST":
            return self._page(request, _arguments(request))
        body = request.get_json(force=True)
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        return self._page(request, body)

    def _page(self, request: Request, values: Mapping[str, Any]) -> Response:
        """One page of what a search finds, with a link to the next in the way it was asked."""
        search = parse(values)
        root = request.host_url.rstrip("/")
        found = [item for item in self._items if search.finds(item)]
        page = found[search.offset : search.offset + search.limit]
        links = [_link("self", request.url), _link("root", f"{root}/")]
        after = search.offset + len(page)
        if page and after < len(found):
            links.append(_next(request, after))
        return _answer(
            {
                "type": "FeatureCollection",
                "features": [_absolute(item, root) for item in page],
                "links": links,
                "numberMatched": len(found),
                "numberReturned": len(page),
            },
            _GEOJSON,
        )

    def _file(self, request: Request, path: str) -> Response:
        """A file of the archive, or a part of it."""
        safe = safe_join(str(self._folder.resolve()), path)
        if safe is None or not Path(safe).is_file():
            raise NotFound(f"There is no file {path!r}.")
        return send_file(safe, request.environ, conditional=True, etag=True, max_age=3600)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve an archive on a free port of this machine alone, for as long as the context lasts.

    Args:
        folder: what `build_archive` has built.

    Yields:
        The address of the STAC API, without a slash at its end.
    """
    server = make_server(
        "127.0.0.1", 0, StacApp(folder), threaded=True, request_handler=_QuietHandler
    )
    thread = Thread(target=server.serve_forever, name="simulated-stac", daemon=True)
    thread.start()
    try:
        with _without_proxy():
            yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Let requests to this machine pass by a proxy that the environment may name, as curl and requests read it."""
    kept = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    for name, value in kept.items():
        os.environ[name] = f"{value},127.0.0.1" if value else "127.0.0.1"
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _QuietHandler(WSGIRequestHandler):
    """Says nothing; every request has a connection of its own, as werkzeug's server wants it."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (werkzeug's name)
        """Log nothing."""


def _arguments(request: Request) -> Json:
    """The arguments of a GET, with lists split and geometry read."""
    values: Json = dict(request.args.items())
    for name in _LISTS:
        if name in values:
            values[name] = [part for part in values[name].split(",") if part]
    if "intersects" in values:
        try:
            values["intersects"] = json.loads(values["intersects"])
        except ValueError:
            raise BadSearch("intersects must be a GeoJSON geometry.") from None
    return values


def _next(request: Request, offset: int) -> Json:
    if request.method == "POST":
        body = {**request.get_json(force=True), "_o": offset}
        return {**_link("next", request.base_url, _GEOJSON), "method": "POST", "body": body}
    query = urlencode({**request.args, "_o": offset})
    return _link("next", f"{request.base_url}?{query}", _GEOJSON)


def _absolute(item: Json, root: str) -> Json:
    """An item with links, and with its files at this address."""
    here = f"{root}/collections/{item['collection']}"
    return {
        **item,
        "links": [
            _link("self", f"{here}/items/{item['id']}", _GEOJSON),
            _link("root", f"{root}/"),
            _link("parent", here),
            _link("collection", here),
        ],
        "assets": {
            name: {**asset, "href": f"{root}/files/{asset['href']}"}
            for name, asset in item["assets"].items()
        },
    }


def _link(rel: str, href: str, media_type: str = "application/json") -> Json:
    return {"rel": rel, "href": href, "type": media_type}


def _answer(document: Json, media_type: str = "application/json") -> Response:
    return Response(json.dumps(document), content_type=media_type)


def _problem(status: int, detail: str) -> Response:
    text = json.dumps({"code": status, "description": detail})
    return Response(text, status=status, content_type="application/json")
