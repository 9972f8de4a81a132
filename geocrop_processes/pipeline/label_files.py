"""The files that labels come in: CSV and GeoJSON to rows; nothing in them is ever executed, a formula is text."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from typing import Any

import shapely
from shapely.geometry import Point, shape

from geocrop_processes.errors import InvalidLabels

_DEGREES = "coordinates of a CSV are degrees"
_WGS_84 = ("CRS84", "4326", "OGC:CRS84")


@dataclass(frozen=True)
class Row:
    """A record as it was found."""

    number: int
    """As people count."""
    values: Mapping[str, str]
    """Its columns but the geometry, as text; names in lower case, "" where there is none."""
    geometry: Any = None
    """A shapely geometry, perhaps not a valid one; degrees, WGS 84."""
    problem: str = ""
    """Why it cannot be read; empty where it can."""


def csv_rows(content: bytes, most: int) -> list[Row]:
    """The records of a CSV: names in the first line; longitude and latitude in degrees.

    Fields are separated by comma, semicolon or tab, whichever the first line has most of. The first record is row 2.

    Raises:
        InvalidLabels: it is no such file, or has more than `most` records.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidLabels(
            f"The CSV is not UTF-8 text: byte {error.start} is no part of it."
        ) from None
    if "\0" in text:
        raise InvalidLabels("The CSV holds a zero byte: it is no text.")
    first = text.partition("\n")[0]
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
    )
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        lon, lat = _axes(names)
        rows = []
        for number, cells in enumerate(reader, start=2):
            if any(cell.strip() for cell in cells):
                rows.append(_of_cells(number, names, cells, (lon, lat)))
            _check_count(len(rows), most)
    except csv.Error as error:
        raise InvalidLabels(
            f"The CSV cannot be read near line {reader.line_num}: {error}."
        ) from None
    return rows


def _axes(names: Sequence[str]) -> tuple[int, int]:
    """The columns of longitude and latitude."""
    found = []
    for what, known, short in (
        ("longitude", ("lon", "long", "lng", "longitude"), "x"),
        ("latitude", ("lat", "latitude"), "y"),
    ):
        at = [i for i, name in enumerate(names) if name in known]
        at = at or [i for i, name in enumerate(names) if name == short]
        if len(at) != 1:
            which = "several columns" if at else "no column"
            raise InvalidLabels(
                f"The CSV has {which} of the {what}: one of {', '.join(known)} or {short} is needed; "
                f"its columns are: {', '.join(names)[:300] or 'none'}."
            )
        found.append(at[0])
    return found[0], found[1]


def _of_cells(
    number: int, names: Sequence[str], cells: Sequence[str], axes: tuple[int, int]
) -> Row:
    cells = [*(cell.strip() for cell in cells), *[""] * (len(names) - len(cells))]
    if any(cells[len(names) :]):
        return Row(number, {}, problem=f"has {len(cells)} cells, the first line names {len(names)}")
    values = {
        name: cell
        for i, (name, cell) in enumerate(zip(names, cells, strict=False))
        if i not in axes
    }
    numbers = []
    for name, at in zip(("longitude", "latitude"), axes, strict=True):
        try:
            numbers.append(float(cells[at].replace("_", "?")))
        except ValueError:
            return Row(number, values, problem=f"the {name} {cells[at]!r} is no number; {_DEGREES}")
    if not all(map(isfinite, numbers)):
        return Row(number, values, problem=f"the coordinates {numbers} are no finite numbers")
    return Row(number, values, Point(numbers))


def geojson_rows(content: bytes, most: int) -> list[Row]:
    """The features of a GeoJSON FeatureCollection (RFC 7946: WGS 84, longitude first). The first is row 1.

    Raises:
        InvalidLabels: it is no such document, or has more than `most` features.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidLabels(f"The GeoJSON cannot be read: {reason.rstrip('.')}.") from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise InvalidLabels("The GeoJSON is no FeatureCollection with a list of features.")
    crs = document.get("crs")
    if crs is not None and not any(name in json.dumps(crs) for name in _WGS_84):
        raise InvalidLabels(
            f"The GeoJSON declares the CRS {json.dumps(crs)[:200]}; GeoJSON is in WGS 84 (RFC 7946)."
        )
    _check_count(len(features), most)
    return [_of_feature(number, feature) for number, feature in enumerate(features, start=1)]


def _of_feature(number: int, feature: Any) -> Row:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return Row(number, {}, problem="is no GeoJSON Feature")
    found = feature.get("properties")
    properties = {"id": feature.get("id"), **(found if isinstance(found, dict) else {})}
    values = dict(_texts(properties))
    geometry = feature.get("geometry")
    if geometry is None:
        return Row(number, values, problem="has no geometry")
    try:
        return Row(number, values, shapely.force_2d(shape(geometry)))
    # whatever a geometry that is none makes of the reader
    except (
        ValueError,
        TypeError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
        shapely.GEOSException,
    ):
        return Row(number, values, problem="its geometry is none of GeoJSON's")


def _texts(properties: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Properties as text; of names that differ in case only, the first counts."""
    seen = set()
    for name, value in properties.items():
        key = str(name).strip().lower()
        if key not in seen:
            seen.add(key)
            yield key, as_text(value)


def as_text(value: Any) -> str:
    """A value as people would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _check_count(rows: int, most: int) -> None:
    if rows > most:
        raise InvalidLabels(f"There are more than {most} labels; at most so many are accepted.")
