"""What a search asks of an archive's items, and which items answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Box = tuple[float, float, float, float]
Point = tuple[float, float]

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000
"""Items on a page: unless the search says, and at most."""
_KNOWN = frozenset({"collections", "ids", "bbox", "intersects", "datetime", "limit", "_o"})


class BadSearch(ValueError):
    """A parameter cannot be understood; the message says which and why."""


@dataclass(frozen=True)
class Search:
    """A search, understood."""

    collections: tuple[str, ...]
    """Any of these; all where there are none."""
    ids: tuple[str, ...]
    """Any of these; all where there are none."""
    area: tuple[tuple[Point, ...], ...]
    """Outer rings, degrees, that the footprint meets at least one of; everywhere where there are none."""
    interval: tuple[datetime, datetime]
    """First and last moment, both included."""
    limit: int
    """Items on a page."""
    offset: int
    """Items on the pages before."""

    def finds(self, item: Mapping[str, Any]) -> bool:
        """Whether an item answers the search."""
        if self.collections and item["collection"] not in self.collections:
            return False
        if self.ids and item["id"] not in self.ids:
            return False
        when = _moment(item["properties"]["datetime"])
        if not self.interval[0] <= when <= self.interval[1]:
            return False
        footprint = _ring(item["geometry"]["coordinates"][0])
        return not self.area or any(_meet(footprint, ring) for ring in self.area)


def parse(values: Mapping[str, Any]) -> Search:
    """Understand the body of a POST, or the arguments of a GET with lists and objects already read.

    Raises:
        BadSearch: a parameter is unknown, or has an unusable value.
    """
    if unknown := sorted(set(values) - _KNOWN):
        # the explorer refuses the query extension in the same way
        raise BadSearch(f"This API has no parameter {unknown[0]!r}.")
    if values.get("bbox") is not None and values.get("intersects") is not None:
        raise BadSearch("Give bbox or intersects, not both.")
    area: tuple[tuple[Point, ...], ...] = ()
    if values.get("bbox") is not None:
        area = (_corners(_box(values["bbox"])),)
    elif values.get("intersects") is not None:
        area = _rings(values["intersects"])
    return Search(
        collections=_texts("collections", values.get("collections")),
        ids=_texts("ids", values.get("ids")),
        area=area,
        interval=_interval(values.get("datetime")),
        limit=_count("limit", values.get("limit"), DEFAULT_LIMIT, 1, MAX_LIMIT),
        offset=_count("_o", values.get("_o"), 0, 0, 10**9),
    )


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadSearch(f"{name} must be a list.")
    return tuple(str(v) for v in value)


def _count(name: str, value: Any, default: int, low: int, high: int) -> int:
    """A whole number; one that is too large is the largest, as in the explorer."""
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise BadSearch(f"{name} must be a whole number, not {value!r}.") from None
    if number < low:
        raise BadSearch(f"{name} must be at least {low}, not {number}.")
    return min(number, high)


def _box(value: Any) -> Box:
    try:
        numbers = [float(v) for v in value]
        west, south, east, north = numbers if len(numbers) != 6 else numbers[:2] + numbers[3:5]
    except (TypeError, ValueError):
        raise BadSearch(f"bbox must be four or six numbers, not {value!r}.") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadSearch(f"bbox must be west, south, east, north in degrees, not {value!r}.")
    return west, south, east, north


def _corners(box: Box) -> tuple[Point, ...]:
    west, south, east, north = box
    return (west, south), (east, south), (east, north), (west, north)


def _rings(geometry: Any) -> tuple[tuple[Point, ...], ...]:
    """Outer rings of a GeoJSON polygon or multipolygon; a point is a ring of one corner."""
    try:
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if kind == "Point":
            return (_ring([coordinates]),)
        if kind == "Polygon":
            return (_ring(coordinates[0]),)
        if kind == "MultiPolygon":
            return tuple(_ring(polygon[0]) for polygon in coordinates)
    except (KeyError, TypeError, ValueError, IndexError):
        raise BadSearch("intersects must be a GeoJSON geometry.") from None
    raise BadSearch(f"intersects must be a Point, Polygon or MultiPolygon, not {kind}.")


def _ring(points: Any) -> tuple[Point, ...]:
    ring = tuple((float(p[0]), float(p[1])) for p in points)
    if not ring:
        raise ValueError
    return ring


def _interval(value: Any) -> tuple[datetime, datetime]:
    """An instant, a day, or an interval whose ends may be open (`..` or nothing)."""
    start, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if value is None:
        return start, end
    ends = str(value).split("/")
    if len(ends) > 2:
        raise BadSearch(f"datetime must be an instant or start/end, not {value!r}.")
    if ends[0] not in {"", ".."}:
        start = _moment(ends[0])
    if ends[-1] not in {"", ".."}:
        end = _moment(ends[-1])
        if len(ends[-1]) == len("2022-09-01"):
            end = end.replace(hour=23, minute=59, second=59)
    if start > end:
        raise BadSearch(f"datetime ends before it starts: {value!r}.")
    return start, end


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadSearch(f"datetime has no such moment: {text!r}.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _meet(a: tuple[Point, ...], b: tuple[Point, ...]) -> bool:
    """Whether two rings have a point in common: a corner of one in the other, or sides that cross."""
    if _inside(a[0], b) or _inside(b[0], a):
        return True
    return any(_cross(a[i - 1], a[i], b[j - 1], b[j]) for i in range(len(a)) for j in range(len(b)))


def _inside(point: Point, ring: tuple[Point, ...]) -> bool:
    x, y = point
    odd = False
    for i, (x1, y1) in enumerate(ring):
        x0, y0 = ring[i - 1]
        if (y1 > y) != (y0 > y) and x < x1 + (x0 - x1) * (y - y1) / (y0 - y1):
            odd = not odd
    return odd


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
