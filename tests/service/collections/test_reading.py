"""Coarse answers are of a file's overviews, and a band that a file does not have takes none of the others with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.service.collections.coverage import Layer
from geocrop_processes.service.collections.crs import CRS84, Crs, PixelGrid, moved
from geocrop_processes.service.collections.fields import class_field, confidence_fields
from geocrop_processes.service.collections.reading import read_layers
from geocrop_processes.storage import Storage

LEFT, TOP, SIDE = 200_000, 8_080_000, 128
ZONE = Crs("EPSG", "32736")
MAIZE = class_field(Legend((CropClass(1, "maize", "#ffcc00"),)))
STORE = Storage("unused")
AT = datetime(2022, 9, 1, tzinfo=UTC)


def write(path: Path, values: np.ndarray, step: float) -> None:
    shape = dict(zip(("count", "height", "width"), values.shape, strict=True))
    place = {"crs": ZONE.rasterio, "transform": from_origin(LEFT, TOP, step, step)}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **shape, **place) as dataset:
        dataset.write(values)


@pytest.fixture
def layer(tmp_path: Path) -> Callable[..., Layer]:
    """A map whose pixels are 1, those of its overviews 2, 4 and 8: GDAL takes `.ovr` files beside a file for them."""

    def make(side: int = SIDE) -> Layer:
        path = tmp_path / "map.tif"
        write(path, np.ones((1, side, side), np.uint8), 10)
        name = path
        for factor in (2, 4, 8):
            name = name.with_name(f"{name.name}.ovr")
            squares = -(-side // factor)
            write(name, np.full((1, squares, squares), factor, np.uint8), 10 * factor)
        return Layer({"class-map": str(path)}, None, (AT, AT))

    return make


@pytest.mark.parametrize(("factor", "level"), [(1, 1), (1.9, 1), (2, 2), (3, 2), (4, 4), (50, 8)])
def test_a_coarser_answer_is_of_the_coarsest_overview_that_is_no_coarser(
    layer: Callable[..., Layer], factor: float, level: int
) -> None:
    pixels = int(SIDE / factor)
    grid = PixelGrid(ZONE, LEFT, TOP, 10 * factor, 10 * factor, pixels, pixels)
    assert (read_layers([layer()], [MAIZE], grid, STORE)[0] == level).all()


def test_in_another_reference_system_it_is_so_as_well(layer: Callable[..., Layer]) -> None:
    side = 10 * SIDE
    box = moved((LEFT + 200, TOP - side + 200, LEFT + side - 200, TOP - 200), ZONE, CRS84)
    assert box is not None
    grid = PixelGrid.around(box, CRS84)
    for factor, level in ((1, 1), (2, 2), (4, 4)):
        step = grid.x_step * factor
        part = replace(grid, x_step=step, y_step=step, width=8, height=8)
        assert (read_layers([layer()], [MAIZE], part, STORE)[0] == level).all()


def test_squares_of_overviews_lie_where_their_pixels_do(tmp_path: Path) -> None:
    """A map of 5 x 5 pixels has overviews of 3 x 3 squares: the last reach beyond it."""
    path = tmp_path / "map.tif"
    write(path, np.ones((1, 5, 5), np.uint8), 10)
    squares = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3)
    write(path.with_name("map.tif.ovr"), squares, 20)
    layer = Layer({"class-map": str(path)}, None, (AT, AT))
    # its middles lie in the last column and row of the second squares
    grid = PixelGrid(ZONE, LEFT + 29, TOP - 29, 20, 20, 1, 1)
    assert read_layers([layer], [MAIZE], grid, STORE)[0, 0, 0] == 5


def test_bands_that_a_file_has_are_read_beside_one_that_it_does_not_have(tmp_path: Path) -> None:
    fields = confidence_fields()
    values = np.arange(1, len(fields), dtype=np.uint8)
    path = tmp_path / "confidence.tif"
    write(path, np.broadcast_to(values[:, None, None], (len(values), 4, 4)), 10)
    layer = Layer({"confidence": str(path)}, None, (AT, AT))
    grid = PixelGrid(ZONE, LEFT, TOP, 10, 10, 4, 4)
    assert read_layers([layer], fields, grid, STORE)[:, 0, 0].tolist() == [*values, 255]
