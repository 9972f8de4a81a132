"""What the routes of collections say of their parameters and answers in the OpenAPI document."""

from typing import Annotated, Any

from fastapi import Path

from geocrop_processes.service.described import formats, parameter, query
from geocrop_processes.service.products import COLLECTION

Json = dict[str, Any]

Name = Annotated[
    str,
    Path(
        description=f"The job of a map, or `{COLLECTION}` for all maps together.",
    ),
]
"""The collection that an address names."""

DATETIME = parameter("datetime")
"""A moment or an interval."""

_AXES = "axes with a value in parentheses, such as"

COVERAGE_PARAMETERS: list[Json] = [
    formats("cog", "covjson", "png", "geotiff", "gtiff", "tiff", "json"),
    parameter("bbox"),
    query("bbox-crs", "The reference system of `bbox`: a URI or CURIE of the collection's `crs`."),
    query(
        "subset",
        'A part of it by axis: `E(300000:310000),N(8080000:*)`, `Lat(-17.4:-17.3)`, `time("2022-09-01":"2023-05-31")`; '
        "E and N are of the collection's own reference system, Lon and Lat of CRS84, where `subset-crs` says nothing.",
    ),
    query(
        "subset-crs", "The reference system of `subset`: a URI or CURIE of the collection's `crs`."
    ),
    parameter("datetime"),
    query("properties", "The fields, separated by commas, in the order in which they are given."),
    query("exclude-properties", "All fields but these; all of them where it is empty."),
    query("crs", "The reference system of the answer: a URI or CURIE of the collection's `crs`."),
    query(
        "scale-factor", "By which pixels become fewer along each axis: 2 gives a quarter of them."
    ),
    query("scale-axes", f"The same for each axis: {_AXES} `E(2),N(4)`."),
    query("scale-size", f"Pixels along each axis: {_AXES} `E(400),N(300)`."),
    query("width", "Pixels along the axis to the right."),
    query("height", "Pixels along the axis upwards."),
    query("resolution", f"The side of a pixel: {_AXES} `E(20),N(20)`."),
    *map(parameter, ("Range", "If-Range", "If-None-Match", "If-Modified-Since")),
]
"""What pixels are asked for by."""

_LINK: Json = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
}

COLLECTION_SCHEMA: Json = {
    "type": "object",
    "required": ["id", "title", "extent", "crs", "storageCrs", "links"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "extent": {"type": "object"},
        "crs": {"type": "array", "items": {"type": "string"}},
        "storageCrs": {"type": "string"},
        "defaultFields": {"type": "array", "items": {"type": "string"}},
        "links": {"type": "array", "items": _LINK},
    },
}
"""A collection."""

COLLECTIONS_SCHEMA: Json = {
    "type": "object",
    "required": ["collections", "links", "numberMatched", "numberReturned"],
    "properties": {
        "collections": {"type": "array", "items": COLLECTION_SCHEMA},
        "links": {"type": "array", "items": _LINK},
        "numberMatched": {"type": "integer"},
        "numberReturned": {"type": "integer"},
    },
}
"""A page of collections."""
