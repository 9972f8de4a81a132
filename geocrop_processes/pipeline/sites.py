"""Where labelled pixels lie: labels of one season that are near one another are a site, which is looked at at once.

A site's pixels are those that a map of the place would have: of the 10 m grid of the UTM zone whose tile covers most of
it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from geocrop_processes.domain.aoi import MIN_RADIUS_M, Aoi, utm_epsg
from geocrop_processes.domain.grid import ALIGNMENT_M, PIXEL_M, Grid
from geocrop_processes.pipeline.labels import Label

SITE_M = 5000
"""The side of the squares of a UTM zone that labels are gathered in, metres."""
_PER_ALIGNMENT = ALIGNMENT_M // PIXEL_M

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gathered:
    """Labels of one season in one square."""

    name: str
    """The season, the zone and the square: unique within a job."""
    year: int
    """The season."""
    labels: tuple[Label, ...]
    """In the order of their rows."""

    @property
    def aoi(self) -> Aoi:
        """A circle that holds all of the labels."""
        lon, lat = self.labels[0].geometry.representative_point().coords[0]
        epsg = utm_epsg(lon, lat)
        left, bottom, right, top = shapely.total_bounds(_moved(self.labels, epsg))
        to = Transformer.from_crs(epsg, 4326, always_xy=True)
        centre = to.transform((left + right) / 2, (bottom + top) / 2)
        # whole pixels lie inside, those that the edge runs through as well
        radius = math.hypot(right - left, top - bottom) / 2 + 2 * ALIGNMENT_M
        return Aoi(float(centre[0]), float(centre[1]), max(math.ceil(radius), MIN_RADIUS_M))


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels of a UTM zone, n of them; numbers of columns run east, of rows north, from the zone's origin."""

    epsg: int
    """The zone."""
    columns: Ints
    """(n,) the pixel's western side is 10 m times this."""
    rows: Ints
    """(n,) the pixel's southern side is 10 m times this."""
    labels: Ints
    """(n,) the row of the label in its file."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def grid(self) -> Grid:
        """The smallest aligned grid that holds all of them."""
        left = int(self.columns.min()) // _PER_ALIGNMENT * ALIGNMENT_M
        right = (int(self.columns.max()) // _PER_ALIGNMENT + 1) * ALIGNMENT_M
        bottom = int(self.rows.min()) // _PER_ALIGNMENT * ALIGNMENT_M
        top = (int(self.rows.max()) // _PER_ALIGNMENT + 1) * ALIGNMENT_M
        return Grid(self.epsg, left, top, (right - left) // PIXEL_M, (top - bottom) // PIXEL_M)

    def within(self, grid: Grid) -> tuple[Ints, Ints]:
        """Their rows and columns in an array of a grid, from above and from the left."""
        return grid.top // PIXEL_M - 1 - self.rows, self.columns - grid.left // PIXEL_M

    def places(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Longitude and latitude of their centres, degrees (n,)."""
        to = Transformer.from_crs(self.epsg, 4326, always_xy=True)
        x, y = ((v + 0.5) * PIXEL_M for v in (self.columns, self.rows))
        lon, lat = to.transform(x, y)
        return np.asarray(lon), np.asarray(lat)

    def take(self, which: Sequence[int] | Ints) -> "Pixels":
        """Some of them, by their numbers from 0."""
        which = np.asarray(which, np.int64)
        return Pixels(self.epsg, self.columns[which], self.rows[which], self.labels[which])


def gather(labels: Sequence[Label]) -> list[Gathered]:
    """Labels by season and square, in the order of the sites' names; a polygon belongs where its middle lies."""
    sites: dict[tuple[int, str], list[Label]] = {}
    for label, square in zip(labels, _squares(labels), strict=True):
        sites.setdefault((label.year, f"{label.year}-{square}"), []).append(label)
    return [Gathered(name, year, tuple(members)) for (year, name), members in sorted(sites.items())]


def _squares(labels: Sequence[Label]) -> list[str]:
    """The zone and the square that each label's middle lies in."""
    middles = shapely.get_coordinates(shapely.point_on_surface([at.geometry for at in labels]))
    zones = np.array([utm_epsg(lon, lat) for lon, lat in middles.tolist()])
    found = np.empty(len(middles), object)
    for epsg in np.unique(zones).tolist():
        mine = np.flatnonzero(zones == epsg)
        to = Transformer.from_crs(4326, epsg, always_xy=True)
        x, y = (np.asarray(v) // SITE_M for v in to.transform(*middles[mine].T))
        found[mine] = [f"{epsg}-{int(a):04d}-{int(b):04d}" for a, b in zip(x, y, strict=True)]
    return list(found)


def pixels_of(labels: Sequence[Label], epsg: int, *, per_field: int, seed: int) -> Pixels:
    """The pixels of a zone that labels speak of, label by label; within a label from north to south, west to east.

    A point speaks of the pixel that it lies in. A polygon speaks of those whose centres lie at least a pixel's side
    inside of it; of those whose centres lie inside at all, where there is none; of none where no centre does.

    Args:
        labels: of a site.
        epsg: the zone.
        per_field: the most pixels of a polygon: of more, so many are drawn, each as likely as any other.
        seed: of the drawing; what is drawn of a label does not depend on others.
    """
    columns, rows, numbers = [], [], []
    for label, geometry in zip(labels, _moved(labels, epsg), strict=True):
        across, up = _pixels(geometry)
        if len(across) > per_field:
            random = np.random.default_rng([seed, label.row])
            drawn = np.sort(random.choice(len(across), per_field, replace=False))
            across, up = across[drawn], up[drawn]
        columns.append(across)
        rows.append(up)
        numbers.append(np.full(len(across), label.row, np.int64))
    return Pixels(epsg, *(np.concatenate(parts) for parts in (columns, rows, numbers)))


def _moved(labels: Sequence[Label], epsg: int) -> npt.NDArray[np.object_]:
    """The labels' geometries in a zone's metres (n,)."""
    to = Transformer.from_crs(4326, epsg, always_xy=True)
    geometries = np.array([label.geometry for label in labels], object)
    found: npt.NDArray[np.object_] = shapely.transform(geometries, to.transform, interleaved=False)
    return found


def _pixels(geometry: Any) -> tuple[Ints, Ints]:
    """Columns and rows of the pixels that a geometry in metres speaks of."""
    if geometry.geom_type == "Point":
        return (
            np.array([math.floor(geometry.x / PIXEL_M)], np.int64),
            np.array([math.floor(geometry.y / PIXEL_M)], np.int64),
        )
    left, bottom, right, top = (math.floor(v / PIXEL_M) for v in geometry.bounds)
    height, width = top - bottom + 1, right - left + 1
    up = np.repeat(np.arange(top, bottom - 1, -1), width)
    across = np.tile(np.arange(left, right + 1), height)
    centres = (across + 0.5) * PIXEL_M, (up + 0.5) * PIXEL_M
    inner = shapely.contains_xy(geometry.buffer(-PIXEL_M), *centres)
    found = inner if inner.any() else shapely.contains_xy(geometry, *centres)
    return across[found].astype(np.int64), up[found].astype(np.int64)
