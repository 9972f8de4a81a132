"""What products can be filtered and sorted by: names of items' fields, and where the store keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import Column

from geocrop_processes.service.problems import invalid
from geocrop_processes.service.schema import published

Kind = Literal["text", "number", "flag", "moment", "shape"]


@dataclass(frozen=True)
class Queryable:
    """A field of items that the store finds them by."""

    title: str
    """What it is, for people."""
    kind: Kind
    """What it is compared with."""
    column: Column[Any] | None
    """Where the store keeps it; moments as seconds since 1970. None for the footprint."""

    @property
    def schema(self) -> dict[str, Any]:
        """The field as a JSON schema."""
        return {"title": self.title, **_SCHEMAS[self.kind]}


_SCHEMAS: dict[Kind, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "flag": {"type": "boolean"},
    "moment": {"type": "string", "format": "date-time"},
    "shape": {"$ref": "https://geojson.org/schema/Geometry.json"},
}

_C = published.c
QUERYABLES: Mapping[str, Queryable] = MappingProxyType(
    {
        "id": Queryable("The item, which is the job that made it", "text", _C.job_id),
        "collection": Queryable("The collection", "text", _C.collection),
        "geometry": Queryable("The footprint", "shape", None),
        "datetime": Queryable("When the season begins", "moment", _C.begins),
        "start_datetime": Queryable("When the season begins", "moment", _C.begins),
        "end_datetime": Queryable(
            "When the season, or what was seen of it, ends", "moment", _C.ends
        ),
        "created": Queryable("When the map was made", "moment", _C.created),
        "geocrop:season.year": Queryable("The year of the season's September", "number", _C.season),
        "geocrop:season.as_of": Queryable(
            "The as-of date of a map within a season, YYYY-MM-DD", "text", _C.as_of
        ),
        "geocrop:model.name": Queryable("The model's name", "text", _C.model),
        "geocrop:model.version": Queryable("The model's version", "text", _C.model_version),
        "geocrop:complete": Queryable("Whether every scene could be read", "flag", _C.complete),
        "geocrop:simulated": Queryable(
            "Whether imagery or model are simulated", "flag", _C.simulated
        ),
        "geocrop:mask": Queryable("What crops were taken off by", "text", _C.mask),
        "proj:code": Queryable("The reference system of the pixels", "text", _C.crs),
    }
)
"""By name, as in an item's properties; the members of an object by `.`."""


def named(name: str) -> Queryable | None:
    """The queryable of a name, `properties.` before it or not; None where there is none."""
    return QUERYABLES.get(name.removeprefix("properties."))


def sortable(name: str) -> Column[Any]:
    """The column that a name is sorted by.

    Raises:
        Problem: nothing can be sorted by it (400).
    """
    found = named(name)
    if found is None or found.column is None:
        known = ", ".join(key for key, each in QUERYABLES.items() if each.column is not None)
        raise invalid(f"sortby names {name!r}; items can be sorted by: {known}.")
    return found.column


def document(address: str, title: str) -> dict[str, Any]:
    """All queryables as a JSON schema (OGC API - Features, part 3)."""
    return {
        # which OGC API - Features and the STAC API's filter extension both allow
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": address,
        "type": "object",
        "title": title,
        "description": "What items can be filtered by. Any other name is a property that no item has.",
        "properties": {name: each.schema for name, each in QUERYABLES.items()},
        "additionalProperties": True,
    }
