"""Shapes in the job store, which PostGIS or shapely compares.

On PostgreSQL they are geometries, found by an index; on SQLite they are well-known binary. Both are made of GEOS and
give the same answers; where an older GEOS of the database would refuse to, shapely is asked there too.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import shapely
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    LargeBinary,
    Select,
    and_,
    bindparam,
    cast,
    func,
    literal,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler, TypeCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, UserDefinedType

SRID = 4326
"""Longitude and latitude in degrees, WGS 84."""

Relation = Callable[[Any, Any], Any]
"""A function of shapely, of a shape and an array of others, that holds only where they meet."""

_OF_POSTGIS: Mapping[Relation, str] = MappingProxyType(
    {
        shapely.intersects: "ST_Intersects",
        shapely.contains: "ST_Contains",
        shapely.within: "ST_Within",
        shapely.touches: "ST_Touches",
        shapely.crosses: "ST_Crosses",
        shapely.overlaps: "ST_Overlaps",
        shapely.equals: "ST_Equals",
    }
)
_SHAPES = 2000
"""Shapes that are held at once."""


class Shape(UserDefinedType[bytes]):
    """A shape in degrees, as `binary` gives it: a geometry of PostGIS, or these bytes."""

    cache_ok = True

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[Any]:
        """Read as bytes, whatever it is kept as."""
        return cast(colexpr, LargeBinary)

    def literal_processor(self, dialect: Dialect) -> Callable[[bytes], str]:
        """As PostGIS reads it in the text of a query."""
        del dialect
        return lambda value: f"'{value.hex()}'"


@compiles(Shape)
def _as_bytes(_type: Shape, _compiler: TypeCompiler, **_: Any) -> str:
    return "BLOB"


@compiles(Shape, "postgresql")
def _as_geometry(_type: Shape, _compiler: TypeCompiler, **_: Any) -> str:
    return f"geometry(GEOMETRY,{SRID})"


def binary(shape: Any) -> bytes:
    """A shapely geometry as the store keeps it: well-known binary that names its reference system."""
    # PostGIS compares the ends of a ring as bytes: to it one that leads from 0.0 to -0.0 is open
    plain = shapely.transform(shape, lambda points: points + 0.0)
    return bytes(shapely.to_wkb(shapely.set_srid(plain, SRID), include_srid=True))


class Meets(FunctionElement[bool]):
    """That the box of a row meets a box, sides included.

    Args: the row's west, south, east and north, and those of the box, all in degrees.

    On PostgreSQL an index finds the boxes. It holds rounded ones: the comparisons decide.
    """

    type = Boolean()
    inherit_cache = True

    def exactly(self) -> ColumnElement[bool]:
        """The same by comparisons of numbers."""
        w, s, e, n, west, south, east, north = self.clauses
        return and_(w <= east, e >= west, s <= north, n >= south)


@compiles(Meets)
def _by_numbers(element: Meets, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.exactly(), **options)


@compiles(Meets, "postgresql")
def _by_index(element: Meets, compiler: SQLCompiler, **options: Any) -> str:
    sides = list(element.clauses)
    row, box = envelope(*sides[:4]), envelope(*sides[4:])
    return compiler.process(and_(element.exactly(), row.op("&&")(box)), **options)


def envelope(*sides: ColumnElement[Any]) -> ColumnElement[Any]:
    """PostGIS' box of west, south, east, north."""
    return func.ST_MakeEnvelope(*sides, literal(SRID, literal_execute=True))


def related(
    connection: Connection,
    candidates: Select[tuple[int]],
    column: ColumnElement[Any],
    shape: Any,
    relation: Relation,
) -> Select[tuple[int]] | BindParameter[Any]:
    """The numbers of the rows whose shape has a relation to another, for `in_`.

    Args:
        connection: to the store.
        candidates: the numbers of those that can have it, such as those whose boxes meet.
        column: where their shapes are.
        shape: a shapely geometry, degrees. It comes first in the relation: of two geometries shapely makes use of the
            first one's preparation alone.
        relation: of the shape and the others.
    """
    # an older GEOS refuses collections, and relations of shapes that cross themselves
    as_here = shape.geom_type != "GeometryCollection" and shape.is_valid
    if connection.dialect.name == "postgresql" and relation in _OF_POSTGIS and as_here:
        # as text of the query: of a parameter a prepared query makes a shape again for each row
        asked = cast(literal(binary(shape), Shape, literal_execute=True), Shape)
        return candidates.where(getattr(func, _OF_POSTGIS[relation])(asked, column))
    numbers = _compared(connection, candidates.add_columns(column), shape, relation)
    # as text of the query: databases take some ten thousand parameters at most
    return bindparam(None, numbers, expanding=True, literal_execute=True)


def _compared(
    connection: Connection, candidates: Select[Any], shape: Any, relation: Relation
) -> Sequence[int]:
    shapely.prepare(shape)
    numbers: list[int] = []
    for rows in connection.execute(candidates).partitions(_SHAPES):
        shapes = shapely.from_wkb([row[1] for row in rows])
        holds = shapely.intersects(shape, shapes)
        if relation is not shapely.intersects:
            # that they meet is cheap to know of a prepared shape; some relations are not
            holds[holds] = relation(shape, shapes[holds])
        numbers += [row[0] for row, yes in zip(rows, holds, strict=True) if yes]
    return numbers
