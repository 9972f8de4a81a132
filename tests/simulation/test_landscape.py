import numpy as np
import pytest
from pyproj import Transformer

from geocrop_processes.domain.grid import Grid
from geocrop_processes.simulation import DEMO_AOI, LEGEND, truth
from geocrop_processes.simulation.blocks import FIELD_SIZES
from geocrop_processes.simulation.demo import demo_landscape
from geocrop_processes.simulation.ground import Place
from geocrop_processes.simulation.landscape import build
from geocrop_processes.simulation.layout import TILES
from geocrop_processes.simulation.sampling import of_grid, of_points

ZONES = (32735, 32736)


@pytest.mark.parametrize("epsg", ZONES)
def test_every_class_covers_at_least_two_per_cent_of_the_demo(epsg: int) -> None:
    grid = Grid.of_aoi(DEMO_AOI, epsg)
    inside = truth(grid)[grid.inside(DEMO_AOI)]
    share = np.bincount(inside, minlength=15)[1:] / inside.size
    assert len(share) == len(LEGEND)
    assert share.min() > 0.02


def test_both_zones_see_the_same_ground() -> None:
    rng = np.random.default_rng(3)
    x, y = DEMO_AOI.centre(32735)
    east, north = x + rng.uniform(-1500, 1500, 2000), y + rng.uniform(-1500, 1500, 2000)
    to_36 = Transformer.from_crs(32735, 32736, always_xy=True)
    landscape = demo_landscape()
    here = of_points(landscape, 32735, east, north).labels(landscape)
    there = of_points(landscape, 32736, *to_36.transform(east, north)).labels(landscape)
    # the zones' pixels are turned by two degrees against each other: only edges may differ
    assert (here == there).mean() > 0.99


def test_a_grid_of_odd_size_has_a_truth() -> None:
    whole = Grid.of_aoi(DEMO_AOI, 32735)
    odd = Grid(whole.epsg, whole.left, whole.top, 31, 17)
    assert np.array_equal(truth(odd), truth(whole)[:17, :31])


def test_the_same_seed_is_the_same_landscape() -> None:
    place = Place(30.0, -18.0, 5)
    one, two = build(place, 800), build(place, 800)
    assert np.array_equal(one.cover, two.cover)
    assert np.array_equal(one.soil_weights, two.soil_weights)
    other = build(Place(30.0, -18.0, 6), 800)
    assert not np.array_equal(one.terrain.blocks.angle, other.terrain.blocks.angle)


def test_smallholders_fields_have_half_a_hectare() -> None:
    width, length, _ = FIELD_SIZES["communal"]
    assert width * length / 10_000 == pytest.approx(0.53, abs=0.03)


def test_weights_of_a_pixel_sum_to_one_and_edges_are_mixed() -> None:
    landscape = demo_landscape()
    grid = Grid(32735, 838_800, 8_078_600, 60, 60)
    sampling = of_grid(landscape, grid)
    for weights in (sampling.weights_10m, sampling.weights_20m):
        assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    # share of the field that the pixel shows most of: patches of one field count together
    fields = np.unique(sampling.field, return_inverse=True)[1]
    member = np.zeros((len(fields), fields.max() + 1), np.float32)
    member[np.arange(len(fields)), fields] = 1
    largest_10m = (sampling.weights_10m @ member).max(axis=1)
    largest_20m = (sampling.weights_20m @ member).max(axis=1)
    assert 0.05 < (largest_10m < 0.95).mean() < 0.8
    assert (largest_20m < 0.95).mean() > (largest_10m < 0.95).mean()


def test_single_pixels_see_what_the_grid_sees() -> None:
    landscape = demo_landscape()
    grid = Grid(32736, 202_400, 8_078_600, 20, 20)
    sampling = of_grid(landscape, grid)
    x, y = (a.ravel() for a in np.meshgrid(*grid.centres()))
    single = of_points(landscape, grid.epsg, x, y)
    for name in ("weights_10m", "weights_20m"):
        by_field = []
        for one in (sampling, single):
            member = np.zeros((len(one.field), landscape.terrain.size), np.float32)
            member[np.arange(len(one.field)), one.field] = 1
            by_field.append(getattr(one, name) @ member)
        assert np.allclose(
            by_field[0][sampling.parent] if "20" in name else by_field[0], by_field[1], atol=0.15
        )


def test_windows_lie_on_the_tiles_60_m_grid_and_hold_the_circle() -> None:
    for tile in TILES:
        grid = tile.window(DEMO_AOI, 4800)
        assert (grid.left - tile.left) % 60 == 0
        assert (tile.top - grid.top) % 60 == 0
        assert grid.left >= tile.left
        circle = Grid.of_aoi(DEMO_AOI, tile.epsg)
        assert grid.bounds[0] <= circle.bounds[0]
        assert grid.bounds[2] >= circle.bounds[2]
        assert grid.bounds[1] <= circle.bounds[1]
        assert grid.bounds[3] >= circle.bounds[3]
