"""A coverage as a value: what is known of it before a pixel is read, and where the pixels of a request lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.legend import Legend
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.assets import object_key
from geocrop_processes.service.collections.asked import Area
from geocrop_processes.service.collections.crs import (
    CRS84,
    EPSG_4326,
    WEB_MERCATOR,
    Box,
    Crs,
    PixelGrid,
    moved,
)
from geocrop_processes.service.collections.fields import Field, fields_of, legend_of
from geocrop_processes.service.collections.times import Interval
from geocrop_processes.storage import RESULTS, Storage


@dataclass(frozen=True)
class Coverage:
    """Something with pixels: a product, or all of them."""

    id: str
    """Its collection."""
    title: str
    """What it is, for people."""
    description: str
    """The same in a few sentences."""
    storage: Crs
    """What its pixels are kept in, and answered in where nothing else is asked for."""
    extent: Box
    """Its sides in that reference system."""
    bbox: Box
    """Its sides in degrees, as a search finds it."""
    interval: Interval
    """First and last moment; None where it has no pixel yet."""
    fields: tuple[Field, ...]
    """Its fields, in the order of the schema."""
    legend: Legend
    """Its classes."""
    zones: tuple[Crs, ...]
    """The UTM zones that it can be asked for in, beside longitude and latitude and Web Mercator."""
    item: Mapping[str, Any] | None = None
    """The STAC item of a product."""

    @property
    def known(self) -> tuple[Crs, ...]:
        """The reference systems that it can be asked for in; its own is the first."""
        own = (self.storage, CRS84, EPSG_4326, WEB_MERCATOR, *self.zones)
        return tuple(dict.fromkeys(own))

    def meets(self, interval: Interval | None) -> bool:
        """Whether some of its time is in an interval."""
        if interval is None:
            return True
        (start, end), (since, until) = self.interval, interval
        late = since is not None and end is not None and end < since
        early = until is not None and start is not None and start > until
        return not (late or early)


@dataclass(frozen=True)
class Layer:
    """The files of one product among those that answer a request."""

    files: Mapping[str, str]
    """Where GDAL finds each, by the key of its asset."""
    codes: npt.NDArray[np.uint8] | None
    """By class code of the file the code of the answer, shape (256,); None where they are the same."""
    interval: tuple[datetime, datetime]
    """First and last moment."""


def coverage_of(item: Mapping[str, Any], zones: tuple[Crs, ...]) -> Coverage:
    """A product, out of its STAC item."""
    properties, legend = item["properties"], legend_of(item)
    authority, _, code = properties["proj:code"].partition(":")
    left, bottom, right, top = (float(side) for side in properties["proj:bbox"])
    west, south, east, north = (float(side) for side in item["bbox"])
    return Coverage(
        id=item["id"],
        title=properties["title"],
        description=properties["description"],
        storage=Crs(authority, code),
        extent=(left, bottom, right, top),
        bbox=(west, south, east, north),
        interval=times_of(item),
        fields=fields_of(item, legend),
        legend=legend,
        zones=zones,
        item=item,
    )


def times_of(item: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """First and last moment of a product."""
    start, end = (item["properties"][f"{side}_datetime"] for side in ("start", "end"))
    return datetime.fromisoformat(start), datetime.fromisoformat(end)


def layer_of(
    item: Mapping[str, Any], storage: Storage, codes: npt.NDArray[np.uint8] | None = None
) -> Layer:
    """A product as one of those that answer."""
    keys = ("class-map", "confidence", "probabilities")
    files = {
        key: storage.url(RESULTS, object_key(item, KINDS[key].file_name))
        for key in keys
        if key in item["assets"]
    }
    return Layer(files, codes, times_of(item))


def place(
    coverage: Coverage, area: Area | None, target: Crs, *, beyond: bool = False
) -> PixelGrid | None:
    """Where the pixels of an answer lie; None where the area has nothing of the coverage.

    Args:
        coverage: what is asked for.
        area: the part of it; all of it where None.
        target: the reference system of the answer.
        beyond: whether the sides of the area count also where they lie beyond the coverage: so many pixels as a
            request names are those of the area (19-087, /req/scaling-spatial/width-and-height).
    """
    whole = moved(coverage.extent, coverage.storage, target)
    if area is None or whole is None:
        return None if whole is None else PixelGrid.around(whole, target)
    reach = moved(coverage.extent, coverage.storage, area.crs)
    parts = [] if reach is None else [_overlap(box, reach) for box in area.boxes]
    placed = [moved(part, area.crs, target) for part in parts if part is not None]
    found = [part for box in placed if box is not None and (part := _overlap(box, whole))]
    if not found or reach is None:
        return None
    if beyond and len(area.boxes) == 1:
        asked = moved(_finite(area.boxes[0], reach), area.crs, target)
        found = found if asked is None else [asked]
    lefts, bottoms, rights, tops = zip(*found, strict=True)
    return PixelGrid.around((min(lefts), min(bottoms), max(rights), max(tops)), target)


def _finite(asked: Box, reach: Box) -> Box:
    """What is asked for, whose open sides are those of what there is."""
    left, bottom, right, top = (
        given if math.isfinite(given) else there for given, there in zip(asked, reach, strict=True)
    )
    return left, bottom, right, top


def _overlap(asked: Box, reach: Box) -> Box | None:
    """What is asked for of what there is; a value instead of an interval is one that is on the inside."""
    sides = []
    for low, high in ((0, 2), (1, 3)):
        start, end = max(asked[low], reach[low]), min(asked[high], reach[high])
        if start > end or (start == end and not asked[low] == asked[high] < reach[high]):
            return None
        sides.append((start, end))
    (left, right), (bottom, top) = sides
    return left, bottom, right, top
