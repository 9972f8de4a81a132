"""The 51 features of a grid, block by block, to a cloud-optimised GeoTIFF.

Numbers of floating point are stored as differences (predictor 3), a third smaller. Overviews are means of the values
there are, for looking at. The bytes depend on the pixels alone, not on the blocks they came in.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.publish.pyramid import CACHE_MB, THREADS, TILE, plain_profile

Values = npt.NDArray[np.float32]


def write_features(
    path: Path,
    grid: Grid,
    blocks: Iterable[tuple[Block, Values]],
    tags: Mapping[str, str],
    threads: int = THREADS,
) -> None:
    """Write a raster of features, whose bands are named by `FEATURE_ORDER_V1`.

    Args:
        path: the file to write; replaced where it exists.
        grid: where the pixels lie.
        blocks: float32 (51, height, width) per block; NaN, as pixels in no block, is no data.
        tags: metadata of the file.
        threads: how many compress; the bytes are the same.

    Raises:
        ValueError: a block's pixels are not float32 of its shape.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        plain, whole = Path(name) / "plain.tif", Path(name) / "whole.tif"
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
            profile = plain_profile(grid, len(FEATURE_ORDER_V1), "float32", np.nan)
            with rasterio.open(plain, "w", **profile) as dataset:
                dataset.descriptions = FEATURE_ORDER_V1
                dataset.update_tags(**tags, OVERVIEW_RESAMPLING="AVERAGE")
                for block, values in blocks:
                    expected = (len(FEATURE_ORDER_V1), block.height, block.width)
                    if values.dtype != np.float32 or values.shape != expected:
                        raise ValueError(f"Pixels of {block} are {values.dtype} {values.shape}.")
                    window = Window(block.col, block.row, block.width, block.height)
                    dataset.write(values, window=window)
            rasterio.shutil.copy(
                plain,
                whole,
                driver="COG",
                compress="DEFLATE",
                predictor="FLOATING_POINT",
                level=6,
                blocksize=TILE,
                interleave="TILE",
                overviews="IGNORE_EXISTING",
                overview_resampling="AVERAGE",
                bigtiff="IF_SAFER",
                num_threads=threads,
            )
        whole.replace(path)
