"""Land-cover baselines: seasonal composites of Dynamic World that maps are masked by and compared with.

They are COGs of class codes 0..8 (uint8) under `dw/zim/summer/` in the bucket of baselines. Their names hold
which composite they are, `agreement` (the most frequent class of the season's scenes) or `highest_conf` (the
most probable one), and the year of the season's first September; of two years, as in `2022_2023`, the first
counts. 0 is water, a class like any other: what is no data is told by a file's no-data tag alone.

Dynamic World: Brown et al. 2022, Scientific Data 9:251, CC BY 4.0.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS, Transformer
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import UnusableBaseline
from geocrop_processes.storage import BASELINES, Storage
from geocrop_processes.storage.rasters import opened

PREFIX = "dw/zim/summer/"
"""Where baselines are in their bucket."""
CLASSES = (
    ("water", "419bdf"),
    ("trees", "397d49"),
    ("grass", "88b053"),
    ("flooded vegetation", "7a87c6"),
    ("crops", "e49635"),
    ("shrub and scrub", "dfc35a"),
    ("built", "c4281b"),
    ("bare", "a59b8f"),
    ("snow and ice", "b39fe1"),
)
"""Names and colours (`rrggbb`) of Dynamic World's classes 0..8."""
CROPS = 4
"""The class of cropland."""
UNKNOWN = 255
"""What `read_baseline` gives for pixels without a class."""
SIMULATED_TAG = "GEOCROP_SIMULATED"
"""The metadata of a file that says so if it is no real baseline."""
KINDS = ("agreement", "highest_conf")
"""Which composites are known, the one that is preferred first."""

_KIND = re.compile(r"agreement|highest_?conf", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")


@dataclass(frozen=True)
class BaselineFile:
    """One COG of a baseline."""

    key: str
    """Its key in the bucket of baselines."""
    version: str
    """What tells its content from any other: a SHA-256 or an ETag."""


@dataclass(frozen=True)
class Baseline:
    """The land cover of a season about a place."""

    kind: str
    """One of `KINDS`."""
    files: tuple[BaselineFile, ...]
    """By key; where they overlap, the first with a class there counts."""


def seasons(storage: Storage) -> list[int]:
    """The seasons, by the year of their first September, that some baseline is stored of.

    Raises:
        StorageUnavailable: the store does not answer.
    """
    return sorted({year for year, _, _ in _stored(storage)})


def find_baseline(
    storage: Storage, season: Season, grid: Grid, *, simulated: bool
) -> Baseline | None:
    """The baseline of a season that reaches into a grid; None where none does.

    Args:
        storage: where baselines are.
        season: the season.
        grid: the pixels that matter.
        simulated: whether simulated baselines are looked for, or real ones: the two never meet.

    Raises:
        UnusableBaseline: a file of the season is no raster of bytes with a CRS.
        StorageUnavailable: the store does not answer, or a file cannot be read.
    """
    stored = [(kind, key) for year, kind, key in _stored(storage) if year == season.year]
    for kind in KINDS:
        keys = [
            key
            for found, key in stored
            if found == kind and _reaches(storage, key, grid, simulated=simulated)
        ]
        if keys:
            files = (BaselineFile(key, storage.version(BASELINES, key)) for key in keys)
            return Baseline(kind, tuple(files))
    return None


def read_baseline(baseline: Baseline, grid: Grid, storage: Storage) -> npt.NDArray[np.uint8]:
    """Dynamic World's classes 0..8 at the centres of a grid's pixels, `UNKNOWN` where there is none.

    The nearest pixel of the file is found exactly, point by point, in the file's own CRS: blocks of any size
    give the same classes.

    Returns:
        uint8 (height, width).

    Raises:
        StorageUnavailable: a file cannot be read.
    """
    cover = np.full(grid.shape, UNKNOWN, np.uint8)
    for file in baseline.files:
        lacking = cover == UNKNOWN
        if not lacking.any():
            break
        with _open(storage, file.key) as source:
            cover[lacking] = _nearest(source, grid)[lacking]
    return cover


def _stored(storage: Storage) -> Iterator[tuple[int, str, str]]:
    """Season's year, kind and key of every file whose name tells both."""
    for key in storage.list(BASELINES, PREFIX):
        name = key.removeprefix(PREFIX)
        kind, year = _KIND.search(name), _YEAR.search(name)
        if kind and year and name.lower().endswith((".tif", ".tiff")):
            yield int(year[0]), KINDS[not kind[0].lower().startswith("agree")], key


def _reaches(storage: Storage, key: str, grid: Grid, *, simulated: bool) -> bool:
    """Whether a file is of the wanted sort and its bounding box meets the grid's."""
    with _open(storage, key) as source:
        if source.dtypes[0] != "uint8" or source.crs is None:
            raise UnusableBaseline(
                f"The baseline {key} must hold class codes as bytes with a CRS; it holds {source.dtypes[0]}"
                f"{'' if source.crs else ' without a CRS'}."
            )
        if (source.tags().get(SIMULATED_TAG) == "YES") is not simulated:
            return False
        left, bottom, right, top = transform_bounds(f"EPSG:{grid.epsg}", source.crs, *grid.bounds)
        box = source.bounds
        return bool(left < box.right and right > box.left and bottom < box.top and top > box.bottom)


def _nearest(source: rasterio.DatasetReader, grid: Grid) -> npt.NDArray[np.uint8]:
    rows, cols = _indices(source, grid)
    valid = (rows >= 0) & (rows < source.height) & (cols >= 0) & (cols < source.width)
    cover = np.full(grid.shape, UNKNOWN, np.uint8)
    if not valid.any():
        return cover
    top, left = int(rows[valid].min()), int(cols[valid].min())
    shape = int(rows[valid].max()) + 1 - top, int(cols[valid].max()) + 1 - left
    pixels = source.read(1, window=Window(left, top, shape[1], shape[0]))
    found = pixels[rows[valid] - top, cols[valid] - left]
    known = found < len(CLASSES)
    if source.nodata is not None:
        known &= found != source.nodata
    cover[valid] = np.where(known, found, UNKNOWN)
    return cover


def _indices(
    source: rasterio.DatasetReader, grid: Grid
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and column of a file's pixel under each centre of a grid's pixels; both (height, width)."""
    x, y = np.meshgrid(*grid.centres())
    crs = CRS.from_user_input(source.crs)
    if crs.to_epsg() != grid.epsg:
        x, y = Transformer.from_crs(grid.epsg, crs, always_xy=True).transform(x, y)
    inverse = ~source.transform
    cols = np.floor(inverse.a * x + inverse.b * y + inverse.c)
    rows = np.floor(inverse.d * x + inverse.e * y + inverse.f)
    return _whole(rows), _whole(cols)


def _whole(index: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Indices as integers; what a projection cannot show is beyond every file."""
    return np.where(np.isfinite(index), index, -1).astype(np.int64)


def _open(storage: Storage, key: str) -> AbstractContextManager[rasterio.DatasetReader]:
    return opened(storage, BASELINES, key, f"The baseline {key}")
