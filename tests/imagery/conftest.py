"""A STAC API on loopback that can fail in many ways, and small scenes on disk."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

Handler = Callable[[Request], Response]


@dataclass
class Server:
    """A server whose answers a test can change."""

    url: str
    """Its address, without a slash at the end."""
    handle: Handler
    """Answers requests."""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request."""


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], Server]]:
    """Start servers on free ports of the loopback; they stop with the test."""
    running = []

    def start(handle: Handler) -> Server:
        served = Server("", handle)

        @Request.application
        def application(request: Request) -> Response:
            served.seen.append(f"{request.method} {request.path}")
            return served.handle(request)

        server = make_server("127.0.0.1", 0, application, threaded=True)
        served.url = f"http://127.0.0.1:{server.port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append((server, thread))
        return served

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join(10)
        server.server_close()


def item(key: str = "S2A_36KTF_20221015", **properties: Any) -> dict[str, Any]:
    """An item of s2_l2a, as Digital Earth Africa's explorer renders it, in brief."""
    bands = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12", "SCL"]
    fine = {"B02", "B03", "B04", "B08"}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"uuid-of-{key}",
        "collection": "s2_l2a",
        "geometry": None,
        "properties": {
            "title": key,
            "datetime": "2022-10-15T07:55:00Z",
            "platform": "sentinel-2a",
            "odc:region_code": "36KTF",
            "proj:code": "EPSG:32736",
            "sentinel:processing_baseline": "04.00",
            "sentinel:boa_offset_applied": True,
            "eo:cloud_cover": 12.5,
            **properties,
        },
        "links": [{"rel": "self", "href": f"https://example.org/items/{key}"}],
        "assets": {
            band: {
                "href": f"https://example.org/{key}/{band}.tif",
                "proj:shape": [200, 200] if band in fine else [100, 100],
                "proj:transform": [m := 10 if band in fine else 20, 0, 300_000, 0, -m, 8_000_000],
            }
            for band in bands
        },
    }


@pytest.fixture(name="item", scope="session")
def item_fixture() -> Callable[..., dict[str, Any]]:
    return item


class StacApi:
    """A STAC API in 40 lines: two collections, paged searches.

    Args:
        items: what searches find, whatever they ask for.
        page: items on a page.
        interval: the extent in time of the collection.
    """

    def __init__(
        self,
        items: list[Mapping[str, Any]],
        page: int = 2,
        interval: tuple[str | None, str | None] = ("2017-01-01T00:00:00Z", None),
    ) -> None:
        self.items, self.page, self.interval = items, page, interval
        self.searches: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Response:
        root = request.host_url.rstrip("/")
        if request.path == "/":
            return answer(self._landing(root))
        if request.path == "/collections/s2_l2a":
            return answer(self._collection())
        if request.path == "/search":
            asked = request.get_json() if request.method == "POST" else dict(request.args)
            self.searches.append(asked)
            return answer(self._found(root, request.method, asked))
        return Response("<html>no such page</html>", 404, mimetype="text/html")

    def _landing(self, root: str) -> dict[str, Any]:
        spec = "https://api.stacspec.org/v1.0.0"
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "small",
            "description": "For tests.",
            "conformsTo": [
                f"{spec}/{part}"
                for part in ("core", "item-search", "collections", "ogcapi-features")
            ],
            "links": [
                {"rel": "self", "href": f"{root}/", "type": "application/json"},
                {"rel": "root", "href": f"{root}/", "type": "application/json"},
                {"rel": "data", "href": f"{root}/collections", "type": "application/json"},
                *(
                    {
                        "rel": "search",
                        "href": f"{root}/search",
                        "type": "application/geo+json",
                        "method": method,
                    }
                    for method in ("GET", "POST")
                ),
            ],
        }

    def _collection(self) -> dict[str, Any]:
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": "s2_l2a",
            "description": "For tests.",
            "license": "proprietary",
            "extent": {
                "spatial": {"bbox": [[25, -23, 34, -15]]},
                "temporal": {"interval": [list(self.interval)]},
            },
            "links": [],
        }

    def _found(self, root: str, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        start = int(asked.get("token", 0))
        after = start + self.page
        links: list[dict[str, Any]] = []
        if after < len(self.items):
            links = [{"rel": "next", "href": f"{root}/search", "method": method}]
            links[0] |= {"body": {"token": after}, "merge": True}
        page = self.items[start:after]
        return {"type": "FeatureCollection", "features": page, "links": links}


def answer(values: Any) -> Response:
    """Values as JSON."""
    return Response(json.dumps(values), mimetype="application/json")


@pytest.fixture
def stac_api() -> type[StacApi]:
    return StacApi
