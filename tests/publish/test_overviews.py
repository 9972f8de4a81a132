"""Overviews: the most frequent and the mean of each square, counted anew from the full resolution."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from geocrop_processes.publish.overviews import level_shapes, means, modes

Bytes = npt.NDArray[np.uint8]


@st.composite
def _rasters(draw: st.DrawFn, no_data: int) -> tuple[Bytes, int]:
    """Pixels with holes, and how many overviews they have."""
    levels = draw(st.integers(1, 5))
    shape = tuple(draw(st.integers(1, 3)) * 2**levels for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    values = rng.choice(256, draw(st.sampled_from((1, 2, 4, 256))), replace=False).astype(np.uint8)
    pixels = rng.choice(values, shape)
    pixels[rng.random(shape) < draw(st.sampled_from((0.0, 0.4, 0.98, 1.0)))] = no_data
    return pixels, levels


def _squares(pixels: Bytes, level: int) -> Any:
    """Row, column and pixels of each square of an overview."""
    side = 2**level
    for row in range(pixels.shape[0] // side):
        for col in range(pixels.shape[1] // side):
            yield row, col, pixels[row * side :, col * side :][:side, :side]


@given(raster=_rasters(no_data=0))
def test_a_mode_is_as_frequent_as_any_and_ties_are_the_centres_else_the_lowest(
    raster: tuple[Bytes, int],
) -> None:
    pixels, levels = raster
    for level, overview in enumerate(modes(pixels, levels, 0), start=1):
        assert overview.dtype == np.uint8
        for row, col, square in _squares(pixels, level):
            counts = Counter(square[square != 0].tolist())
            most = max(counts.values(), default=0)
            tied = [value for value, count in counts.items() if count == most]
            centre = square[2 ** (level - 1), 2 ** (level - 1)]
            assert overview[row, col] == (centre if centre in tied else min(tied, default=0))


@given(raster=_rasters(no_data=255))
def test_a_mean_is_of_the_values_there_are_with_a_half_rounded_up(
    raster: tuple[Bytes, int],
) -> None:
    pixels, levels = raster
    for level, overview in enumerate(means(pixels, levels, 255), start=1):
        assert overview.dtype == np.uint8
        for row, col, square in _squares(pixels, level):
            values = [int(v) for v in square.flat if v != 255]
            rounded = (2 * sum(values) + len(values)) // (2 * len(values)) if values else 255
            assert overview[row, col] == rounded


@pytest.mark.parametrize("value", [0, 1, 127, 254])
def test_what_is_the_same_all_over_is_the_same_at_every_size(value: int) -> None:
    pixels = np.full((2048, 2048), value, np.uint8)
    holes = pixels.copy()
    holes[::3] = 255
    for raster in (pixels, holes):
        for reduce in (means, modes):
            assert [np.unique(o).tolist() for o in reduce(raster, 11, 255)] == [[value]] * 11


def _gdals(pixels: Bytes, no_data: int, level: int, resampling: Resampling) -> Bytes:
    height, width = pixels.shape
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "nodata": no_data}
        place = {"crs": "EPSG:32736", "transform": rasterio.Affine(10, 0, 0, 0, -10, 0)}
        with memory.open(height=height, width=width, **profile, **place) as dataset:
            dataset.write(pixels, 1)
        with memory.open() as dataset:
            shape = (height >> level, width >> level)
            reduced = dataset.read(1, out_shape=shape, resampling=resampling)
    return np.asarray(reduced, np.uint8)


@pytest.fixture
def smooth() -> Bytes:
    """Values that change slowly, a corner of no data and holes."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:256, :256]
    pixels: Bytes = (y // 4 + x // 3 + rng.integers(0, 20, (256, 256))).astype(np.uint8)
    pixels[(y + x < 90) | (rng.random((256, 256)) < 0.05)] = 255
    return pixels


@pytest.mark.parametrize("level", [1, 2, 3])
def test_means_are_gdals(smooth: Bytes, level: int) -> None:
    ours = means(smooth, 3, 255)[level - 1]
    np.testing.assert_array_equal(ours, _gdals(smooth, 255, level, Resampling.average))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_modes_are_as_frequent_as_gdals(classes: Bytes, level: int) -> None:
    pixels = classes[:112, :112]
    ours = modes(pixels, 3, 0)[level - 1]
    gdals = _gdals(pixels, 0, level, Resampling.mode)
    for row, col, square in _squares(pixels, level):
        assert (square == ours[row, col]).sum() == (square == gdals[row, col]).sum()


@given(height=st.integers(1, 5000), width=st.integers(1, 5000))
def test_overviews_halve_until_one_tile_holds_them(height: int, width: int) -> None:
    shapes = [(height, width), *level_shapes((height, width), 512)]
    assert all(max(shape) > 512 for shape in shapes[:-1])
    assert max(shapes[-1]) <= 512
    for (rows, cols), smaller in pairwise(shapes):
        assert smaller == ((rows + 1) // 2, (cols + 1) // 2)
