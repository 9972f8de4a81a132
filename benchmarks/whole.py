"""A map of a square of the benchmarks' landscape, by our pipeline, without a search."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pyproj import Transformer

from benchmarks.landscape import EPSG, LEFT, SEASON, SIDE, TOP, landscape
from benchmarks.model import model
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import PIXEL_M, Grid
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.classify import carry_out
from geocrop_processes.pipeline.plan import Plan, Request
from geocrop_processes.pipeline.product import Product
from geocrop_processes.storage import Storage

FOLDER = Path(".geocrop/cache/bench")
"""Where what is made once is kept."""


def planned(name: str, *, side: int = SIDE, dates: int = 40, block_px: int = 512) -> Plan:
    """The plan of a square of `side` pixels, every pixel of it inside the circle."""
    tiles = -(-side // SIDE)
    seen = landscape(FOLDER / f"landscape-{dates}", dates)
    metres = side * PIXEL_M
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    lon, lat = to_degrees.transform(LEFT + metres / 2, TOP - metres / 2)
    request = Request(Aoi(lon, lat, 0.75 * metres), SEASON, "https://example.org/stac", block_px, 6)
    return Plan(
        job_id=name,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        request=request,
        model="benchmark@1",
        grid=Grid(EPSG, LEFT, TOP, side, side),
        anchor=(LEFT, TOP),
        scenes=tuple(sorted(seen.mosaic(tiles), key=lambda s: s.sort_key)),
        left_out=(),
        digest=name,
    )


def ours(
    name: str, *, side: int = SIDE, dates: int = 40, block_px: int = 512, threads: int = 2
) -> Callable[[], Product]:
    """A map, ready to be made: the model is loaded and every kernel compiled."""
    storage = Storage(str(FOLDER / "storage"))
    storage.ensure_buckets()
    registered = model(FOLDER / "model", landscape(FOLDER / "landscape-40", 40))
    plan = planned(name, side=side, dates=dates, block_px=block_px)
    warm = planned("warm", side=64, dates=dates, block_px=64)
    carry_out(warm, registered, storage=storage, access=Access())
    return lambda: carry_out(
        replace(plan, job_id=name), registered, storage=storage, access=Access(), threads=threads
    )
