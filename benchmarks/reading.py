"""Reading a cube of 20 acquisitions x (10 bands + SCL), 1000 x 1000 pixels of 10 m: `python -m benchmarks.reading`.

Compared are `read_cube`, odc-stac with each of several sizes of its pool (the best counts), and rasterio in one
thread with the same options as ours. All read the same windows of the same 220 files to uint16 at 10 m; every pixel is
inside and the offset is 0, so that the pixels must be the same: `same_pixels` checks it before anything is timed.

Files lie on disk (in the kernel's cache), or come from a server on loopback, a process of its own, that answers
each request after 40 ms. All run in one process, in turns, and medians are told; every call over HTTP has
addresses of its own, for GDAL keeps the bytes that it fetched for as long as a process lives. Peaks of
memory and numbers of requests are those of one call in a fresh process each.
"""

import uuid
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import odc.stac
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from benchmarks import latency, scenes
from benchmarks.measure import Cost, Figure, apart, show, side_by_side
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import acquisitions, read_cube
from geocrop_processes.imagery.scene import FILES

DELAY_S = 0.04
LOCAL_POOLS, REMOTE_POOLS = (2, 4, 8), (32, 64)
"""Sizes of odc-stac's pool that are tried."""
REPETITIONS = 3
Cube = npt.NDArray[np.uint16]


def ours(root: str) -> Cube:
    """As the pipeline reads; (time, band, y, x)."""
    grid = scenes.WINDOW
    observed = acquisitions(scenes.scenes(root), grid.epsg, 31.0)
    read = read_cube(observed, grid, np.ones(grid.shape, bool), Access())
    values: Cube = read.cube.values
    return values


def theirs(root: str, pool: int) -> dict[str, Cube]:
    """odc-stac; (time, y, x) by band."""
    grid = scenes.WINDOW
    of_bands = {"data_type": "uint16", "nodata": 0}
    odc.stac.configure_rio(cloud_defaults=True)
    loaded = odc.stac.load(
        scenes.items(scenes.scenes(root)),
        bands=list(FILES),
        geobox=GeoBox(grid.shape, grid.transform, f"EPSG:{grid.epsg}"),
        stac_cfg={"s2_l2a": {"assets": {"*": of_bands}}},
        resampling="nearest",
        pool=pool,
    )
    return {name: loaded[name].values for name in FILES}


def sequential(root: str) -> Cube:
    """rasterio, one file after the other; 20 m pixels are repeated by it; (time, band, y, x)."""
    grid = scenes.WINDOW
    found = scenes.scenes(root)
    out = np.zeros((len(found), len(FILES), *grid.shape), np.uint16)
    with Access().environment():
        for layers, scene in zip(out, found, strict=True):
            for layer, name in zip(layers, FILES, strict=True):
                file = scene.files[name]
                pixel = file.pixel_m
                window = Window(
                    (grid.left - file.left) / pixel,
                    (file.top - grid.top) / pixel,
                    grid.width * 10 / pixel,
                    grid.height * 10 / pixel,
                )
                with rasterio.open(file.href) as source:
                    source.read(1, window=window, out=layer)
    return out


def same_pixels(root: str) -> None:
    """Raise unless all read the same pixels."""
    cube, other = ours(root), theirs(root, 2)
    if not all(np.array_equal(cube[:, n], other[name]) for n, name in enumerate(FILES)):
        raise RuntimeError("odc-stac reads other pixels.")
    if not np.array_equal(cube, sequential(root)):
        raise RuntimeError("rasterio in one thread reads other pixels.")


def figures() -> list[Figure]:
    """With files on disk, and with 40 ms for each request."""
    folder = scenes.make()
    same_pixels(str(folder))
    local = _costs(LOCAL_POOLS, lambda: str(folder))
    with latency.served(folder, DELAY_S) as url:
        remote = _costs(REMOTE_POOLS, lambda: _fresh(url))
        other = _best(remote)
        own_mb, own_asked = _apart(url, ours)
        other_mb, other_asked = _apart(url, partial(theirs, pool=int(other.split()[1])))
    return [
        *_compared("20 dates from disk", local, None),
        *_compared("20 dates, 40 ms a request", remote, 10.0),
        Figure("peak of memory, remote", own_mb, other_mb, "MB", None, other),
        Figure("requests", float(own_asked), float(other_asked), "requests", None, other),
    ]


def _costs(pools: tuple[int, ...], root: Callable[[], str]) -> dict[str, Cost]:
    """The median cost of each contender."""
    contenders: dict[str, Callable[[str], object]] = {"ours": ours, "one thread": sequential}
    contenders |= {f"odc-stac {pool}": partial(theirs, pool=pool) for pool in pools}
    works = {name: partial(_at, work, root) for name, work in contenders.items()}
    return side_by_side(works, REPETITIONS)


def _at(work: Callable[[str], object], root: Callable[[], str]) -> None:
    work(root())


def _best(costs: dict[str, Cost]) -> str:
    """The size of the pool with which odc-stac is fastest."""
    return min((n for n in costs if n.startswith("odc-stac")), key=lambda n: costs[n].wall_s)


def _compared(place: str, costs: dict[str, Cost], sequential_goal: float | None) -> list[Figure]:
    own, single, name = costs["ours"], costs["one thread"], _best(costs)
    best, one = costs[name], "rasterio in one thread"
    return [
        Figure(place, own.wall_s, best.wall_s, "s", 1.0, name),
        Figure(place, own.cpu_s, best.cpu_s, "cpu-s", None, name),
        Figure(place, own.wall_s, single.wall_s, "s", sequential_goal, one),
        Figure(place, own.cpu_s, single.cpu_s, "cpu-s", None, one),
    ]


def _apart(url: str, work: Callable[[str], object]) -> tuple[float, int]:
    """The peak of memory, MB, and the requests of one call."""
    latency.asked(url)
    cost = apart(work, _fresh(url))
    return cost.peak_mb, latency.asked(url)


def _fresh(url: str) -> str:
    """Addresses that nobody has cached."""
    return f"{url}/{uuid.uuid4()}"


if __name__ == "__main__":
    show(figures())
