"""What a request asks of a coverage: read from its parameters, or refused with a reason.

The parameters are those of OGC API - Coverages (draft 19-087): `subset`, `subset-crs`, `bbox`, `bbox-crs`,
`datetime`, `properties`, `exclude-properties`, `crs`, `resolution`, `width`, `height`, and its earlier
`scale-size`, `scale-factor` and `scale-axes`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from geocrop_processes.service.collections.crs import CRS84, RIGHT, UP, Box, Crs, parse
from geocrop_processes.service.collections.scaling import Scaling, number, pairs, scaling_of
from geocrop_processes.service.collections.times import Interval, between, interval_of
from geocrop_processes.service.problems import invalid

_DEGREES = {"lon", "long", "longitude", "lat", "latitude"}
_METRES = {"e", "easting", "n", "northing"}
_TIMES = {"time", "t", "datetime"}
_BOUNDS = re.compile(r'\s*(?:"([^"]*)"|([^":]*))\s*(?::\s*(?:"([^"]*)"|([^":]*))\s*)?')


@dataclass(frozen=True)
class Area:
    """A part of the plane."""

    crs: Crs
    """What its coordinates are of."""
    left: float = -math.inf
    """Where it begins along the axis to the right."""
    bottom: float = -math.inf
    """Where it begins along the axis upwards."""
    right: float = math.inf
    """Where it ends; before `left` it goes on over the antimeridian."""
    top: float = math.inf
    """Where it ends."""

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The area as one box, or two where it goes over the antimeridian."""
        if self.left <= self.right:
            return ((self.left, self.bottom, self.right, self.top),)
        return (
            (self.left, self.bottom, 180.0, self.top),
            (-180.0, self.bottom, self.right, self.top),
        )


@dataclass(frozen=True)
class Asked:
    """What is wanted of a coverage; None leaves it to the coverage."""

    area: Area | None
    """Where."""
    interval: Interval | None
    """When; an instant has the same moment twice."""
    properties: tuple[str, ...] | None
    """Which fields, in this order."""
    without: tuple[str, ...] | None
    """All fields but these."""
    scaling: Scaling | None
    """How many pixels."""
    crs: Crs | None
    """The reference system of the answer."""

    @property
    def whole(self) -> bool:
        """Whether the coverage is asked for as it is stored."""
        return self == Asked(None, None, None, None, None, None)


def asked_of(query: QueryParams, storage: Crs, known: tuple[Crs, ...]) -> Asked:
    """Read the parameters of a request.

    Args:
        query: the parameters.
        storage: the reference system that the coverage is kept in.
        known: those that it can be asked for in.

    Raises:
        Problem: a value is not allowed (400).
    """
    crs = query.get("crs")
    subsets = list(_subsets(query))
    area, times = _area(query, subsets, storage, known), [s for s in subsets if s[0] in _TIMES]
    interval = _interval(query.get("datetime"), times)
    properties, without = _names(query, "properties"), _names(query, "exclude-properties")
    if properties is not None and without is not None:
        raise invalid("The parameters 'properties' and 'exclude-properties' exclude each other.")
    scaling = scaling_of(query)
    _check_slices(area, scaling)
    return Asked(
        area=area,
        interval=interval,
        properties=properties or None,
        without=without,
        scaling=scaling,
        crs=None if crs is None else parse("crs", crs, known),
    )


def _check_slices(area: Area | None, scaling: Scaling | None) -> None:
    """Refuse a resolution along an axis of which a single value is asked (19-087, subset-scaling-exclusivity)."""
    if area is None or scaling is None or scaling.kind != "resolution":
        return
    right = area.left == area.right and scaling.right is not None
    if right or (area.bottom == area.top and scaling.up is not None):
        raise invalid("The parameter 'resolution' names an axis of which 'subset' asks one value.")


def _names(query: QueryParams, name: str) -> tuple[str, ...] | None:
    values = query.getlist(name)
    if not values:
        return None
    names = [part.strip() for text in values for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(names))


_Subset = tuple[str, str, str | None]
"""The axis in lower case, and the low and high bound as they were written; no high one of a single value."""


def _subsets(query: QueryParams) -> Iterator[_Subset]:
    seen = set()
    for text in query.getlist("subset"):
        for axis, content in pairs("subset", text):
            match = _BOUNDS.fullmatch(content)
            name = axis.lower()
            if match is None:
                raise invalid(
                    f"The parameter 'subset' has {content[:120]!r} for the axis {axis!r}: allowed are a value, "
                    'or two with a colon between, such as Lat(-17.5:-17.3) or time("2022-09-01":"2023-05-31").'
                )
            if name not in RIGHT | UP | _TIMES or name in seen:
                why = "is there twice" if name in seen else "is none of E, N, Lon, Lat, time"
                raise invalid(f"The parameter 'subset' names the axis {axis[:60]!r}, which {why}.")
            seen.add(name)
            low, high = match[1] or match[2] or "", match[3] or match[4]
            yield name, low.strip(), None if ":" not in _bare(content) else (high or "").strip()


def _bare(content: str) -> str:
    """What is outside of quotes."""
    return re.sub(r'"[^"]*"', "", content)


def _interval(text: str | None, times: list[_Subset]) -> Interval | None:
    """The time of `datetime` or of `subset`; None for the newest there is."""
    if text is not None and times:
        raise invalid("The parameters 'datetime' and 'subset' with a time exclude each other.")
    if len(times) > 1:
        raise invalid("The parameter 'subset' names the time twice.")
    if text is not None:
        return interval_of("datetime", text)
    if not times or times[0][1:] == ("*", None):
        return None
    _axis, low, high = times[0]
    if high is not None:
        return between("subset", low, high)
    # a slash would make an interval of it
    return interval_of("subset", low.replace("/", "\\"))


def _area(
    query: QueryParams, subsets: list[_Subset], storage: Crs, known: tuple[Crs, ...]
) -> Area | None:
    axes = [s for s in subsets if s[0] not in _TIMES]
    bbox = query.get("bbox")
    if bbox is not None and axes:
        raise invalid("The parameters 'bbox' and 'subset' with a place exclude each other.")
    if bbox is not None:
        return box_of("bbox", bbox, parse("bbox-crs", query.get("bbox-crs", CRS84.uri), known))
    if not axes:
        return None
    named = query.get("subset-crs")
    area = Area(
        _crs_of({axis for axis, _, _ in axes}, storage)
        if named is None
        else parse("subset-crs", named, known)
    )
    for axis, low, high in axes:
        area = _cut(area, axis, low, high)
    return area


def _crs_of(axes: set[str], storage: Crs) -> Crs:
    """What coordinates are of where nothing is said: E and N of the storage, Lon and Lat of CRS84."""
    if axes & _DEGREES:
        return CRS84
    if axes & _METRES and storage.geographic:
        raise invalid(
            "The parameter 'subset' names E or N, but this coverage is kept in longitude and latitude: "
            "name the reference system by 'subset-crs'."
        )
    return storage


def _cut(area: Area, axis: str, low: str, high: str | None) -> Area:
    if axis in (_METRES if area.crs.geographic else _DEGREES):
        names = " and ".join(area.crs.axes)
        raise invalid(
            f"The parameter 'subset' names the axis {axis!r}; those of {area.crs.uri} are {names}."
        )
    right = axis in RIGHT
    # the same axis by two names
    given = area.left > -math.inf or area.right < math.inf
    if (right and given) or (not right and (area.bottom > -math.inf or area.top < math.inf)):
        raise invalid(f"The parameter 'subset' names the axis {axis!r} twice.")
    start = -math.inf if low == "*" and high is not None else number("subset", low)
    end = start if high is None else math.inf if high == "*" else number("subset", high)
    if start > end and not (right and area.crs.geographic):
        raise invalid(
            f"The parameter 'subset' has {low}:{high} for {axis!r}: it ends before it begins."
        )
    if right:
        return replace(area, left=start, right=end)
    return replace(area, bottom=start, top=end)


def box_of(name: str, text: str, crs: Crs) -> Area:
    """Four numbers in the order of the axes, or six with heights, which are left out.

    Raises:
        Problem: they are none, or end before they begin (400).
    """
    numbers = [number(name, part) for part in text.split(",")]
    if len(numbers) not in {4, 6}:
        raise invalid(
            f"The parameter {name!r} is {text[:120]!r}: allowed are four numbers, or six with heights."
        )
    sides = numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]]
    left, bottom, right, top = crs.ordered((sides[0], sides[1], sides[2], sides[3]))
    if bottom > top or (left > right and not crs.geographic):
        raise invalid(f"The parameter {name!r} is {text[:120]!r}: it ends before it begins.")
    return Area(crs, left, bottom, right, top)
