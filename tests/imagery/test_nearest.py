import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geocrop_processes.domain.grid import Grid
from geocrop_processes.imagery.nearest import Nearest, Places
from geocrop_processes.imagery.scene import BandFile

LEFT, TOP = 300_000, 8_000_000


def file_of(pixel_m: int, height: int, width: int) -> BandFile:
    return BandFile("f.tif", pixel_m, LEFT, TOP, (height, width))


def filled(nearest: Nearest, grid: Grid, pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """What comes of a file's pixels on a grid; 0 where it does not reach."""
    out = np.zeros(grid.shape, np.uint16)
    if nearest.window is not None:
        nearest.fill(out, pixels[nearest.window])
    return out


@settings(max_examples=300)
@given(
    pixel_m=st.sampled_from([10, 20, 60]),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    right=st.integers(-70, 70),
    down=st.integers(-70, 70),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_each_pixel_is_the_one_under_its_centre_wherever_grid_and_file_meet(
    pixel_m: int, shape: tuple[int, int], right: int, down: int, size: tuple[int, int]
) -> None:
    """The oracle walks over the pixels one by one."""
    file = file_of(pixel_m, *shape)
    grid = Grid(32736, LEFT + 10 * right, TOP - 10 * down, *size)
    pixels = np.arange(1, 1 + shape[0] * shape[1], dtype=np.uint16).reshape(shape)
    expected = np.zeros(grid.shape, np.uint16)
    for i in range(grid.height):
        for j in range(grid.width):
            row, col = (10 * (down + i) + 5) // pixel_m, (10 * (right + j) + 5) // pixel_m
            if 0 <= row < shape[0] and 0 <= col < shape[1]:
                expected[i, j] = pixels[row, col]
    nearest = Places(grid).of(file, 32736)
    assert np.array_equal(filled(nearest, grid, pixels), expected)
    assert (nearest.window is None) == (not expected.any())


@settings(max_examples=100)
@given(
    pixel_m=st.sampled_from([10, 20]),
    right=st.integers(-70, 70),
    down=st.integers(-70, 70),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_no_more_of_a_file_is_read_than_lies_under_the_grid(
    pixel_m: int, right: int, down: int, size: tuple[int, int]
) -> None:
    file = file_of(pixel_m, 40, 30)
    grid = Grid(32736, LEFT + 10 * right, TOP - 10 * down, *size)
    nearest = Places(grid).of(file, 32736)
    if nearest.window is None:
        return
    pixels = np.arange(1, 1201, dtype=np.uint16).reshape(40, 30)
    seen = filled(nearest, grid, pixels)
    assert set(np.unique(pixels[nearest.window])) == set(np.unique(seen[seen > 0]))


@settings(max_examples=60, deadline=None)
@given(
    right=st.integers(-60, 60),
    down=st.integers(-60, 60),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_across_zones_too_each_pixel_is_the_one_under_its_centre(
    right: int, down: int, size: tuple[int, int]
) -> None:
    """Grids of one line or column are no exception."""
    grid = Grid(32735, 838_600 + 10 * right, 8_079_300 - 10 * down, *size)
    to_file = Transformer.from_crs(32735, 32736, always_xy=True)
    left, top = (round(v / 20) * 20 for v in to_file.transform(838_600, 8_079_300))
    file = BandFile("f.tif", 20, left, top, (30, 30))
    pixels = np.arange(1, 901, dtype=np.uint16).reshape(30, 30)
    expected = np.zeros(grid.shape, np.uint16)
    xs, ys = grid.centres()
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            east, north = to_file.transform(x, y)
            row, col = int((top - north) // 20), int((east - left) // 20)
            if 0 <= row < 30 and 0 <= col < 30:
                expected[i, j] = pixels[row, col]
    assert np.array_equal(filled(Places(grid).of(file, 32736), grid, pixels), expected)


def test_files_that_lie_alike_share_what_was_found() -> None:
    places = Places(Grid(32735, 838_600, 8_079_300, 20, 20))
    first = places.of(BandFile("a.tif", 20, LEFT, TOP, (30, 30)), 32736)
    assert places.of(BandFile("b.tif", 20, LEFT, TOP, (30, 30)), 32736) is first
    for other, epsg in (
        (BandFile("a.tif", 10, LEFT, TOP, (30, 30)), 32736),
        (BandFile("a.tif", 20, LEFT + 20, TOP, (30, 30)), 32736),
        (BandFile("a.tif", 20, LEFT, TOP - 20, (30, 30)), 32736),
        (BandFile("a.tif", 20, LEFT, TOP, (30, 31)), 32736),
        (BandFile("a.tif", 20, LEFT, TOP, (30, 30)), 32735),
    ):
        assert places.of(other, epsg) is not first
