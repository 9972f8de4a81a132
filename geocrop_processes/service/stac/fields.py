"""Which members of its items a client wants (the fields extension of the STAC API, 1.0.0)."""

from collections.abc import Callable, Iterable
from typing import Any

from stac_fastapi.extensions.fields.request import PostFieldsExtension

Json = dict[str, Any]

MINIMUM = (
    *("type", "stac_version", "id", "geometry", "bbox", "links", "assets"),
    *("properties.datetime", "properties.start_datetime", "properties.end_datetime"),
)
"""What an item needs to be one: given where nothing is named."""


def chosen(fields: PostFieldsExtension | None) -> Callable[[Json], Json]:
    """What leaves of an item what is wanted: everything where `fields` is None.

    Members are named by their path, its parts joined by `.`; a name that an item does not have is nothing. Those
    that are both wanted and not wanted are left out, unless what is wanted lies within what is not.
    """
    if fields is None:
        return lambda item: item
    include, exclude = fields.include or set(), fields.exclude or set()
    if not include and not exclude:
        include = set(MINIMUM)

    def choose(item: Json) -> Json:
        kept = _only(item, include) if include else item
        for path in exclude:
            kept = _without(kept, path)
        within = {path for path in include if any(path.startswith(f"{e}.") for e in exclude)}
        return _merged(kept, _only(item, within))

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
