"""The pages of collections: their list, and each with its map, legend and examples of what to ask of it."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response

from geocrop_processes.service.pages import page

Json = dict[str, Any]


def list_page(request: Request, document: Json) -> Response:
    """A page of the list of collections, with its filter."""
    asked = {"bbox": request.query_params.get("bbox")}
    return page(request, "collections.html", document=document, asked=asked)


def collection_page(
    request: Request, document: Json, legend: Sequence[Json], tiles: str
) -> Response:
    """A collection.

    Args:
        request: what asked for it.
        document: the collection as JSON has it.
        legend: its classes: `value`, `name`, `colour`.
        tiles: the template of the addresses of its tiles in Web Mercator.
    """
    return page(
        request,
        "collection.html",
        document=document,
        legend=legend,
        tiles=tiles,
        examples=_examples(document["extent"]["spatial"]["bbox"][0]),
    )


def _examples(bbox: Sequence[float]) -> list[tuple[str, str]]:
    """What can be asked of a coverage, each with its query."""
    west, south, east, north = (bbox[i] for i in ((0, 1, 3, 4) if len(bbox) == 6 else (0, 1, 2, 3)))
    lon, lat = (west + east) / 2, (south + north) / 2
    middle = ",".join(
        f"{value:.5f}"
        for value in ((west + lon) / 2, (south + lat) / 2, (lon + east) / 2, (lat + north) / 2)
    )
    return [
        ("The file (Cloud Optimized GeoTIFF)", ""),
        ("The middle", f"?bbox={middle}"),
        ("A tenth of the pixels, as CoverageJSON", "?scale-factor=10&f=covjson"),
        ("One parallel", f"?subset=Lat({lat:.5f})&f=covjson"),
        ("As a picture", "?f=png"),
    ]
