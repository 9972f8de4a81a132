"""A grid, block by block, to a cloud-optimised GeoTIFF (COG) with everything it means inside.

Deflate, since every reader has it (geotiff.js in browsers, GDAL 2 and later); no predictor, which makes class
codes 10 % larger. Class maps are compressed at level 6, a tenth to a fifth smaller than at level 1. Values that
differ from pixel to pixel, as probabilities do, are compressed at level 1: level 6 takes eight times as long to
make them 5 % smaller. Bands are stored apart, more than a tenth smaller than mixed, but the tiles of a place lie
side by side, so that one request can read all its bands.

Overviews of class maps take the most frequent class of each square, those of other rasters the mean of the values
there are. The mode moves area to the larger classes, the more the coarser the overview: it is for looking at,
and so are means. Every statistic is of the full resolution.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.models import confidence
from geocrop_processes.publish.overviews import means, modes
from geocrop_processes.publish.pyramid import THREADS, Blocks, Content, fill, pyramid
from geocrop_processes.publish.style import gdal_pam

CLASSES = Content(NO_DATA, modes, "MODE", level=6)
"""Class codes."""
MEASURES = Content(confidence.NO_DATA, means, "AVERAGE", level=1)
"""Probabilities and other bytes on a scale."""


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
    Band(
        "disagreement",
        "mean distance of a member's probabilities from the vote",
        "1",
        confidence.SCALE,
    ),
    Band(
        "dissimilarity",
        "dissimilarity index by the model's threshold: above 1 (101 and more) the model does not apply",
        "1",
        confidence.DISSIMILARITY_SCALE,
    ),
)
"""The bands of a confidence raster; 255 is no data."""


def probability_bands(legend: Legend) -> tuple[Band, ...]:
    """The bands of a probabilities raster, one per class of the legend; 255 is no data."""
    return tuple(Band(c.name, f"probability of {c.name}", "1", confidence.SCALE) for c in legend)


def write_class_map(
    path: Path,
    grid: Grid,
    blocks: Blocks,
    legend: Legend,
    tags: Mapping[str, str],
    threads: int = THREADS,
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
        threads: how many reduce and compress; the bytes are the same.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    with pyramid(path, grid, 1, CLASSES, threads) as dataset:
        _describe(dataset, (CLASS_BAND,))
        dataset.write_colormap(1, {NO_DATA: (0, 0, 0, 0)} | {c.code: (*c.rgb, 255) for c in legend})
        dataset.update_tags(1, **{f"CLASS_{c.code}": c.name for c in legend})
        dataset.update_tags(**{**tags, "LEGEND": json.dumps(legend.to_json())})
        fill(dataset, grid, ((block, pixels[None]) for block, pixels in blocks))
        # the COG driver takes the table from here and puts it into the TIFF
        Path(dataset.name + ".aux.xml").write_text(gdal_pam(legend), encoding="utf-8")


def write_confidence(
    path: Path, grid: Grid, blocks: Blocks, tags: Mapping[str, str], threads: int = THREADS
) -> None:
    """Write a confidence raster with the bands of `CONFIDENCE_BANDS`, their units and scales.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: uint8 (7, height, width) per block; pixels in no block are no data.
        tags: more metadata of the file.
        threads: how many reduce and compress; the bytes are the same.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    _write_bands(path, grid, blocks, CONFIDENCE_BANDS, tags, threads)


def write_probabilities(
    path: Path,
    grid: Grid,
    blocks: Blocks,
    legend: Legend,
    tags: Mapping[str, str],
    threads: int = THREADS,
) -> None:
    """Write the probability of each class as bytes in steps of 0.005.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: uint8 (classes, height, width) per block; pixels in no block are no data.
        legend: the classes, one band each.
        tags: more metadata of the file.
        threads: how many reduce and compress; the bytes are the same.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    _write_bands(path, grid, blocks, probability_bands(legend), tags, threads)


def _write_bands(
    path: Path,
    grid: Grid,
    blocks: Blocks,
    bands: tuple[Band, ...],
    tags: Mapping[str, str],
    threads: int,
) -> None:
    with pyramid(path, grid, len(bands), MEASURES, threads) as dataset:
        _describe(dataset, bands)
        dataset.update_tags(**tags)
        fill(dataset, grid, blocks)


def _describe(dataset: Any, bands: tuple[Band, ...]) -> None:
    """Write names, units and scales of all bands into a dataset open for writing."""
    dataset.descriptions = tuple(b.name for b in bands)
    dataset.scales = tuple(b.scale for b in bands)
    dataset.offsets = tuple(0.0 for _ in bands)
    dataset.units = tuple(b.unit for b in bands)
    for index, band in enumerate(bands, start=1):
        dataset.update_tags(index, MEANING=band.description)
