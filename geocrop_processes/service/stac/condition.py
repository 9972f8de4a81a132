"""A filter's tree as a clause of SQL, the same on SQLite and PostgreSQL.

A property that no item has is null, as in SQL: compared with anything it is neither true nor false. Shapes are
compared here, by shapely, of those items whose boxes meet; the clause then names the items.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

import shapely
from pygeofilter import ast, values
from pygeofilter.backends.evaluator import Evaluator, handle
from sqlalchemy import Boolean, ColumnElement, Connection, and_, false, literal_column, or_, true

from geocrop_processes.service.problems import Problem, invalid
from geocrop_processes.service.products import Condition, related
from geocrop_processes.service.stac.areas import MAX_VERTICES, area_of, area_of_box, box_of
from geocrop_processes.service.stac.cql2 import moment
from geocrop_processes.service.stac.patterns import Like, patterns
from geocrop_processes.service.stac.queryables import Kind, Queryable, named

MAX_SHAPES = 10
"""The most shapes that a filter may name: each looks at the footprints of many items."""
_MAX_VALUE = 1000
"""The most characters of a text that something is compared with."""

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "=": operator.eq,
        "<>": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_RELATIONS: Mapping[type, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.GeometryIntersects: shapely.intersects,
        ast.GeometryDisjoint: shapely.intersects,  # and its contrary is taken
        ast.GeometryEquals: shapely.equals,
        ast.GeometryTouches: shapely.touches,
        ast.GeometryCrosses: shapely.crosses,
        ast.GeometryOverlaps: shapely.overlaps,
        # the footprint is within the shape: the shape contains the footprint
        ast.GeometryWithin: shapely.contains,
        ast.GeometryContains: shapely.within,
    }
)
"""What shapely calls a relation of the footprint, said of the shape and the footprint."""
_FROM_THE_OTHER_SIDE = {
    ast.GeometryWithin: ast.GeometryContains,
    ast.GeometryContains: ast.GeometryWithin,
}


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _handles(*kinds: Any, subclasses: bool = False) -> Callable[[_Method], _Method]:
    """The mark that pygeofilter puts on a method for kinds of nodes, with types."""
    mark: Callable[[_Method], _Method] = handle(*kinds, subclasses=subclasses)
    return mark


_NULL: ColumnElement[bool] = literal_column("NULL", Boolean)


@dataclass(frozen=True)
class _Field:
    """A property that a filter names."""

    name: str
    known: Queryable | None
    """None where no item has it."""


def condition(tree: Any) -> Condition:
    """A filter's tree as what the store asks for; it raises a problem (400) where the tree makes no sense."""
    return lambda connection: _clause(_Clauses(connection).evaluate(tree))


class _Clauses(Evaluator):  # type: ignore[misc]  # pygeofilter ships no types
    """Turns each node into a clause, from the leaves up.

    Args:
        connection: where shapes are looked up.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shapes = 0
        self._points = 0

    def adopt(self, node: Any, *_inner: Any) -> Any:
        """Refuse what is not offered."""
        raise invalid(
            f"filter uses {type(node).__name__}, which is not offered: there are comparisons, and, or, not, "
            "between, in, like, isNull and relations of geometry."
        )

    @_handles(ast.Not)
    def negation(self, _node: Any, inner: Any) -> Any:
        """The contrary."""
        return ~_clause(inner)

    @_handles(ast.And)
    def both(self, _node: Any, lhs: Any, rhs: Any) -> Any:
        """Both."""
        return and_(_clause(lhs), _clause(rhs))

    @_handles(ast.Or)
    def either(self, _node: Any, lhs: Any, rhs: Any) -> Any:
        """One or both."""
        return or_(_clause(lhs), _clause(rhs))

    @_handles(ast.Comparison, subclasses=True)
    def comparison(self, node: Any, lhs: Any, rhs: Any) -> Any:
        """A property and a value, in any order."""
        sign = node.op.value
        if not isinstance(lhs, _Field):
            lhs, rhs, sign = rhs, lhs, _TURNED.get(sign, sign)
        if _unknown(lhs):
            return _NULL
        column, kind = _column(lhs, "a comparison")
        if kind == "flag" and sign not in {"=", "<>"}:
            raise invalid(f"filter compares {lhs.name} by {sign}; it is true or false.")
        return _COMPARE[sign](column, _value(lhs, kind, rhs))

    @_handles(ast.Between)
    def between(self, node: Any, lhs: Any, low: Any, high: Any) -> Any:
        """Within two values, both included."""
        if _unknown(lhs):
            return _NULL
        column, kind = _column(lhs, "BETWEEN")
        if kind == "flag":
            raise invalid(f"filter compares {lhs.name} by BETWEEN; it is true or false.")
        clause = column.between(_value(lhs, kind, low), _value(lhs, kind, high))
        return ~clause if node.not_ else clause

    @_handles(ast.In)
    def among(self, node: Any, lhs: Any, *options: Any) -> Any:
        """One of some values."""
        if _unknown(lhs):
            return _NULL
        column, kind = _column(lhs, "IN")
        clause = column.in_([_value(lhs, kind, each) for each in options])
        return ~clause if node.not_ else clause

    @_handles(ast.Like)
    def like(self, node: Any, lhs: Any) -> Any:
        """A text of a pattern."""
        if _unknown(lhs):
            return _NULL
        column, kind = _column(lhs, "LIKE")
        pattern = _value(lhs, "text", node.pattern)
        if kind != "text":
            raise invalid(f"filter compares {lhs.name} by LIKE, which is no text.")
        clause = Like(column, *patterns(pattern))
        return ~clause if node.not_ else clause

    @_handles(ast.IsNull)
    def null(self, node: Any, lhs: Any) -> Any:
        """Whether an item has a property."""
        if isinstance(lhs, _Field) and lhs.known and lhs.known.column is None:
            return true() if node.not_ else false()
        if _unknown(lhs):
            return false() if node.not_ else true()
        column, _ = _column(lhs, "IS NULL")
        return column.is_not(None) if node.not_ else column.is_(None)

    @_handles(ast.SpatialComparisonPredicate, subclasses=True)
    def relation(self, node: Any, lhs: Any, rhs: Any) -> Any:
        """A relation of the footprint to a shape."""
        kind = type(node)
        if not isinstance(lhs, _Field):
            lhs, rhs, kind = rhs, lhs, _FROM_THE_OTHER_SIDE.get(kind, kind)
        if not isinstance(lhs, _Field) or lhs.known is None or lhs.known.kind != "shape":
            raise invalid("filter relates shapes neither of which is the property geometry.")
        self._shapes += 1
        if self._shapes > MAX_SHAPES:
            raise invalid(f"filter names more than {MAX_SHAPES} shapes.")
        shape = _shape(rhs)
        self._points += int(shapely.get_num_coordinates(shape))
        if self._points > MAX_VERTICES:
            raise invalid(f"The shapes of filter have more than {MAX_VERTICES} points together.")
        clause = related(self._connection, shape, _RELATIONS[kind])
        return ~clause if kind is ast.GeometryDisjoint else clause

    @_handles(ast.Attribute)
    def attribute(self, node: Any) -> _Field:
        """A property."""
        return _Field(node.name, named(node.name))

    @_handles(str, int, float, bool, datetime, values.Geometry, values.Envelope)
    def literal(self, node: Any) -> Any:
        """A value, for whoever uses it."""
        return node


def _clause(found: Any) -> ColumnElement[bool]:
    """What a node became, as a condition."""
    if isinstance(found, ColumnElement):
        return found
    if isinstance(found, bool):
        return true() if found else false()
    if _unknown(found):
        return _NULL
    if isinstance(found, _Field):
        column, kind = _column(found, "a condition")
        if kind == "flag":
            return column == true()
    raise invalid("filter has a value where a condition is wanted.")


def _unknown(found: Any) -> bool:
    """Whether it is a property that no item has."""
    return isinstance(found, _Field) and found.known is None


def _column(found: Any, use: str) -> tuple[ColumnElement[Any], Kind]:
    """Where a property is kept, and its kind."""
    if not isinstance(found, _Field) or found.known is None:
        raise invalid(f"filter has {use} without a property.")
    if found.known.column is None:
        raise invalid(f"filter has {use} of {found.name}, which is a shape.")
    return found.known.column, found.known.kind


def _value(field: _Field, kind: Kind, said: Any) -> Any:
    """What a property is compared with, as the store keeps it.

    Raises:
        Problem: it is of another kind (400).
    """
    if isinstance(said, _Field):
        raise invalid("filter compares a property with a property; it can be compared with values.")
    if kind == "moment" and isinstance(said, datetime | str):
        return (said if isinstance(said, datetime) else moment(said)).timestamp()
    if kind == "number" and isinstance(said, int | float) and not isinstance(said, bool):
        return _number(field, said)
    if kind == "flag" and isinstance(said, bool):
        return said
    if kind == "text" and isinstance(said, str) and len(said) <= _MAX_VALUE:
        return said
    raise _wrong(field, kind, said)


def _number(field: _Field, said: float) -> float:
    try:
        number = float(said)
    except OverflowError as error:
        raise _wrong(field, "number", said) from error
    if not math.isfinite(number):
        raise _wrong(field, "number", said)
    return number


def _wrong(field: _Field, kind: Kind, said: Any) -> Problem:
    wanted = {"flag": "true or false", "moment": "a moment", "number": "a number"}
    allowed = wanted.get(kind, f"a text of {_MAX_VALUE} characters at most")
    return invalid(f"filter compares {field.name} with {str(said)[:50]!r}; it is {allowed}.")


def _shape(said: Any) -> Any:
    if isinstance(said, values.Envelope):
        return area_of_box(box_of((said.x1, said.y1, said.x2, said.y2)))
    if isinstance(said, values.Geometry):
        if "crs" in said.geometry:
            raise invalid("filter names a shape with a reference system; shapes are in CRS84.")
        return area_of(said.geometry, "A shape of filter")
    raise invalid("filter relates the geometry to what is no shape.")
