import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import ALIGNMENT_M, PIXEL_M, Grid

AOI = Aoi(30.2, -17.36, 1500)
TILE = (799_980, 8_100_040)  # the corner of 35KRA

grids = st.builds(
    Grid,
    epsg=st.just(32735),
    left=st.integers(0, 50_000).map(lambda n: n * ALIGNMENT_M),
    top=st.integers(300_000, 450_000).map(lambda n: n * ALIGNMENT_M),
    width=st.integers(1, 300),
    height=st.integers(1, 300),
)


@given(
    grid=grids,
    size=st.integers(1, 200),
    anchor=st.tuples(st.integers(0, 900_000), st.integers(0, 9_000_000)),
)
def test_blocks_cover_each_pixel_once(grid: Grid, size: int, anchor: tuple[int, int]) -> None:
    seen = np.zeros(grid.shape, int)
    for block in grid.blocks(size, anchor):
        assert 1 <= block.height <= size
        assert 1 <= block.width <= size
        seen[block.slices] += 1
    assert (seen == 1).all()


@given(grid=grids, size=st.integers(1, 200))
def test_blocks_are_cut_along_the_lines_of_the_anchor(grid: Grid, size: int) -> None:
    for block in grid.blocks(size, TILE):
        window = grid.window(block)
        if block.col:
            assert (window.left - TILE[0]) % (size * PIXEL_M) == 0
        if block.row:
            assert (TILE[1] - window.top) % (size * PIXEL_M) == 0


def test_the_grid_of_a_circle_is_aligned_and_as_small_as_can_be() -> None:
    grid = Grid.of_aoi(AOI, 32735)
    x, y = AOI.centre(32735)
    left, bottom, right, top = grid.bounds
    assert not any(side % ALIGNMENT_M for side in grid.bounds)
    assert 0 <= x - 1500 - left < ALIGNMENT_M
    assert 0 <= right - (x + 1500) < ALIGNMENT_M
    assert 0 <= y - 1500 - bottom < ALIGNMENT_M
    assert 0 <= top - (y + 1500) < ALIGNMENT_M


def test_a_window_shows_the_same_pixels() -> None:
    grid = Grid.of_aoi(AOI, 32735)
    inside = grid.inside(AOI)
    x, y = grid.centres()
    for block in grid.blocks(100, TILE):
        window = grid.window(block)
        rows, cols = block.slices
        assert (window.inside(AOI) == inside[rows, cols]).all()
        assert (window.centres()[0] == x[cols]).all()
        assert (window.centres()[1] == y[rows]).all()


def test_the_transform_takes_corners_to_bounds() -> None:
    grid = Grid(32735, 838_600, 8_079_300, 302, 300)
    assert grid.transform @ (0, 0) == (838_600, 8_079_300)
    assert grid.transform @ (302, 300) == (841_620, 8_076_300)


def test_block_names_are_unique_and_sort_by_row() -> None:
    blocks = list(Grid.of_aoi(AOI, 32735).blocks(64))
    names = [b.name for b in blocks]
    assert len(set(names)) == len(names)
    assert names == sorted(names)


@pytest.mark.parametrize("anchor", [(0, 0), (299_990, 8_100_130)])
def test_a_block_is_found_by_its_name(anchor: tuple[int, int]) -> None:
    grid = Grid(32736, 300_000, 8_100_000, 150, 90)
    for block in grid.blocks(40, anchor):
        assert grid.block(block.name, 40, anchor) == block
    for unknown in ("000001-000000", "000000", "a-b", ""):
        with pytest.raises(ValueError, match="no block"):
            grid.block(unknown, 40, anchor)
