import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geocrop_processes.domain.aoi import Aoi, Region, utm_epsg
from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import InvalidPlace, OutsideRegion

ZIMBABWE = Region("Zimbabwe", 25.2, -22.5, 33.1, -15.6)


def ring(aoi: Aoi) -> npt.NDArray[np.float64]:
    """The corners of the polygon, (65, 2) degrees."""
    coordinates = aoi.polygon()["coordinates"]
    assert isinstance(coordinates, list)
    return np.array(coordinates[0])


@given(lon=st.floats(25.2, 33.1), lat=st.floats(-22.5, -15.6), radius=st.floats(100, 25_000))
def test_the_ring_lies_at_the_radius_on_the_ground_within_the_scale_of_the_projection(
    lon: float, lat: float, radius: float
) -> None:
    lons, lats = ring(Aoi(lon, lat, radius)).T
    _, _, metres = Geod(ellps="WGS84").inv(
        np.full(len(lons), lon), np.full(len(lons), lat), lons, lats
    )
    # UTM's scale is within 0.9996..1.0010 of one inside a zone; coordinates are rounded to a centimetre
    assert np.allclose(metres, radius, rtol=2e-3, atol=0.02)


def test_the_bounding_box_holds_the_ring() -> None:
    aoi = Aoi(30.2, -17.36, 1500)
    west, south, east, north = aoi.bbox()
    lons, lats = ring(aoi).T
    assert west <= lons.min() + 1e-7
    assert lons.max() - 1e-7 <= east
    assert south <= lats.min() + 1e-7
    assert lats.max() - 1e-7 <= north


def test_the_ring_is_closed_and_counter_clockwise() -> None:
    corners = ring(Aoi(30.2, -17.36, 1500))
    assert (corners[0] == corners[-1]).all()
    x, y = corners.T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (30.2, -17.36, 32736),
        (29.99, -17.36, 32735),
        (30.2, 17.36, 32636),
        (180, 0, 32660),
        (-180, 0, 32601),
    ],
)
def test_the_utm_zone_is_that_of_the_longitude_and_hemisphere(
    lon: float, lat: float, epsg: int
) -> None:
    assert utm_epsg(lon, lat) == epsg


def test_a_place_in_the_region_is_accepted() -> None:
    Aoi(30.2, -17.36, 1500).check(ZIMBABWE, 25_000)


def test_swapped_longitude_and_latitude_are_called_so() -> None:
    with pytest.raises(InvalidPlace, match="Longitude and latitude are swapped"):
        Aoi(-17.36, 30.2, 1500).check(ZIMBABWE, 25_000)


def test_a_place_outside_the_region_is_named_with_the_region() -> None:
    with pytest.raises(
        OutsideRegion, match=r"\(10, -17.36\) lies outside Zimbabwe: longitude 25.2..33.1"
    ):
        Aoi(10, -17.36, 1500).check(ZIMBABWE, 25_000)


def test_a_radius_over_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(InvalidPlace, match="26000 m is too large: at most 25000 m"):
        Aoi(30.2, -17.36, 26_000).check(ZIMBABWE, 25_000)


@pytest.mark.parametrize(
    ("lon", "lat", "radius", "message"),
    [
        (30.2, -17.36, 99.9, "too small: at least 100 m"),
        (math.nan, -17.36, 1500, "must be numbers"),
        (30.2, math.inf, 1500, "must be numbers"),
        (181, -17.36, 1500, "longitude 181 is not within"),
        (30.2, -81, 1500, "latitude -81 is not within"),
    ],
)
def test_values_that_are_no_place_are_refused_with_the_value(
    lon: float, lat: float, radius: float, message: str
) -> None:
    with pytest.raises(InvalidPlace, match=message):
        Aoi(lon, lat, radius)


@given(
    lon=st.floats(25.2, 33.1),
    lat=st.floats(-22.5, -15.6),
    radius=st.floats(100, 3000),
    epsg=st.sampled_from([32735, 32736]),
)
def test_the_pixels_inside_sum_to_the_area_of_the_circle(
    lon: float, lat: float, radius: float, epsg: int
) -> None:
    aoi = Aoi(lon, lat, radius)
    area = Grid.of_aoi(aoi, epsg).inside(aoi).sum() * 100
    # the number of lattice points in a circle differs from its area by less than its perimeter
    assert abs(area - math.pi * radius**2) <= 2 * math.pi * radius * 10
