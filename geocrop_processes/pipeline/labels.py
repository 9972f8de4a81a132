"""Labelled points and polygons that somebody hands over: read, checked row by row, in longitude and latitude."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from geocrop_processes.domain.aoi import Region
from geocrop_processes.domain.legend import Legend

GEOJSON = "application/geo+json"
CSV = "text/csv"
GEOPACKAGE = "application/geopackage+sqlite3"
MEDIA_TYPES = (GEOJSON, CSV, GEOPACKAGE)
"""What labels can be handed over as."""


@dataclass(frozen=True)
class Limits:
    """How much is accepted."""

    max_bytes: int = 32 * 2**20
    """Of the file."""
    max_rows: int = 50_000
    """Points and polygons."""
    max_corners: int = 1_000_000
    """Of all polygons together."""
    max_hectares: float = 1000.0
    """Of one polygon: a field, not a district."""


@dataclass(frozen=True)
class Label:
    """A place whose class is known."""

    row: int
    """Its row as people count: the first record of a CSV is row 2, below the names; of other files it is 1."""
    code: int
    """Its class, a code of the labels' legend."""
    year: int
    """The season, by its first September; 0 where none was asked for."""
    geometry: Any
    """A valid shapely Point, Polygon or MultiPolygon; degrees, longitude first, WGS 84."""
    group: int
    """The field or group that it belongs to, from 0: never split. Of its own where the file names none."""
    name: str = ""
    """What the file calls the row (`id`), if anything."""


@dataclass(frozen=True)
class Labels:
    """Labelled places, and their classes."""

    labels: tuple[Label, ...]
    """In the order of the file."""
    legend: Legend
    """Their classes: those given, or made from the labels."""
    sha256: str
    """Of the file, hexadecimal."""


def read_labels(  # noqa: PLR0913 - what is accepted, each by its name
    content: bytes,
    media_type: str,
    *,
    region: Region,
    today: date,
    legend: Legend | None = None,
    open_legend: bool = False,
    season: int | None = None,
    limits: Limits = Limits(),
) -> Labels:
    """Read labels and check every row.

    Args:
        content: the file.
        media_type: one of `MEDIA_TYPES`; the content must be of it.
        region: where labels may lie.
        today: seasons begin no later.
        legend: the classes that labels may have, by name or code; made from the labels where none is given.
        open_legend: add classes that a given legend lacks, with codes above its own, rather than refuse them.
        season: the season of rows that name none, by its first September.
        limits: how much is accepted.

    Raises:
        InvalidLabels: the file is too large or of another kind, lacks columns, or has rows that cannot be used:
            the first ten are named, and how many more there are.
    """
    raise NotImplementedError
