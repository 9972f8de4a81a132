"""Pixels of products on the grid of an answer.

The nearest pixel is taken, never a mean: of classes there is none. Where a pixel of an answer is as wide as two of the
map or more, it is the nearest of the coarsest overview whose pixels are no wider: overviews hold the most frequent
class of each square, and the means of the other bands.
"""

from collections.abc import Sequence
from contextlib import suppress
from math import hypot, isfinite

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from geocrop_processes.service.collections.coverage import Layer
from geocrop_processes.service.collections.crs import PixelGrid
from geocrop_processes.service.collections.fields import Field
from geocrop_processes.service.unreadable import Unreadable, explained, reading
from geocrop_processes.storage import Storage

Pixels = npt.NDArray[np.uint8]
"""Stored bytes, shape (fields, height, width)."""

_ALIGNED = 1e-3
"""The part of a pixel by which grids may differ and still be the same: far less than is seen."""


def read_layers(
    layers: Sequence[Layer], fields: Sequence[Field], grid: PixelGrid, storage: Storage
) -> Pixels:
    """The fields of all layers on a grid.

    A pixel is of the first layer that has a class there, in all of its fields. Of a single layer all pixels are
    its own, also those that have other numbers but no class.

    Args:
        layers: the newest first.
        fields: what is asked for; they stand for the bands of each layer's files.
        grid: where.
        storage: where the files are.

    Raises:
        Problem: there is no such file (404).
        StorageUnavailable: a file cannot be read.
    """
    try:
        # what has passed meanwhile is no reason to refuse an answer
        with suppress(Unreadable):
            return _read(layers, fields, grid, storage)
        return _read(layers, fields, grid, storage)
    except Unreadable as error:
        raise explained(storage, error) from error


def _read(
    layers: Sequence[Layer], fields: Sequence[Field], grid: PixelGrid, storage: Storage
) -> Pixels:
    with rasterio.Env(**storage.gdal_options()):
        if len(layers) == 1:
            return _values(layers[0], fields, grid)
        return _stacked(layers, fields, grid)


def _stacked(layers: Sequence[Layer], fields: Sequence[Field], grid: PixelGrid) -> Pixels:
    shape = (grid.height, grid.width)
    answer = np.stack([np.full(shape, field.no_data, np.uint8) for field in fields])
    free = np.ones(shape, dtype=np.bool_)
    for layer in layers:
        # codes as they are stored: whether there is a class is all that is asked
        classes = _values(layer, [_CLASSES], grid)[0]
        fresh = free & (classes != 0)
        if fresh.any():
            answer[:, fresh] = _values(layer, fields, grid)[:, fresh]
            free &= ~fresh
        if not free.any():
            break
    return answer


def _values(layer: Layer, fields: Sequence[Field], grid: PixelGrid) -> Pixels:
    """One layer's fields; those of a file that it does not have are no data."""
    answer = np.empty((len(fields), grid.height, grid.width), np.uint8)
    for asset in dict.fromkeys(field.asset for field in fields):
        places = [n for n, field in enumerate(fields) if field.asset == asset]
        wanted = [fields[n] for n in places]
        if asset in layer.files:
            with reading(layer.files[asset]):
                answer[places] = _file(layer.files[asset], wanted, grid)
        else:
            answer[places] = np.array([f.no_data for f in wanted], np.uint8)[:, None, None]
    for n, field in enumerate(fields):
        if field.asset == _CLASSES.asset and layer.codes is not None:
            answer[n] = layer.codes[answer[n]]
    return answer


def _file(url: str, fields: Sequence[Field], grid: PixelGrid) -> Pixels:
    """Bands of a file; those that it does not have are no data."""
    no_data = fields[0].no_data
    answer = np.full((len(fields), grid.height, grid.width), no_data, np.uint8)
    with rasterio.open(url) as dataset:
        there = [n for n, field in enumerate(fields) if field.band <= dataset.count]
        bands = [fields[n].band for n in there]
        if not bands:
            return answer
        window = _window(dataset, grid)
        if window is not None:
            answer[there] = _cut(dataset, bands, window, no_data)
            return answer
        factors, ratio = dataset.overviews(bands[0]), _ratio(dataset, grid)
        usable = [n for n, factor in enumerate(factors) if factor <= ratio * (1 + _ALIGNED)]
        if not usable:
            answer[there] = _warped(dataset, bands, grid, no_data, dataset.transform)
            return answer
        level = max(usable, key=lambda n: factors[n])
        # not what GDAL takes it for: of an odd number of pixels, the last square reaches beyond the map
        transform = dataset.transform @ Affine.scale(factors[level])
    with rasterio.open(url, overview_level=level) as coarse:
        answer[there] = _warped(coarse, bands, grid, no_data, transform)
    return answer


def _ratio(dataset: rasterio.DatasetReader, grid: PixelGrid) -> float:
    """How many pixels of a file, in its middle, are side by side in one of the answer; 1 where it cannot be said."""
    column, row = dataset.width / 2, dataset.height / 2
    points = [
        dataset.transform @ at for at in ((column, row), (column + 1, row), (column, row + 1))
    ]
    xs, ys = transform_points(dataset.crs, grid.crs.rasterio, *zip(*points, strict=True))
    widths = [hypot((xs[n] - xs[0]) / grid.x_step, (ys[n] - ys[0]) / grid.y_step) for n in (1, 2)]
    widest = max(widths)
    return 1 / widest if isfinite(widest) and widest > 0 else 1.0


def _warped(
    dataset: rasterio.DatasetReader,
    bands: Sequence[int],
    grid: PixelGrid,
    no_data: int,
    transform: Affine,
) -> Pixels:
    with WarpedVRT(
        dataset,
        src_transform=transform,
        crs=grid.crs.rasterio,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.nearest,
        src_nodata=no_data,
        nodata=no_data,
    ) as warped:
        read: Pixels = warped.read(list(bands))
        return read


def _window(dataset: rasterio.DatasetReader, grid: PixelGrid) -> tuple[int, int, int, int] | None:
    """Row, column, height and width of the grid within a file whose pixels are the same; None where they are not."""
    own, asked = dataset.transform, grid.transform
    if dataset.crs.to_epsg() != grid.crs.epsg or (own.a, own.e) != (asked.a, asked.e):
        return None
    column, row = ~own @ (asked.c, asked.f)
    if abs(column - round(column)) > _ALIGNED or abs(row - round(row)) > _ALIGNED:
        return None
    return round(row), round(column), grid.height, grid.width


def _cut(
    dataset: rasterio.DatasetReader,
    bands: Sequence[int],
    window: tuple[int, int, int, int],
    no_data: int,
) -> Pixels:
    """Pixels of a window that may reach beyond the file."""
    row, column, height, width = window
    answer = np.full((len(bands), height, width), no_data, np.uint8)
    top, left = max(0, row), max(0, column)
    bottom, right = min(dataset.height, row + height), min(dataset.width, column + width)
    if top < bottom and left < right:
        inside = Window(left, top, right - left, bottom - top)
        answer[:, top - row : bottom - row, left - column : right - column] = dataset.read(
            list(bands), window=inside
        )
    return answer


_CLASSES = Field("class", "", "1", 1.0, 0, "class-map", 1)
"""The stored codes of a layer."""
