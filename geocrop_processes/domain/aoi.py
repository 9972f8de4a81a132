"""The area of interest: a circle, (lon, lat, radius_m), longitude first."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from geocrop_processes.errors import InvalidPlace, OutsideRegion

MIN_RADIUS_M = 100.0
"""Below it a circle holds too few 10 m pixels to be a map."""


@dataclass(frozen=True)
class Region:
    """The part of the Earth that a service maps."""

    name: str
    """What people call it."""
    west: float
    south: float
    east: float
    north: float
    """The sides in degrees, WGS 84."""

    def contains(self, lon: float, lat: float) -> bool:
        """Whether the point lies in the region, its sides included."""
        return self.west <= lon <= self.east and self.south <= lat <= self.north


@dataclass(frozen=True)
class Aoi:
    """A circle on the ground, drawn in the plane of a UTM zone.

    Raises:
        InvalidPlace: a value is not finite, not a longitude or latitude, or the radius is under 100 m.
    """

    lon: float
    """Degrees east, WGS 84."""
    lat: float
    """Degrees north, WGS 84; within UTM's -80..84."""
    radius_m: float
    """Metres."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (self.lon, self.lat, self.radius_m)):
            raise InvalidPlace(
                f"Longitude, latitude and radius must be numbers, not {self.lon}, {self.lat}, {self.radius_m}."
            )
        if not -180 <= self.lon <= 180:
            raise InvalidPlace(f"The longitude {self.lon:g} is not within -180..180 degrees.")
        if not -80 <= self.lat <= 84:
            raise InvalidPlace(f"The latitude {self.lat:g} is not within -80..84 degrees.")
        if self.radius_m < MIN_RADIUS_M:
            raise InvalidPlace(
                f"The radius {self.radius_m:g} m is too small: at least {MIN_RADIUS_M:g} m."
            )

    def check(self, region: Region, max_radius_m: float) -> None:
        """Accept the circle for a service, or say why not.

        Raises:
            InvalidPlace: the radius is over the limit, or longitude and latitude are swapped.
            OutsideRegion: the centre lies outside the region.
        """
        if self.radius_m > max_radius_m:
            raise InvalidPlace(
                f"The radius {self.radius_m:g} m is too large: at most {max_radius_m:g} m."
            )
        if region.contains(self.lon, self.lat):
            return
        if region.contains(self.lat, self.lon):
            raise InvalidPlace(
                f"Longitude and latitude are swapped: ({self.lon:g}, {self.lat:g}) lies outside {region.name}, "
                f"({self.lat:g}, {self.lon:g}) inside; the longitude comes first."
            )
        raise OutsideRegion(
            f"({self.lon:g}, {self.lat:g}) lies outside {region.name}: longitude {region.west:g}..{region.east:g}, "
            f"latitude {region.south:g}..{region.north:g}."
        )

    def centre(self, epsg: int) -> tuple[float, float]:
        """The centre as (x, y) in a projected CRS, metres."""
        x, y = _transformer(4326, epsg).transform(self.lon, self.lat)
        return float(x), float(y)

    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the circle in degrees."""
        lon, lat = self.ring()
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def polygon(self) -> dict[str, object]:
        """The circle as a GeoJSON Polygon of 64 corners, counter-clockwise, degrees."""
        lon, lat = self.ring()
        ring = [[round(float(x), 7), round(float(y), 7)] for x, y in zip(lon, lat, strict=True)]
        return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}

    def ring(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The same corners as longitudes and latitudes: float64, shape (64,), degrees; the first comes once."""
        angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        epsg = utm_epsg(self.lon, self.lat)
        x, y = self.centre(epsg)
        lon, lat = _transformer(epsg, 4326).transform(
            x + self.radius_m * np.cos(angle), y + self.radius_m * np.sin(angle)
        )
        return np.asarray(lon), np.asarray(lat)


@cache
def _transformer(source: int, target: int) -> Transformer:
    """Between two EPSG codes; to make one costs more than to use it."""
    return Transformer.from_crs(source, target, always_xy=True)


def utm_epsg(lon: float, lat: float) -> int:
    """The EPSG code of the UTM zone (WGS 84) that a point lies in: 326xx north, 327xx south."""
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone
