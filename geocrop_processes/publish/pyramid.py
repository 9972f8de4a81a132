"""A raster of bytes and its overviews, block by block, to one cloud-optimised GeoTIFF (COG).

A COG's tiles, coarsest overview first, can be written only when all pixels are known. So blocks go into a plain
tiled TIFF beside the target first, and the overviews, tile by tile, into one each; they take 4/3 bytes per pixel
and band on disk, and some rows of tiles in memory. GDAL's COG driver then joins them. The target appears whole or
not at all, and its bytes depend on the pixels alone: not on the blocks they came in, nor on the number of threads.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.publish.overviews import Pixels, level_shapes

TILE = 512
"""The side of a tile in pixels."""
THREADS = 2
"""How many threads reduce and compress where nothing else is said."""
CACHE_MB = 32
"""What GDAL may keep of the plain files, MiB: it would take a twentieth of the memory."""

Blocks = Iterable[tuple[Block, npt.NDArray[np.uint8]]]
"""Pixels of a grid with the place they belong to, in any order; read once."""


@dataclass(frozen=True)
class Content:
    """What decides how pixels are reduced and stored."""

    no_data: int
    """The value that means nothing."""
    reduce: Callable[[Pixels, int, int], list[Pixels]]
    """From pixels, the number of overviews and no data to the overviews."""
    reduction: str
    """What `reduce` does, in GDAL's words."""
    level: int
    """Of Deflate: 1 is fast, 9 is small."""


@contextmanager
def pyramid(
    path: Path, grid: Grid, bands: int, content: Content, threads: int = THREADS
) -> Iterator[Any]:
    """Open a plain raster to describe and fill; when the context ends, its COG is at `path`.

    Args:
        path: the file to write; replaced where it exists, and left as it is when the context ends by an error.
        grid: where the pixels lie.
        bands: how many bands of uint8.
        content: what they hold; pixels that are not written are no data.
        threads: how many reduce and compress.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        folder = Path(name)
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
            plain, whole = folder / "plain.tif", folder / "whole.tif"
            profile = plain_profile(grid, bands, "uint8", content.no_data)
            with rasterio.open(plain, "w", **profile) as dataset:
                yield dataset
                dataset.update_tags(OVERVIEW_RESAMPLING=content.reduction)
            overviews = _write_overviews(plain, content, profile, threads)
            _join(plain, overviews, whole, {"level": content.level, "num_threads": threads})
        whole.replace(path)


def fill(dataset: Any, grid: Grid, blocks: Blocks) -> None:
    """Write blocks of uint8 (bands, height, width) into a dataset open for writing.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    for block, pixels in blocks:
        # rasterio would stretch pixels of another shape into the window
        if pixels.dtype != np.uint8 or pixels.shape != (dataset.count, block.height, block.width):
            raise ValueError(f"Pixels of {block} are {pixels.dtype} {pixels.shape}.")
        inside = block.row + block.height <= grid.height and block.col + block.width <= grid.width
        if min(block.row, block.col) < 0 or not inside:
            raise ValueError(f"{block} leaves the grid of {grid.height} x {grid.width} pixels.")
        dataset.write(pixels, window=Window(block.col, block.row, block.width, block.height))


def plain_profile(grid: Grid, bands: int, dtype: str, no_data: float) -> dict[str, Any]:
    """What a plain raster is opened with, for a COG's pixels to be gathered in; arguments as rasterio's."""
    return {
        "driver": "GTiff",
        "dtype": dtype,
        "count": bands,
        "nodata": no_data,
        "height": grid.height,
        "width": grid.width,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "band",
        "bigtiff": "IF_SAFER",
        # tiles that no block touches are not written, and read as no data
        "sparse_ok": True,
    }


def _write_overviews(
    plain: Path, content: Content, profile: dict[str, Any], threads: int
) -> list[Path]:
    """Write the overviews of a raster beside it, finest first."""
    shapes = level_shapes((profile["height"], profile["width"]), TILE)
    paths = [plain.with_name(f"overview-{n}.tif") for n in range(1, len(shapes) + 1)]
    # a piece holds whole pixels of the coarsest overview
    side = max(TILE, 2 ** len(shapes))
    with ExitStack() as stack, ThreadPoolExecutor(threads) as pool:
        source = stack.enter_context(rasterio.open(plain))
        targets = [
            stack.enter_context(
                rasterio.open(path, "w", **profile | {"height": height, "width": width})
            )
            for path, (height, width) in zip(paths, shapes, strict=True)
        ]
        # a raster of one tile has no overviews, and need not be read
        rows = range(0, source.height, side) if targets else ()
        for band, row in product(source.indexes, rows):
            strip = source.read(band, window=Window(0, row, source.width, side))
            reduced = _reduce(strip, len(targets), side, content, pool)
            for n, (target, smaller) in enumerate(zip(targets, reduced, strict=True), start=1):
                _put(target, band, row >> n, smaller)
    return paths


def _reduce(
    strip: Pixels, levels: int, side: int, content: Content, pool: ThreadPoolExecutor
) -> list[Pixels]:
    """The overviews of rows of pixels, as if no data surrounded them; square by square, as caches are small."""
    cols = range(0, strip.shape[1], side)
    shapes = [(side >> n, len(cols) * side >> n) for n in range(levels + 1)]
    whole, *found = [np.full(shape, content.no_data, np.uint8) for shape in shapes]
    whole[: strip.shape[0], : strip.shape[1]] = strip

    def reduce(col: int) -> None:
        square = whole[:, col : col + side]
        if (square == content.no_data).all():
            return
        for n, smaller in enumerate(content.reduce(square, levels, content.no_data), start=1):
            found[n - 1][:, col >> n : (col + side) >> n] = smaller

    # each writes its own columns; going through the results raises what a thread has raised
    list(pool.map(reduce, cols))
    return found


def _put(target: Any, band: int, row: int, pixels: Pixels) -> None:
    """Write rows of pixels, without those that leave the raster."""
    inside = pixels[: target.height - row, : target.width]
    target.write(inside, band, window=Window(0, row, *inside.shape[::-1]))


def _join(plain: Path, overviews: list[Path], whole: Path, options: dict[str, Any]) -> None:
    """Make a COG of a raster and its overviews; a VRT says that they belong together."""
    virtual = plain.with_suffix(".vrt")
    rasterio.shutil.copy(plain, virtual, driver="VRT")
    tree = ET.parse(virtual)  # noqa: S314 - GDAL wrote it
    for band in tree.iter("VRTRasterBand"):
        for path in overviews:
            overview = ET.SubElement(band, "Overview")
            ET.SubElement(overview, "SourceFilename", relativeToVRT="1").text = path.name
            ET.SubElement(overview, "SourceBand").text = band.attrib["band"]
    tree.write(virtual, encoding="utf-8")
    rasterio.shutil.copy(
        virtual,
        whole,
        driver="COG",
        compress="DEFLATE",
        predictor="NO",
        blocksize=TILE,
        interleave="TILE",
        overviews="FORCE_USE_EXISTING",
        bigtiff="IF_SAFER",
        **options,
    )
