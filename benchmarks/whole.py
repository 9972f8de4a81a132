"""A map of a square of the benchmarks' landscape, by our pipeline, without a search."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from benchmarks.landscape import EPSG, LEFT, SEASON, SIDE, TOP, landscape
from benchmarks.model import model
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import PIXEL_M, Grid
from geocrop_processes.features.plain import compute_plain
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.pipeline.classify import carry_out
from geocrop_processes.pipeline.plan import Plan, Request
from geocrop_processes.pipeline.product import Product
from geocrop_processes.registry import RegisteredModel
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
        # it stands in the files, and maps are compared
        digest="0" * 64,
    )


def plain_twin(side: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """The map of the square's upper left corner by plain numpy and the libraries' own predict.

    Returns:
        The classes (side, side), and the distance between the two highest probabilities (side, side).
    """
    plan, inside = planned("plain", side=side), np.ones((side, side), np.bool_)
    cube = read_cube(plan.acquisitions, plan.grid, inside, Access()).cube.values
    days = [a.day for a in plan.acquisitions]
    values = compute_plain(cube[:, :-1], cube[:, -1].astype(np.uint8), days).values
    rows = np.ascontiguousarray(values.reshape(len(values), -1).T)
    known = np.isfinite(rows).all(axis=1)
    ensemble = registered().ensemble
    probabilities = np.ones((side * side, len(ensemble.codes))) / len(ensemble.codes)
    probabilities[known] = ensemble.predict_proba(rows[known])
    ordered = np.sort(probabilities, axis=1)
    classes = np.where(known, ensemble.decide(probabilities), 0).astype(np.uint8)
    margin = ordered[:, -1] - ordered[:, -2]
    return classes.reshape(side, side), margin.reshape(side, side)


def registered() -> RegisteredModel:
    """The model that the maps are made with, loaded anew."""
    return model(FOLDER / "model", landscape(FOLDER / "landscape-40", 40))


def ours(
    name: str, *, side: int = SIDE, dates: int = 40, block_px: int = 512, threads: int = 2
) -> Callable[[], Product]:
    """A map, ready to be made: the model is loaded and every kernel compiled."""
    storage = Storage(str(FOLDER / "storage"))
    storage.ensure_buckets()
    chosen = registered()
    plan = planned(name, side=side, dates=dates, block_px=block_px)
    warm = planned("warm", side=64, dates=dates, block_px=64)
    carry_out(warm, chosen, storage=storage, access=Access())
    return lambda: carry_out(
        replace(plan, job_id=name), chosen, storage=storage, access=Access(), threads=threads
    )
