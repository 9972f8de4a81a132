"""Which members of its items a client wants (the fields extension of the STAC API, 1.0.0)."""

from collections.abc import Callable, Iterable
from typing import Any

from stac_fastapi.extensions.fields.request import PostFieldsExtension

Json = dict[str, Any]

MINIMUM = (
    *("type", "stac_version", "id", "geometry", "bbox", "links", "assets"),
    *("properties.datetime", "properties.start_datetime", "properties.end_datetime"),
)
"""What an item needs to be one: given where nothing is wanted by name."""
IDENTITY = ("type", "stac_version", "id", "collection")
"""What says which item it is: short, and given beside what is wanted, unless it is not wanted by name."""


def chosen(fields: PostFieldsExtension | None) -> Callable[[Json], Json]:
    """What leaves of an item what is wanted: everything where `fields` is None.

    Members are named by their path, its parts joined by `.`; a name that an item does not have is nothing. The
    longest name that is said of a member holds; one that is both wanted and not wanted is given. Where `include`
    is not there at all, an item is whole but for what is not wanted; where it is empty, it has its minimum.
    """
    if fields is None:
        return lambda item: item
    include, exclude = fields.include or set(), fields.exclude or set()
    whole = bool(exclude) and "include" not in fields.model_fields_set
    start = IDENTITY if include else MINIMUM
    # a name is longer than those of what it lies in
    said = sorted(include | exclude, key=lambda path: (len(path), path))

    def choose(item: Json) -> Json:
        kept = item if whole else _only(item, start)
        for path in said:
            kept = _merged(kept, _only(item, [path])) if path in include else _without(kept, path)
        return kept

    return choose


def _only(item: Json, paths: Iterable[str]) -> Json:
    found: Json = {}
    for path in sorted(paths):
        names = _names(item, path)
        value, known = item, True
        for name in names:
            known = isinstance(value, dict) and name in value
            if not known:
                break
            value = value[name]
        if known:
            for name in reversed(names):
                value = {name: value}
            found = _merged(found, value)
    return found


def _without(item: Json, path: str) -> Json:
    first, *rest = _names(item, path)
    if first not in item:
        return item
    others = {name: value for name, value in item.items() if name != first}
    inner = item[first]
    if not rest:
        return others
    return {**others, first: _without(inner, ".".join(rest)) if isinstance(inner, dict) else inner}


def _names(item: Any, path: str) -> list[str]:
    """The parts of a path; a name may itself have points, as those of files have."""
    names: list[str] = []
    while path:
        name = path
        while isinstance(item, dict) and name not in item and "." in name:
            name = name.rpartition(".")[0]
        if not isinstance(item, dict) or name not in item:
            return [*names, path]
        names.append(name)
        item, path = item[name], path[len(name) + 1 :]
    return names


def _merged(one: Json, other: Json) -> Json:
    merged = dict(one)
    for name, value in other.items():
        mine = merged.get(name)
        if isinstance(mine, dict) and isinstance(value, dict):
            merged[name] = _merged(mine, value)
        else:
            merged[name] = value
    return merged
