"""Reference systems that coverages are given in, and asked for by: their names, axes and pixels."""

import math
import re
from dataclasses import dataclass

from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform_bounds

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.service.problems import invalid

DEGREES = 0.0001
"""The side of a pixel in degrees: 11 m of latitude, which is nearest to the 10 m of a map."""
RIGHT = frozenset({"e", "easting", "x", "lon", "long", "longitude"})
"""What requests call the axis to the right, lower case."""
UP = frozenset({"n", "northing", "y", "lat", "latitude"})
"""What they call the axis upwards."""
_URI = "http://www.opengis.net/def/crs/"
_NAME = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/|urn:ogc:def:crs:)?\[?"
    r"(OGC|EPSG)(?:/[0-9.]*/|:[0-9.]*:|:)([A-Za-z0-9]{1,9})\]?"
)
"""A URI, a URN, or a CURIE with or without brackets (RFC 3986 has no room for them in a query)."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in this order whatever the order of the axes."""


@dataclass(frozen=True)
class Crs:
    """A reference system of two axes."""

    authority: str
    """`OGC` or `EPSG`."""
    code: str
    """Its name there: `CRS84`, `32736`."""

    @property
    def uri(self) -> str:
        """Its name as OGC writes it."""
        version = "1.3" if self.authority == "OGC" else "0"
        return f"{_URI}{self.authority}/{version}/{self.code}"

    @property
    def epsg(self) -> int:
        """The EPSG code; CRS84 is 4326 with longitude first, which is how rasters are stored anyway."""
        return 4326 if self.authority == "OGC" else int(self.code)

    @property
    def geographic(self) -> bool:
        """Whether the axes are longitude and latitude, in degrees."""
        return self.epsg == 4326

    @property
    def latitude_first(self) -> bool:
        """Whether coordinates are written latitude first, as EPSG has it."""
        return self.geographic and self.authority == "EPSG"

    @property
    def axes(self) -> tuple[str, str]:
        """The names of the axes that run to the right and upwards."""
        return ("Lon", "Lat") if self.geographic else ("E", "N")

    @property
    def step(self) -> float:
        """The side of a pixel, in the unit of the axes."""
        return DEGREES if self.geographic else float(PIXEL_M)

    @property
    def rasterio(self) -> CRS:
        """As rasterio knows it."""
        return CRS.from_epsg(self.epsg)

    def ordered(self, box: Box) -> Box:
        """A box in the order of the axes, or one that was in it as left, bottom, right, top."""
        if not self.latitude_first:
            return box
        first, second, third, fourth = box
        return second, first, fourth, third


CRS84 = Crs("OGC", "CRS84")
"""Longitude and latitude on WGS 84, in this order."""
EPSG_4326 = Crs("EPSG", "4326")
"""The same, latitude first."""
WEB_MERCATOR = Crs("EPSG", "3857")
"""What web maps are drawn in."""


def parse(name: str, text: str, allowed: tuple[Crs, ...]) -> Crs:
    """Understand the name of a reference system.

    Args:
        name: the parameter, for the message.
        text: a URI, URN or CURIE.
        allowed: those that the collection can be asked for in.

    Raises:
        Problem: it is none of those that are allowed (400).
    """
    match = _NAME.fullmatch(text.strip())
    crs = Crs(match[1], match[2].upper()) if match else None
    if crs not in allowed:
        known = ", ".join(c.uri for c in allowed)
        raise invalid(f"The parameter {name!r} is {text[:200]!r}, allowed are {known}.")
    assert crs is not None  # noqa: S101 - for whoever reads types
    return crs


def moved(box: Box, source: Crs, target: Crs) -> Box | None:
    """The box around a box in another reference system; None where that has no room for it."""
    if source.epsg == target.epsg:
        return box
    try:
        left, bottom, right, top = transform_bounds(
            source.rasterio, target.rasterio, *box, densify_pts=21
        )
    except (CRSError, RasterioError):
        return None
    moved_box = float(left), float(bottom), float(right), float(top)
    return moved_box if all(map(math.isfinite, moved_box)) else None


def met(one: Box, other: Box) -> Box | None:
    """Where two boxes overlap; None where they do not, or only touch."""
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    right, top = min(one[2], other[2]), min(one[3], other[3])
    return (left, bottom, right, top) if left < right and bottom < top else None


@dataclass(frozen=True)
class PixelGrid:
    """Where the pixels of an answer lie: north up."""

    crs: Crs
    """The reference system."""
    left: float
    """The coordinate of the left side."""
    top: float
    """The coordinate of the upper side."""
    x_step: float
    """The width of a pixel, above 0."""
    y_step: float
    """The height of a pixel, above 0."""
    width: int
    """Columns of pixels."""
    height: int
    """Rows of pixels."""

    @property
    def transform(self) -> Affine:
        """From (column, row) to coordinates."""
        return Affine(self.x_step, 0.0, self.left, 0.0, -self.y_step, self.top)

    @property
    def bounds(self) -> Box:
        """Left, bottom, right, top."""
        right = self.left + self.width * self.x_step
        return self.left, self.top - self.height * self.y_step, right, self.top

    @classmethod
    def around(cls, box: Box, crs: Crs) -> "PixelGrid":
        """The pixels that have something inside a box, on the lattice of the reference system.

        The lattice has its corner at 0, 0: every product's own pixels lie on it in the product's zone.
        """
        step = crs.step
        first_column, last_row = _below(box[0] / step), _below(box[1] / step)
        columns = max(1, _above(box[2] / step) - first_column)
        rows = max(1, _above(box[3] / step) - last_row)
        left, top = round(first_column * step, 6), round((last_row + rows) * step, 6)
        return cls(crs, left, top, step, step, columns, rows)


_EDGE = 1e-6
"""A part of a pixel that is none: what rounding of coordinates leaves over."""


def _below(pixels: float) -> int:
    return math.floor(pixels + _EDGE)


def _above(pixels: float) -> int:
    return math.ceil(pixels - _EDGE)
