"""The templates, and what they can call."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from xstatic.pkg import leaflet

_HERE = Path(str(files("geocrop_processes.service.pages")))
STATIC = _HERE / "static"
"""Our style and scripts."""
LEAFLET = Path(leaflet.BASE_DIR)
"""Leaflet's, from its package."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _colour(value: object) -> str:
    """A colour that can be drawn; a transparent one for anything else."""
    text = str(value)
    return text if _COLOUR.fullmatch(text) else "none"


def _size(count: object) -> str:
    """A number of bytes for people."""
    size = float(str(count))
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _kind(value: object) -> str:
    """What a JSON value is to the template that shows it."""
    if isinstance(value, dict):
        return "link" if isinstance(value.get("href"), str) else "object"
    if isinstance(value, list):
        plain = not any(isinstance(inner, dict | list) for inner in value)
        return "plain list" if plain else "list"
    return "scalar"


def _scalar(value: object) -> str:
    """A JSON scalar as JSON writes it, a text without its quotation marks."""
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _browser_pattern(value: object) -> str:
    """A pattern of JSON Schema as browsers take it, which want a hyphen at the end of a class escaped."""
    return str(value).replace("-]", r"\-]")


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "browser_pattern": _browser_pattern,
    "colour": _colour,
    "kind": _kind,
    "scalar": _scalar,
    "size": _size,
}


def render(template: str, context: dict[str, Any]) -> str:
    """A template with what it shows; `jinja2.UndefinedError` where that lacks something."""
    return _ENVIRONMENT.get_template(template).render(context)
