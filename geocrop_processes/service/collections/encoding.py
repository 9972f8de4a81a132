"""Pixels of a coverage as files: a cloud-optimised GeoTIFF, or a picture."""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.publish.pyramid import TILE
from geocrop_processes.service.collections.crs import PixelGrid
from geocrop_processes.service.collections.fields import Field, shared_no_data
from geocrop_processes.service.collections.reading import Pixels
from geocrop_processes.service.problems import invalid

_BLOCK_STEP = 16
"""The sides of a TIFF's blocks are multiples of it (TIFF 6.0, section 15)."""


def geotiff(pixels: Pixels, fields: Sequence[Field], grid: PixelGrid) -> bytes:
    """A cloud-optimised GeoTIFF of stored bytes, with names, scales, units, colours and class names.

    A GeoTIFF has one no data for all bands: where classes and other fields are in one, it is 255 for all.
    """
    no_data = shared_no_data(fields)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": len(fields),
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs.rasterio,
        "transform": grid.transform,
        "nodata": no_data,
        "interleave": "band",
    }
    # names of our own: rasterio removes what it names itself while a copy is still open
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile(ext=".tif") as plain:
        with plain.open(**profile) as dataset:
            _describe(dataset, fields)
            for band, field in enumerate(fields, start=1):
                values = pixels[band - 1]
                if field.no_data != no_data:
                    values = np.where(values == field.no_data, np.uint8(no_data), values)
                dataset.write(values, band)
        classes_alone = all(field.legend is not None for field in fields)
        with MemoryFile(ext=".tif") as whole:
            copy(
                plain.name,
                whole.name,
                driver="COG",
                compress="DEFLATE",
                blocksize=block_side(grid),
                interleave="BAND",
                overview_resampling="MODE" if classes_alone else "NEAREST",
            )
            return bytes(whole.getbuffer())


def block_side(grid: PixelGrid) -> int:
    """The side of a file's blocks, pixels: all of them are whole, and of a narrow strip most would be padding."""
    shorter = min(grid.width, grid.height)
    return min(TILE, -(-shorter // _BLOCK_STEP) * _BLOCK_STEP)


def _describe(dataset: Any, fields: Sequence[Field]) -> None:
    dataset.descriptions = tuple(field.name for field in fields)
    dataset.scales = tuple(field.scale for field in fields)
    dataset.offsets = tuple(0.0 for _ in fields)
    dataset.units = tuple(field.unit for field in fields)
    for band, field in enumerate(fields, start=1):
        dataset.update_tags(band, MEANING=field.title)
        if field.legend is None:
            continue
        dataset.update_tags(band, **{f"CLASS_{c.code}": c.name for c in field.legend})
        dataset.update_tags(LEGEND=json.dumps(field.legend.to_json()))
        if len(fields) == 1:
            dataset.write_colormap(1, colours(field.legend))


def colours(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    """Red, green, blue and opacity by class code; no data is transparent."""
    return {NO_DATA: (0, 0, 0, 0)} | {c.code: (*c.rgb, 255) for c in legend}


def picture(pixels: Pixels, fields: Sequence[Field]) -> bytes:
    """A PNG of one field: classes in their colours, other fields as the grey of their bytes.

    Raises:
        Problem: there is more than one field (400).
    """
    if len(fields) != 1:
        raise invalid("A PNG shows one field: name one by 'properties'.")
    return png(pixels[0], fields[0].legend)


def png(values: Pixels, legend: Legend | None) -> bytes:
    """A PNG of bytes, shape (height, width); transparent where they are no data."""
    image = Image.fromarray(values)
    transparency: bytes | int = 255
    if legend is not None:
        shown = colours(legend)
        palette = [shown.get(code, (0, 0, 0, 0)) for code in range(256)]
        image = image.convert("L")
        image.putpalette([part for colour in palette for part in colour[:3]])
        transparency = bytes(colour[3] for colour in palette)
    content = BytesIO()
    image.save(content, "PNG", transparency=transparency)
    return content.getvalue()
