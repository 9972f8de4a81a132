"""A form's fields, made from the inputs of a process description.

What a schema says in the keywords of OGC's `schema.yaml` becomes a field that browsers know; what has no such field
is given as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

PLACE = "aoi"
"""The input that is a circle on the map."""


@dataclass(frozen=True)
class Field:
    """One input, or one way to give it, as a form asks for it."""

    name: str
    """Unique within the form."""
    title: str
    """Its label."""
    description: str
    """What it is, for people."""
    kind: str
    """text, number, integer, date, boolean, select, place, list, bbox, file, choice or json."""
    required: bool
    """Whether it must be given."""
    schema: Schema
    """What values are allowed."""
    parts: tuple["Field", ...] = ()
    """Of a choice: the ways to give it."""
    media_types: tuple[str, ...] = ()
    """Of a file: what it may be."""

    @property
    def default(self) -> Any:
        """What it is where it is not given; None where nothing is."""
        return self.schema.get("default")

    @property
    def item_kind(self) -> str:
        """Of a list: number or text."""
        items = self.schema.get("items", {}).get("type", "string")
        return "number" if items in {"number", "integer"} else "text"


def fields(description: Mapping[str, Any]) -> list[Field]:
    """The fields of a process's form, those that must be given first."""
    made = [
        _field(name, about["title"], about["description"], about["schema"], about["minOccurs"] > 0)
        for name, about in description["inputs"].items()
    ]
    return sorted(made, key=lambda field: not field.required)


def _field(name: str, title: str, description: str, schema: Schema, required: bool) -> Field:  # noqa: FBT001 - a field's own
    kind = _kind(name, schema)
    parts: tuple[Field, ...] = ()
    media_types: tuple[str, ...] = ()
    if kind == "file":
        forms = schema.get("oneOf", [schema])
        media_types = tuple(form["contentMediaType"] for form in forms)
    elif kind == "choice":
        parts = tuple(
            _field(f"{name}.{number}", _way(one), "", one, required)
            for number, one in enumerate(schema["oneOf"])
        )
    return Field(name, title, description, kind, required, schema, parts, media_types)


def _kind(name: str, schema: Schema) -> str:
    kinds = {
        "file": all("contentMediaType" in form for form in schema.get("oneOf", [schema])),
        "choice": "oneOf" in schema,
        "bbox": _is_box(schema),
        "select": "enum" in schema,
        "date": schema.get("format") == "date",
    }
    for kind, fits in kinds.items():
        if fits:
            return kind
    if schema.get("type") == "array":
        return _kind_of_list(name, schema)
    plain = {"string": "text", "number": "number", "integer": "integer", "boolean": "boolean"}
    return plain.get(schema.get("type", ""), "json")


def _kind_of_list(name: str, schema: Schema) -> str:
    items = schema.get("items", {}).get("type")
    if name == PLACE and items == "number" and schema.get("minItems") == 3:
        return "place"
    return "list" if items in {"string", "number", "integer"} else "json"


def _is_box(schema: Schema) -> bool:
    forms = (schema, *schema.get("allOf", ()))
    return any(form.get("format") == "ogc-bbox" for form in forms)


def _way(schema: Schema) -> str:
    """What one of several forms of an input is called."""
    named = schema.get("title") or schema.get("format") or schema.get("type") or "value"
    return str(named).capitalize()
