"""What process descriptions are made of.

Their schemas use only the keywords of OGC's own `schema.yaml`.
"""

from collections.abc import Mapping
from typing import Any

Description = dict[str, Any]
"""A process description as OGC API - Processes 1.0 writes it."""


def required(title: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An input that must be given, once."""
    return _input(title, description, schema, 1)


def optional(title: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An input that may be given, once."""
    return _input(title, description, schema, 0)


def file_of(*media_types: str, as_object: str = "") -> dict[str, Any]:
    """The schema of an input that is a file: base64 of one of these kinds, or an object of that kind."""
    forms: list[dict[str, Any]] = [
        {"type": "string", "contentEncoding": "base64", "contentMediaType": media_type}
        for media_type in media_types
        if media_type != as_object
    ]
    if as_object:
        forms.insert(0, {"type": "object", "contentMediaType": as_object})
    return forms[0] if len(forms) == 1 else {"oneOf": forms}


def produced(title: str, description: str, media_type: str) -> dict[str, Any]:
    """An output that is a file: of JSON, or any other, which is base64 where it is given by value."""
    kind: dict[str, Any] = {"type": "string", "contentEncoding": "base64"}
    if media_type.endswith("json"):
        kind = {"type": "object"}
    schema = kind | {"contentMediaType": media_type}
    return {"title": title, "description": description, "schema": schema}


def media_types_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What a value of a schema can be written as, the default first."""
    if "contentMediaType" in schema:
        return (str(schema["contentMediaType"]),)
    if "oneOf" in schema:
        kinds = [kind for form in schema["oneOf"] for kind in media_types_of(form)]
        return tuple(dict.fromkeys(kinds))
    text = ("text/plain",) if schema.get("type") == "string" else ()
    return (*text, "application/json")


def _input(title: str, description: str, schema: dict[str, Any], least: int) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "minOccurs": least,
        "maxOccurs": 1,
        "schema": schema,
    }
