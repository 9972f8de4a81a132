"""Whether a label's geometry is a place that can be looked at; if not, what is wrong with it."""

import re
from typing import Any

import numpy as np
import shapely
from pyproj import Geod

from geocrop_processes.domain.aoi import Region

KINDS = ("Point", "Polygon", "MultiPolygon")
"""What a label can be."""
MAX_SIDE_M = 10_000
"""The widest and highest that a polygon's bounding box can be, metres: its pixels are looked at in an array."""
_DEGREE_M = 111_320
"""A degree of the equator of WGS 84, metres."""
_EARTH = Geod(ellps="WGS84")
_PLAIN = {
    "Self-intersection": "it crosses itself",
    "Ring Self-intersection": "its ring touches itself",
    "Hole lies outside shell": "a hole lies outside of it",
    "Holes are nested": "a hole lies within another",
    "Nested shells": "a part lies within another",
    "Interior is disconnected": "its holes cut it in two",
    "Duplicate Rings": "a ring is there twice",
    "Too few points in geometry component": "it has too few corners",
}
"""What GEOS says of what is invalid, in plain words."""


def check_place(geometry: Any, region: Region, max_hectares: float) -> None:
    """Accept a geometry in degrees, or say what is wrong with it.

    Args:
        geometry: of shapely.
        region: where it must lie, all of it.
        max_hectares: the largest area of a polygon.

    Raises:
        ValueError: a phrase that follows "Row 3: ".
    """
    if geometry.geom_type not in KINDS:
        raise ValueError(f"its geometry is a {geometry.geom_type}; allowed are {', '.join(KINDS)}")
    if geometry.is_empty:
        raise ValueError("its geometry is empty")
    corners = shapely.get_coordinates(geometry)
    if not np.isfinite(corners).all():
        raise ValueError("it has coordinates that are no finite numbers")
    _check_inside(corners, region)
    if not geometry.is_valid:
        raise ValueError(f"its {geometry.geom_type} is invalid: {_why(geometry)}")
    hectares = abs(_EARTH.geometry_area_perimeter(geometry)[0]) / 10_000
    if hectares > max_hectares:
        raise ValueError(f"it has {hectares:,.0f} ha; at most {max_hectares:,.0f} are accepted")
    _check_side(corners)


def _check_side(corners: Any) -> None:
    """Raises: ValueError: the bounding box is too wide or too high."""
    (width, height), nearest = np.ptp(corners, axis=0), np.abs(corners[:, 1]).min()
    across, up = width * _DEGREE_M * np.cos(np.radians(nearest)), height * _DEGREE_M
    if max(across, up) > MAX_SIDE_M:
        raise ValueError(
            f"it reaches over {across / 1000:,.1f} km by {up / 1000:,.1f} km; at most {MAX_SIDE_M // 1000} km each way "
            "are accepted: give its parts as rows with the same field"
        )


def _check_inside(corners: Any, region: Region) -> None:
    """Raises: ValueError: a corner lies outside the region, or its coordinates are swapped."""
    lon, lat = corners[:, 0], corners[:, 1]
    outside = [i for i, at in enumerate(corners.tolist()) if not region.contains(*at)]
    if not outside:
        return
    x, y = float(lon[outside[0]]), float(lat[outside[0]])
    if region.contains(y, x):
        raise ValueError(
            f"longitude and latitude are swapped: ({x:g}, {y:g}) lies outside {region.name}, ({y:g}, {x:g}) inside"
        )
    raise ValueError(
        f"({x:g}, {y:g}) lies outside {region.name}: longitude {region.west:g}..{region.east:g}, "
        f"latitude {region.south:g}..{region.north:g}"
    )


def _why(geometry: Any) -> str:
    """What is invalid, and where."""
    told = shapely.is_valid_reason(geometry)
    match = re.fullmatch(r"([^\[]*)\[([^ \]]+) ([^ \]]+)\]", told)
    if match is None:
        return str(told)
    plain = _PLAIN.get(match[1].strip(), match[1].strip().lower())
    return f"{plain} at ({float(match[2]):.6g}, {float(match[3]):.6g})"
