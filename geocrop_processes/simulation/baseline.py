"""A land-cover baseline of the demo's place, as a Dynamic World composite of the season would show it.

Made of the truth, with mistakes in patches: a mask or a comparison that met no mistake would prove little.
Classes and colours are Dynamic World's (Brown et al. 2022, Scientific Data 9:251).
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile

from geocrop_processes.domain.grid import Grid
from geocrop_processes.imagery.baselines import CLASSES, CROPS, PREFIX, SIMULATED_TAG
from geocrop_processes.simulation.archive import simulator_version
from geocrop_processes.simulation.demo import DEMO_AOI, DEMO_SEASON, NOTICE, truth
from geocrop_processes.simulation.layout import TILES
from geocrop_processes.simulation.legend import LEGEND
from geocrop_processes.storage import BASELINES, Storage

BASELINE_KEY = f"{PREFIX}DW_Zim_agreement_{DEMO_SEASON.year}_simulated.tif"
"""Where the baseline is stored."""
MISTAKEN = 0.08
"""Share of patches with a wrong class."""
_PATCH_PX = 6
"""The side of a patch in pixels."""
_SIZE_M = 4800
"""The side of the baseline's window in metres."""
_SEED = 3
"""Of the mistakes."""
_NO_DATA = 255
_MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_COVER = {"Grass and fallow": 2, "Trees": 1, "Bare": 7, "Water": 0, "Built-up": 6}
"""Dynamic World's class of every class of the legend that is no cropland."""


def write_baseline(storage: Storage) -> str:
    """Store the demo's baseline, unless the store holds this version of it.

    Returns:
        Its key in the bucket of baselines.
    """
    version = simulator_version()
    if storage.has(BASELINES, BASELINE_KEY):
        with MemoryFile(storage.get(BASELINES, BASELINE_KEY)).open() as source:
            if source.tags().get("SIMULATOR") == version:
                return BASELINE_KEY
    grid = TILES[0].window(DEMO_AOI, _SIZE_M)
    with TemporaryDirectory() as folder:
        path = Path(folder, "baseline.tif")
        _write(path, land_cover(grid), grid, version)
        storage.put_file(BASELINES, BASELINE_KEY, path, _MEDIA_TYPE)
    return BASELINE_KEY


def land_cover(grid: Grid) -> npt.NDArray[np.uint8]:
    """Dynamic World's classes 0..8 as the baseline shows them, mistakes included; shape (height, width)."""
    classes = np.full(256, CROPS, np.uint8)
    for c in LEGEND:
        if not c.cropland:
            classes[c.code] = _COVER[c.name]
    cover = classes[truth(grid)]
    rng = np.random.default_rng(_SEED)
    patches = -(-grid.height // _PATCH_PX), -(-grid.width // _PATCH_PX)
    wrong = _spread(rng.random(patches) < MISTAKEN, grid)
    # a step of 1 to 8 through the nine classes never leads back to the right one
    step = _spread(rng.integers(1, len(CLASSES), patches), grid)
    mistaken = (cover + step) % len(CLASSES)
    return np.where(wrong, mistaken, cover).astype(np.uint8)


def _spread[T: np.generic](patches: npt.NDArray[T], grid: Grid) -> npt.NDArray[T]:
    pixels = patches.repeat(_PATCH_PX, axis=0).repeat(_PATCH_PX, axis=1)
    return pixels[: grid.height, : grid.width]


def _write(path: Path, cover: npt.NDArray[np.uint8], grid: Grid, version: str) -> None:
    """Write a COG with Dynamic World's colours and names."""
    with (
        MemoryFile() as memory,
        memory.open(
            driver="GTiff",
            height=grid.height,
            width=grid.width,
            count=1,
            dtype="uint8",
            nodata=_NO_DATA,
            crs=f"EPSG:{grid.epsg}",
            transform=grid.transform,
        ) as plain,
    ):
        plain.write(cover, 1)
        plain.set_band_description(1, "label")
        plain.write_colormap(
            1, {code: (*bytes.fromhex(colour), 255) for code, (_, colour) in enumerate(CLASSES)}
        )
        plain.update_tags(1, **{f"CLASS_{code}": name for code, (name, _) in enumerate(CLASSES)})
        plain.update_tags(**{SIMULATED_TAG: "YES", "SIMULATOR": version, "NOTICE": NOTICE})
        rasterio.shutil.copy(
            plain, path, driver="COG", compress="DEFLATE", overview_resampling="MODE"
        )
