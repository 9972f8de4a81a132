"""A grid, block by block, to a cloud-optimised GeoTIFF (COG) with everything it means inside.

A COG's tiles, coarsest overview first, can be written only when all pixels are known. So blocks go into a
plain tiled TIFF beside the target first, which takes one byte per pixel and band on disk and some tiles in
memory; GDAL's COG driver then copies it. The target appears whole or not at all, and its bytes depend on the
pixels alone, not on the blocks they came in.

Deflate, since every reader has it (geotiff.js in browsers, GDAL 2 and later); no predictor, which makes class
codes 10 % larger. Overviews take the nearest pixel: on a map of 0.7 ha fields the shares of classes at an eighth
of the size are those of the map within 0.2 % of the area, where the most frequent class of each square (`MODE`)
moves 2.8 % of it to the largest class; and the class map and its confidence show the same pixel at any zoom.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.models import confidence
from geocrop_processes.publish.style import gdal_pam

TILE = 512
"""The side of a tile in pixels."""

Blocks = Iterable[tuple[Block, npt.NDArray[np.uint8]]]
"""Pixels of a grid with the place they belong to, in any order; read once."""


@dataclass(frozen=True)
class Band:
    """What a band of bytes means."""

    name: str
    """A word, as in the STAC item."""
    description: str
    """A phrase for people."""
    unit: str
    """Of the value, as UDUNITS writes it; "1" for a share."""
    scale: float
    """The value is the byte times this."""


CLASS_BAND = Band("class", "crop class", "1", 1.0)
"""The only band of a class map; 0 is no data."""
CONFIDENCE_BANDS = (
    Band("top", "probability of the mapped class", "1", confidence.SCALE),
    Band("margin", "distance between the two highest probabilities", "1", confidence.SCALE),
    Band("entropy", "entropy of the vote: 0 certain, 1 undecided", "1", confidence.SCALE),
    Band("n_valid", "ten-day periods with a clear view", "1", 1.0),
    Band("max_gap_days", "longest time without a clear view, 254 or more as 254", "day", 1.0),
)
"""The bands of a confidence raster; 255 is no data."""


def probability_bands(legend: Legend) -> tuple[Band, ...]:
    """The bands of a probabilities raster, one per class of the legend; 255 is no data."""
    return tuple(Band(c.name, f"probability of {c.name}", "1", confidence.SCALE) for c in legend)


def write_class_map(
    path: Path, grid: Grid, blocks: Blocks, legend: Legend, tags: Mapping[str, str]
) -> None:
    """Write a class map with its colours and names.

    Names are inside as a raster attribute table (GDAL 3.12 and later read it), as band metadata
    `CLASS_<code>` (any GDAL), and as the JSON tag `LEGEND`.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: uint8 (height, width) per block; pixels in no block are no data.
        legend: the classes.
        tags: more metadata of the file.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        plain = Path(folder, "plain.tif")
        with rasterio.open(plain, "w", **_profile(grid, 1, NO_DATA)) as dataset:
            _describe(dataset, (CLASS_BAND,))
            dataset.write_colormap(
                1, {NO_DATA: (0, 0, 0, 0)} | {c.code: (*c.rgb, 255) for c in legend}
            )
            dataset.update_tags(1, **{f"CLASS_{c.code}": c.name for c in legend})
            dataset.update_tags(**{**tags, "LEGEND": json.dumps(legend.to_json())})
            _fill(dataset, grid, ((block, pixels[None]) for block, pixels in blocks))
        # the COG driver takes the table from here and puts it into the TIFF
        plain.with_name("plain.tif.aux.xml").write_text(gdal_pam(legend), encoding="utf-8")
        _publish(plain, path)


def write_confidence(path: Path, grid: Grid, blocks: Blocks, tags: Mapping[str, str]) -> None:
    """Write a confidence raster with the bands of `CONFIDENCE_BANDS`, their units and scales.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: uint8 (5, height, width) per block; pixels in no block are no data.
        tags: more metadata of the file.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    _write_bands(path, grid, blocks, CONFIDENCE_BANDS, tags)


def write_probabilities(
    path: Path, grid: Grid, blocks: Blocks, legend: Legend, tags: Mapping[str, str]
) -> None:
    """Write the probability of each class as bytes in steps of 0.005.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: uint8 (classes, height, width) per block; pixels in no block are no data.
        legend: the classes, one band each.
        tags: more metadata of the file.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    _write_bands(path, grid, blocks, probability_bands(legend), tags)


def _write_bands(
    path: Path, grid: Grid, blocks: Blocks, bands: tuple[Band, ...], tags: Mapping[str, str]
) -> None:
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        plain = Path(folder, "plain.tif")
        with rasterio.open(plain, "w", **_profile(grid, len(bands), confidence.NO_DATA)) as dataset:
            _describe(dataset, bands)
            dataset.update_tags(**tags)
            _fill(dataset, grid, blocks)
        _publish(plain, path)


def _profile(grid: Grid, bands: int, nodata: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands,
        "nodata": nodata,
        "height": grid.height,
        "width": grid.width,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "pixel",
        "bigtiff": "IF_SAFER",
        # tiles that no block touches are not written, and read as no data
        "sparse_ok": True,
    }


def _describe(dataset: Any, bands: tuple[Band, ...]) -> None:
    """Write names, units and scales of all bands into a dataset open for writing."""
    dataset.descriptions = tuple(b.name for b in bands)
    dataset.scales = tuple(b.scale for b in bands)
    dataset.offsets = tuple(0.0 for _ in bands)
    dataset.units = tuple(b.unit for b in bands)
    for index, band in enumerate(bands, start=1):
        dataset.update_tags(index, MEANING=band.description)


def _fill(dataset: Any, grid: Grid, blocks: Blocks) -> None:
    for block, pixels in blocks:
        # rasterio would stretch pixels of another shape into the window
        if pixels.dtype != np.uint8 or pixels.shape != (dataset.count, block.height, block.width):
            raise ValueError(f"Pixels of {block} are {pixels.dtype} {pixels.shape}.")
        inside = block.row + block.height <= grid.height and block.col + block.width <= grid.width
        if min(block.row, block.col) < 0 or not inside:
            raise ValueError(f"{block} leaves the grid of {grid.height} x {grid.width} pixels.")
        dataset.write(pixels, window=Window(block.col, block.row, block.width, block.height))


def _publish(plain: Path, path: Path) -> None:
    whole = plain.with_name("whole.tif")
    rasterio.shutil.copy(
        plain,
        whole,
        driver="COG",
        compress="DEFLATE",
        level=9,
        predictor="NO",
        blocksize=TILE,
        interleave="PIXEL",
        overview_resampling="NEAREST",
        num_threads=1,
        bigtiff="IF_SAFER",
    )
    whole.replace(path)
