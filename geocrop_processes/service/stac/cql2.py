"""A filter in CQL2 (OGC 21-065r2), as text or as JSON, read by pygeofilter into a tree; or refused with a reason.

What is read is bounded: pygeofilter, SQLAlchemy and the database walk the tree by recursion. Dates are read here:
pygeofilter would take any words that people use for them.
"""

from datetime import UTC, datetime, time
from datetime import date as Date  # noqa: N812 - a method is named for the rule `date`
from logging import CRITICAL
from pathlib import Path
from typing import Any

import pygeofilter
from lark import Lark, Transformer, logger
from lark.exceptions import LarkError, UnexpectedInput
from lark.visitors import merge_transformers, v_args
from pygeofilter import ast, values
from pygeofilter.cql2 import SPATIAL_PREDICATES_MAP
from pygeofilter.parsers.cql2_json import parse as parse_json
from pygeofilter.parsers.cql2_text.parser import CQLTransformer

from geocrop_processes.service.problems import Problem, invalid

MAX_TEXT = 50_000
"""The most characters of a filter in text."""
MAX_DEPTH = 20
"""How deep conditions may be within each other, a row of conditions joined by the same word being one: SQLite
reads no deeper queries."""
MAX_ROW = 200
"""The most conditions that are joined by the same word."""
MAX_NODES = 2000
"""The most conditions, properties and values of a filter."""

_NAMESPACE = "cql2_text__grammar"
"""Where lark puts what is imported from pygeofilter's grammar."""


def parse(said: Any, language: str | None) -> Any:
    """Read a filter.

    Args:
        said: a text, or a JSON object.
        language: `cql2-text` or `cql2-json`; by the kind of `said` where it is None.

    Returns:
        The root of pygeofilter's tree.

    Raises:
        Problem: it is no CQL2, or too large (400).
    """
    language = language or ("cql2-text" if isinstance(said, str) else "cql2-json")
    if language == "cql2-text":
        if not isinstance(said, str):
            raise invalid("filter is no text, as filter-lang says.")
        root = _of_text(said)
    else:
        if not isinstance(said, dict):
            raise invalid("filter is no JSON object, as filter-lang says.")
        root = _of_json(said)
    _check_size(root)
    return root


def moment(said: Any) -> datetime:
    """A day's first moment, or a moment, of RFC 3339.

    Raises:
        Problem: it is neither (400).
    """
    try:
        if isinstance(said, str) and "T" not in said.upper().replace(" ", "T", 1):
            return datetime.combine(Date.fromisoformat(said), time(), UTC)
        found = datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise _no_moment(said) from error
    if found.tzinfo is None:
        raise _no_moment(said)
    return found


def _no_moment(said: Any) -> Problem:
    return invalid(
        f"filter names {str(said)[:50]!r}, which is neither a day, as 2022-09-01, "
        "nor a moment, as 2022-09-01T00:00:00Z."
    )


def _of_text(said: str) -> Any:
    if len(said) > MAX_TEXT:
        raise invalid(f"filter has more than {MAX_TEXT} characters.")
    try:
        return _PARSER.parse(said)
    except UnexpectedInput as error:
        near = error.get_context(said, 20).splitlines()[0]
        raise invalid(f"filter is no CQL2 text: it ends or goes wrong at {near!r}.") from error
    except (LarkError, ValueError, TypeError, AttributeError, OverflowError) as error:
        # what pygeofilter makes of the parts fails by any of these
        raise invalid("filter is no CQL2 text.") from error


def _of_json(said: dict[str, Any]) -> Any:
    try:
        return parse_json(_prepared(said, 0))
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        # what pygeofilter makes of the parts fails by any of these
        raise invalid(
            "filter is no CQL2 JSON: an operator has not the arguments it needs."
        ) from error


def _prepared(node: Any, depth: int) -> Any:
    """A part of CQL2 JSON with what stands for places and times read."""
    if depth > MAX_DEPTH:
        raise _too_large()
    if isinstance(node, list):
        return [_prepared(each, depth) for each in node]
    if isinstance(node, str | int | float):
        return node
    if node is None:
        raise invalid("filter holds a null, which is no value of CQL2.")
    return _operation(node, depth) if "op" in node else _thing(node)


def _thing(node: dict[str, Any]) -> Any:
    """A property, a place or a time."""
    if "type" in node:
        return values.Geometry(node)
    for key, read in _READ.items():
        if key in node:
            return read(node[key])
    raise invalid(f"filter holds an object that is no expression of CQL2: {str(node)[:100]}.")


def _operation(node: dict[str, Any], depth: int) -> dict[str, Any]:
    operator, arguments = node["op"], node.get("args")
    if isinstance(arguments, dict):
        # drafts of the standard had no list where there is one argument
        arguments = [arguments]
    if not isinstance(operator, str) or not isinstance(arguments, list):
        raise invalid("filter holds an operation that is not of the form {op: text, args: list}.")
    arguments = _prepared(arguments, depth + 1)
    if operator == "in" and not (len(arguments) == 2 and isinstance(arguments[-1], list)):
        raise invalid("filter holds an operation 'in' without a list.")
    if operator == "between" and len(arguments) == 3:
        # the standard as published has no inner list, pygeofilter and its drafts have one
        arguments = [arguments[0], arguments[1:]]
    return {"op": operator, "args": arguments}


def _property(name: Any) -> ast.Attribute:
    if not isinstance(name, str):
        raise invalid("filter holds a property whose name is no text.")
    return ast.Attribute(name)


def _box(sides: Any) -> values.Envelope:
    numbers = isinstance(sides, list) and all(
        isinstance(side, int | float) and not isinstance(side, bool) for side in sides
    )
    if not numbers or len(sides) not in {4, 6}:
        raise invalid("filter holds a bbox that is not of four or six numbers.")
    return _envelope(*(sides if len(sides) == 4 else sides[:2] + sides[3:5]))


def _envelope(west: float, south: float, east: float, north: float) -> values.Envelope:
    return values.Envelope(west, east, south, north)


_READ = {"property": _property, "bbox": _box, "timestamp": moment, "date": moment}


def _check_size(root: Any) -> None:
    nodes, rest = 0, [(root, 1, 1)]
    while rest:
        node, depth, row = rest.pop()
        nodes += 1
        if depth > MAX_DEPTH or row > MAX_ROW or nodes > MAX_NODES:
            raise _too_large()
        for inner in (node.get_sub_nodes() if isinstance(node, ast.Node) else None) or ():
            # pygeofilter makes a row a ladder, SQLAlchemy makes the ladder a row
            same = type(inner) is type(node) and isinstance(node, ast.And | ast.Or)
            rest.append((inner, depth, row + 1) if same else (inner, depth + 1, 1))


def _too_large() -> Problem:
    return invalid(
        f"filter is too large: {MAX_NODES} conditions, properties and values are allowed, {MAX_ROW} in a row, "
        f"{MAX_DEPTH} deep."
    )


@v_args(inline=True)
class _Parts(Transformer[Any, Any]):
    """What the rules of our own grammar become; those of pygeofilter's become what they do there."""

    def and_(self, lhs: Any, rhs: Any) -> ast.And:
        """Both."""
        return ast.And(lhs, rhs)

    def or_(self, lhs: Any, rhs: Any) -> ast.Or:
        """One or both."""
        return ast.Or(lhs, rhs)

    def not_(self, node: Any) -> ast.Not:
        """The contrary."""
        return ast.Not(node)

    def attribute(self, name: Any) -> ast.Attribute:
        """A property."""
        return ast.Attribute(str(name))

    def date(self, text: str) -> datetime:
        """A day."""
        return moment(text)

    def timestamp(self, text: str) -> datetime:
        """A moment."""
        return moment(text)

    def envelope(self, *sides: float) -> values.Envelope:
        """A box."""
        return _box(list(sides))

    def truth(self, value: bool) -> bool:  # noqa: FBT001 - the literal itself
        """A condition that always or never holds."""
        return value

    def BOOLEAN(self, token: Any) -> bool:  # noqa: N802 - the terminal's name
        """True or false."""
        return str(token).lower() == "true"

    def spatial_predicate(self, name: Any, lhs: Any, rhs: Any) -> Any:
        """A relation of two shapes."""
        return SPATIAL_PREDICATES_MAP[name.lower()](lhs, rhs)

    def SINGLE_QUOTED(self, token: Any) -> str:  # noqa: N802 - the terminal's name
        """A text."""
        return str(token)[1:-1].replace("''", "'")

    def DOUBLE_QUOTED(self, token: Any) -> str:  # noqa: N802 - the terminal's name
        """A name."""
        return str(token)[1:-1]


# pygeofilter has lark tell of everything, wherever it is used
logger.setLevel(CRITICAL)
_PARSER = Lark(
    (Path(__file__).parent / "cql2_text.lark").read_text(encoding="utf-8"),
    parser="lalr",
    import_paths=[str(Path(pygeofilter.__file__).parent / "parsers")],
    maybe_placeholders=False,
    transformer=merge_transformers(  # type: ignore[no-untyped-call]
        _Parts(), **{_NAMESPACE: CQLTransformer()}
    ),
)
