"""Prints docs/settings.md: `python -m geocrop_processes.settings`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from geocrop_processes.settings import Settings, variables


def page() -> Iterator[str]:
    """The lines of docs/settings.md."""
    yield "# Settings"
    yield ""
    yield "Environment variables, read when a command starts. A name that is not listed here, or a value that"
    yield "cannot be used, is refused; an empty value counts as not set. This page is generated: `make docs`."
    last: type[BaseModel] | None = None
    for section, name, field in variables():
        if section is not last:
            title = "General" if section is Settings else str(section.__doc__).rstrip(".")
            yield from ("", f"## {title}", "")
            yield "| Variable | Type | Default | Meaning |"
            yield "|---|---|---|---|"
            last = section
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `{name}` | {_kind(field)} | {default} | {field.description} |"


def _kind(field: FieldInfo) -> str:
    """The type and bounds of a variable in words for people."""
    words = {Path: "folder", int: "whole number", float: "number"}
    signs = {"gt": "above ", "ge": "at least ", "le": "at most "}
    bounds = [
        f"{sign}{getattr(bound, attribute):g}"
        for bound in field.metadata
        for attribute, sign in signs.items()
        if hasattr(bound, attribute)
    ]
    kinds = [word for kind, word in words.items() if kind is field.annotation] or ["text"]
    return ", ".join([*kinds, *bounds])


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in page())
