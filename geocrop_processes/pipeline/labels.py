"""Labelled points and polygons that somebody hands over: read, checked row by row, in longitude and latitude.

Columns are `class` (name or code), `season` or `year` (of the first September), `field` or `group` (what must not be
split between training and test), `id`, `colour` and `cropland`; the first two are needed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
import shapely

from geocrop_processes.domain.aoi import Region
from geocrop_processes.domain.legend import Legend
from geocrop_processes.domain.season import FIRST_YEAR, Season
from geocrop_processes.errors import InvalidLabels, InvalidSeason
from geocrop_processes.pipeline.geopackage import geopackage_rows
from geocrop_processes.pipeline.label_classes import Classes
from geocrop_processes.pipeline.label_files import Row, csv_rows, geojson_rows
from geocrop_processes.pipeline.label_places import check_place

GEOJSON = "application/geo+json"
CSV = "text/csv"
GEOPACKAGE = "application/geopackage+sqlite3"
MEDIA_TYPES = (GEOJSON, CSV, GEOPACKAGE)
"""What labels can be handed over as."""
NAMED = 10
"""Bad rows that are named; of the others the number is told."""

_READERS: Mapping[str, Callable[[bytes, int], list[Row]]] = MappingProxyType(
    {GEOJSON: geojson_rows, CSV: csv_rows, GEOPACKAGE: geopackage_rows}
)


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
    """The season, by its first September."""
    geometry: Any
    """A valid shapely Point, Polygon or MultiPolygon; degrees, longitude first, WGS 84."""
    group: int
    """The field or group that it belongs to, from 0: never split. Where the file names none, the same place is one."""
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
        legend: the classes that labels may have, by name or code; made from the labels where none is given: codes
            by the order of names, or the labels' own where all are numbers within 1..254.
        open_legend: add classes that a given legend lacks, with codes above its own, rather than refuse them.
        season: the season of rows that name none, by its first September.
        limits: how much is accepted.

    Raises:
        InvalidLabels: the file is too large or of another kind, lacks columns, or has rows that cannot be used:
            the first ten are named, and how many more there are.
    """
    rows = _rows(content, media_type, limits)
    problems = {row.number: row.problem for row in rows if row.problem}
    readable = [row for row in rows if not row.problem]
    if not readable:
        raise InvalidLabels(_sentences(problems, len(rows)))
    classes = Classes.of([row.values for row in readable], legend, open_legend=open_legend)
    labels: list[Label] = []
    groups: dict[tuple[str, object], int] = {}
    for row in readable:
        try:
            check_place(row.geometry, region, limits.max_hectares)
            code = classes.code(row.values)
            year = _year(row.values, today, season)
        except ValueError as error:
            problems[row.number] = str(error)
            continue
        group = groups.setdefault(_group(row), len(groups))
        labels.append(Label(row.number, code, year, row.geometry, group, row.values.get("id", "")))
    if not problems:
        problems = _contradictions(labels, classes.legend)
    if problems:
        raise InvalidLabels(_sentences(problems, len(rows)))
    return Labels(tuple(labels), classes.legend, hashlib.sha256(content).hexdigest())


def _rows(content: bytes, media_type: str, limits: Limits) -> list[Row]:
    """Raises: InvalidLabels: the file as a whole cannot be used."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind not in _READERS:
        raise InvalidLabels(f"Labels come as {', '.join(MEDIA_TYPES)}, not as {media_type!r}.")
    if len(content) > limits.max_bytes:
        raise InvalidLabels(
            f"The labels have {len(content)} bytes; at most {limits.max_bytes} are accepted."
        )
    if content.startswith(b"PK\x03\x04"):
        raise InvalidLabels("The labels are packed (zip): hand over the file that is inside.")
    rows = _READERS[kind](content, limits.max_rows)
    if not rows:
        raise InvalidLabels("There is no label in the file.")
    corners = sum(shapely.get_num_coordinates(row.geometry) for row in rows if row.geometry)
    if corners > limits.max_corners:
        raise InvalidLabels(
            f"The labels have {corners} corners; at most {limits.max_corners} are accepted."
        )
    if not any("class" in row.values or row.problem for row in rows):
        raise InvalidLabels(f"The labels have no column 'class'; there are: {_names(rows)}.")
    return rows


def _names(rows: Sequence[Row]) -> str:
    names = dict.fromkeys(name for row in rows[:100] for name in row.values)
    return ", ".join(names)[:300] or "none"


def _year(values: Mapping[str, str], today: date, season: int | None) -> int:
    """Raises: ValueError: the season is missing, none that can be, or has not begun."""
    given = "" if season is None else str(season)
    text = values.get("season", "") or values.get("year", "") or given
    allowed = f"a year from {FIRST_YEAR} on is needed, that of the first September"
    if not text:
        raise ValueError(f"the season is missing: {allowed}")
    digits = text.removesuffix(".0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
        raise ValueError(f"the season {text[:40]!r} is none: {allowed}")
    try:
        found = Season(int(digits))
    except InvalidSeason as error:
        raise ValueError(f"{str(error).rstrip('.')}") from error
    if not found.has_begun(today):
        raise ValueError(f"the season {digits} has not begun: it begins on {found.start}")
    return found.year


def _group(row: Row) -> tuple[str, object]:
    """What is the same for rows of one field."""
    named = row.values.get("field", "") or row.values.get("group", "")
    return ("named", named) if named else ("place", shapely.normalize(row.geometry).wkb)


def _contradictions(labels: Sequence[Label], legend: Legend) -> dict[int, str]:
    """Rows of the same place and season, but of different classes."""
    first: dict[tuple[bytes, int], Label] = {}
    problems = {}
    for label in labels:
        # a hundred-millionth of a degree is a millimetre
        place = shapely.transform(label.geometry, lambda at: np.round(at, 8))
        known = first.setdefault((shapely.normalize(place).wkb, label.year), label)
        if known.code != label.code:
            problems[label.row] = (
                f"it is the place of row {known.row}, {legend.name_of(known.code)!r} there and "
                f"{legend.name_of(label.code)!r} here"
            )
    return problems


def _sentences(problems: Mapping[int, str], rows: int) -> str:
    """Which rows cannot be used, and why."""
    named = [f"Row {number}: {problems[number]}." for number in sorted(problems)[:NAMED]]
    more = [f"And {len(problems) - NAMED} more."] if len(problems) > NAMED else []
    return " ".join([f"{len(problems)} of {rows} labels cannot be used.", *named, *more])
