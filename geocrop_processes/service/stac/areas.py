"""Places that a search names: boxes and geometries in degrees, longitude first, checked before anything is searched."""

from typing import Any

import numpy as np
import shapely
from geojson_pydantic.geometries import Geometry
from pydantic import TypeAdapter, ValidationError

from geocrop_processes.service.problems import invalid

MAX_VERTICES = 10_000
"""The most points of a geometry that a search may name, and of all those of a filter together."""

_GEOMETRY: TypeAdapter[Any] = TypeAdapter(Geometry)

Box = tuple[float, float, float, float]


def box_of(numbers: Any) -> Box:
    """West, south, east, north of four or six numbers; heights are left out.

    Raises:
        Problem: they are none on the Earth; west may be east of east, over the antimeridian.
    """
    try:
        sides = [float(n) for n in numbers]
    except OverflowError as error:
        raise invalid("A side of a box is a number of so many digits that it is none.") from error
    west, south, east, north = sides if len(sides) == 4 else sides[:2] + sides[3:5]
    if not (all(-180 <= x <= 180 for x in (west, east)) and -90 <= south <= north <= 90):
        raise invalid(f"The sides of a box are west, south, east, north in degrees, not {sides}.")
    return west, south, east, north


def area_of_box(box: Box) -> Any:
    """A box as a geometry; over the antimeridian a box on either side."""
    west, south, east, north = box
    if west <= east:
        return shapely.box(*box)
    return shapely.union_all(
        [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )


def area_of(geometry: Any, name: str) -> Any:
    """A GeoJSON geometry as shapely has it.

    Args:
        geometry: a JSON value.
        name: what the request calls it.

    Raises:
        Problem: it is none on the Earth, is empty, or has too many points (400).
    """
    try:
        shape = shapely.geometry.shape(_GEOMETRY.validate_python(geometry).model_dump())
    except (ValidationError, shapely.errors.ShapelyError, ValueError, RecursionError) as error:
        raise invalid(f"{name} is not a GeoJSON geometry.") from error
    if shape.is_empty:
        raise invalid(f"{name} is empty.")
    if shapely.get_num_coordinates(shape) > MAX_VERTICES:
        raise invalid(f"{name} has more than {MAX_VERTICES} points.")
    west, south, east, north = shape.bounds
    if not np.isfinite(shapely.get_coordinates(shape)).all() or not (
        -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    ):
        raise invalid(f"{name} has points that are no longitude and latitude in degrees.")
    return shape
