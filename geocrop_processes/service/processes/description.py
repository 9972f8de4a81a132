"""What process descriptions are made of.

Their schemas use only the keywords of OGC's own `schema.yaml`.
"""

from typing import Any

Description = dict[str, Any]
"""A process description as OGC API - Processes 1.0 writes it."""


def required(title: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An input that must be given, once."""
    return _input(title, description, schema, 1)


def optional(title: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An input that may be given, once."""
    return _input(title, description, schema, 0)


def _input(title: str, description: str, schema: dict[str, Any], least: int) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "minOccurs": least,
        "maxOccurs": 1,
        "schema": schema,
    }
