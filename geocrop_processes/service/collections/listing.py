"""Pages of collections: all products, the newest first, and before them the one that is of all of them."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request

from geocrop_processes.service.collections.asked import Area, box_of
from geocrop_processes.service.collections.coverage import Coverage, coverage_of
from geocrop_processes.service.collections.crs import CRS84
from geocrop_processes.service.collections.description import describe
from geocrop_processes.service.collections.everything import Collections
from geocrop_processes.service.collections.queries import page_of
from geocrop_processes.service.collections.times import interval_of
from geocrop_processes.service.negotiation import page_links, whole_number
from geocrop_processes.service.urls import public_url

Json = dict[str, Any]

MAX_LIMIT = 1000
"""The most collections of a page; whoever asks for more gets so many."""
_LIMIT = 10


def collections_page(collections: Collections, request: Request) -> Json:
    """A page of the list that a request asks for.

    Raises:
        Problem: a parameter is not usable (400).
    """
    limit = min(whole_number(request, "limit", _LIMIT, 1), MAX_LIMIT)
    offset = whole_number(request, "offset", 0, 0)
    bbox, times = request.query_params.get("bbox"), request.query_params.get("datetime")
    area = None if bbox is None else box_of("bbox", bbox, CRS84)
    interval = None if times is None else interval_of("datetime", times)
    everything = collections.everything()
    first = everything.meets(interval) and _meets(everything, area)
    ahead = 1 if first else 0
    shown: list[Coverage] = [everything] if first and offset == 0 else []
    with collections.store.database.read() as connection:
        items, total = page_of(
            connection,
            () if area is None else area.boxes,
            interval,
            limit - len(shown),
            max(0, offset - ahead),
        )
    shown += [coverage_of(item, collections.zones) for item in items]
    address = f"{public_url(collections.settings)}/collections"
    return {
        "links": page_links(request, address, limit, offset, total + ahead),
        "numberMatched": total + ahead,
        "numberReturned": len(shown),
        "collections": [describe(coverage, collections.settings) for coverage in shown],
    }


def _meets(coverage: Coverage, area: Area | None) -> bool:
    """Whether a box of the area touches the collection."""
    if area is None:
        return True
    west, south, east, north = coverage.bbox
    boxes: Sequence[tuple[float, float, float, float]] = area.boxes
    return any(w <= east and e >= west and s <= north and n >= south for w, s, e, n in boxes)
