"""A raster of bytes and its overviews, block by block, to one cloud-optimised GeoTIFF (COG).

A COG's tiles, coarsest overview first, can be written only when all pixels are known. So blocks go into a plain
tiled TIFF beside the target first, and the overviews, row of tiles by row of tiles, into one each meanwhile; they
take 4/3 bytes per pixel and band on disk, and some rows of tiles in memory. GDAL's COG driver then joins them. The target appears whole or
not at all, and its bytes depend on the pixels alone: not on the blocks they came in, nor on the number of threads.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from geocrop_processes.publish.overviews import level_shapes
from geocrop_processes.publish.strips import Content, Strips

TILE = 512
"""The side of a tile in pixels."""
THREADS = 2
"""How many threads compress where nothing else is said."""
CACHE_MB = 32
"""What GDAL may keep of the plain files, MiB: it would take a twentieth of the memory."""

Blocks = Iterable[tuple[Block, npt.NDArray[np.uint8]]]
"""Pixels of a grid with the place they belong to, in any order; read once, and not to be changed afterwards."""


@dataclass(frozen=True)
class Plain:
    """A raster that is being written, and its overviews."""

    dataset: Any
    """Open for reading and writing."""
    strips: Strips
    """Its overviews."""


@contextmanager
def pyramid(
    path: Path, grid: Grid, bands: int, content: Content, threads: int = THREADS
) -> Iterator[Any]:
    """A plain raster to describe and fill; when the context ends, its COG is at `path`.

    Args:
        path: the file to write; replaced where it exists, and left as it is when the context ends by an error.
        grid: where the pixels lie.
        bands: how many bands of uint8.
        content: what they hold; pixels that are not written are no data.
        threads: how many compress.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        folder = Path(name)
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
            plain, whole = folder / "plain.tif", folder / "whole.tif"
            shapes = level_shapes(grid.shape, TILE)
            overviews = [folder / f"overview-{n}.tif" for n in range(1, len(shapes) + 1)]
            with ExitStack() as stack:
                dataset, *targets = [
                    stack.enter_context(rasterio.open(file, "w+", **profile))
                    for file, profile in zip(
                        (plain, *overviews),
                        _profiles(grid, shapes, bands, content.no_data),
                        strict=True,
                    )
                ]
                pool = stack.enter_context(ThreadPoolExecutor(1))
                # a strip holds whole pixels of the coarsest overview
                side = max(TILE, 2 ** len(shapes))
                yield Plain(dataset, Strips(dataset, targets, content, side, pool))
                dataset.update_tags(OVERVIEW_RESAMPLING=content.reduction)
            _join(plain, overviews, whole, {"level": content.level, "num_threads": threads})
        whole.replace(path)


def fill(plain: Plain, grid: Grid, blocks: Blocks) -> None:
    """Write blocks of uint8 (bands, height, width) into a raster, each while the next is made.

    Raises:
        ValueError: a block's pixels are not uint8 of its shape, or it leaves the grid.
    """
    dataset = plain.dataset

    def write(block: Block, pixels: npt.NDArray[np.uint8]) -> None:
        window = Window(block.col, block.row, block.width, block.height)
        dataset.write(pixels, window=window)
        plain.strips.written(block)

    with ThreadPoolExecutor(1) as writer:
        before: Future[None] | None = None
        for block, pixels in blocks:
            # rasterio would stretch pixels of another shape into the window
            if pixels.dtype != np.uint8 or pixels.shape != (
                dataset.count,
                block.height,
                block.width,
            ):
                raise ValueError(f"Pixels of {block} are {pixels.dtype} {pixels.shape}.")
            inside = (
                block.row + block.height <= grid.height and block.col + block.width <= grid.width
            )
            if min(block.row, block.col) < 0 or not inside:
                raise ValueError(f"{block} leaves the grid of {grid.height} x {grid.width} pixels.")
            # one is written while the next is made; what failed is raised here
            if before:
                before.result()
            before = writer.submit(write, block, pixels)
        if before:
            before.result()
    plain.strips.finish()


def _profiles(
    grid: Grid, shapes: list[tuple[int, int]], bands: int, no_data: int
) -> list[dict[str, Any]]:
    """Of a raster and its overviews."""
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands,
        "nodata": no_data,
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
    return [profile | {"height": height, "width": width} for height, width in (grid.shape, *shapes)]


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
