"""A STAC API on loopback that can fail in many ways, and small scenes on disk."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.transform import from_origin
from tenacity import wait_none
from werkzeug import Request, Response
from werkzeug.serving import make_server

from geocrop_processes.imagery.access import read_overview, read_window
from geocrop_processes.imagery.scene import BandFile, Scene

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


LEFT, TOP = 838_600, 8_079_300
"""The corner of the small tile of zone 35, beside the seam to zone 36 (longitude 30)."""
SIDE = 120
"""Its side in pixels of 10 m."""
_20M = ("B05", "B06", "B07", "B8A", "B11", "B12", "SCL")
_10M = ("B02", "B03", "B04", "B08")


@dataclass(frozen=True)
class Pixels:
    """What is written as one scene."""

    epsg: int
    left: int
    top: int
    bands: Mapping[str, npt.NDArray[np.uint16]]
    """By name: (SIDE, SIDE) at 10 m, (SIDE / 2, SIDE / 2) at 20 m."""


def random_pixels(
    seed: int, epsg: int = 32735, left: int = LEFT, top: int = TOP, side: int = SIDE
) -> Pixels:
    """Random digital numbers and scene classes, a tenth of them no data."""
    random = np.random.default_rng(seed)
    bands: dict[str, npt.NDArray[np.uint16]] = {}
    for band in (*_10M, *_20M):
        n = side if band in _10M else side // 2
        bands[band] = random.integers(1, 9000, (n, n)).astype(np.uint16)
    bands["SCL"] = random.choice(
        np.array([0, 3, 4, 4, 5, 6, 8, 9, 11], np.uint16), bands["SCL"].shape
    )
    return Pixels(epsg, left, top, bands)


@pytest.fixture(name="random_pixels", scope="session")
def random_pixels_fixture() -> Callable[..., Pixels]:
    return random_pixels


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Scene]:
    """Write pixels to files and give the scene of them."""

    def _write(pixels: Pixels, key: str = "scene", **changes: Any) -> Scene:
        files = {}
        for band, values in pixels.bands.items():
            path = tmp_path / f"{key}-{band}.tif"
            side = 10 if band in _10M else 20
            with rasterio.open(
                path,
                "w",
                driver="GTiff",
                count=1,
                height=values.shape[0],
                width=values.shape[1],
                dtype="uint8" if band == "SCL" else "uint16",
                crs=pixels.epsg,
                transform=from_origin(pixels.left, pixels.top, side, side),
                tiled=True,
                blockxsize=32,
                blockysize=32,
                compress="deflate",
            ) as target:
                target.write(values, 1)
            files[band] = BandFile(str(path), side, pixels.left, pixels.top, values.shape)
        scene = Scene(
            key=key,
            collection="s2_l2a",
            acquired=datetime(2022, 10, 15, 7, 55, tzinfo=UTC),
            platform="sentinel-2a",
            tile="35KRA",
            epsg=pixels.epsg,
            offset=0,
            baseline="04.00",
            files=files,
        )
        return replace(scene, **changes)

    return _write


@pytest.fixture
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    for read in (read_window, read_overview):
        monkeypatch.setattr(read.retry, "wait", wait_none())
