"""The whole of a map as a scientist would write it in an afternoon, from well-known parts.

odc-stac reads the square into memory with two threads, xarray makes the features with whichever of NumPy and numbagg
is quicker at each step, strip by strip, each library predicts with two threads on all pixels, and rio-cogeo writes the class map and its confidence.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import odc.stac
import pystac
import rasterio
import xarray as xr
import xgboost
from odc.geo.geobox import GeoBox
from rasterio.io import MemoryFile
from rio_cogeo.cogeo import cog_translate
from rio_cogeo.profiles import cog_profiles

from benchmarks.landscape import EPSG, LEFT, SIDE, TOP, landscape
from benchmarks.naive_features import QUICKEST, naive_features
from benchmarks.whole import FOLDER
from geocrop_processes.features.bands import BANDS, SCL

_CONFIG = {
    "s2_l2a": {
        "assets": {
            "*": {"data_type": "uint16", "nodata": 0},
            SCL: {"data_type": "uint8", "nodata": 0},
        }
    }
}
_THREADS = 2
_STRIP = 128
"""Rows of pixels whose features are made at once: all at once would take 22 GB."""


def naive(folder: Path, *, side: int = SIDE, dates: int = 40) -> Callable[[], None]:
    """A map, ready to be made: the models are loaded, numbagg has compiled what it needs.

    Args:
        folder: where `class.tif` and `confidence.tif` go.
        side: of the square in pixels.
        dates: how many acquisitions.
    """
    items = [
        pystac.Item.from_dict(i) for i in landscape(FOLDER / f"landscape-{dates}", dates).items
    ]
    models = FOLDER / "model"
    trees = xgboost.Booster(model_file=str(models / "xgboost.ubj"))
    trees.set_param({"nthread": _THREADS})
    light = lightgbm.Booster(model_file=str(models / "lightgbm.txt"))
    oblivious = catboost.CatBoostClassifier()
    oblivious.load_model(str(models / "catboost.cbm"))

    def make(side: int) -> None:
        seen = _load(items, side)
        rows = np.concatenate([_rows(seen[:, :, y : y + _STRIP]) for y in range(0, side, _STRIP)])
        votes = [
            trees.inplace_predict(rows),
            light.predict(rows, num_threads=_THREADS),
            oblivious.predict_proba(rows, thread_count=_THREADS),
        ]
        probabilities = np.mean([np.asarray(v) for v in votes], axis=0)
        _publish(folder, probabilities, side)

    folder.mkdir(parents=True, exist_ok=True)
    make(64)
    return lambda: make(side)


def _rows(strip: xr.DataArray) -> npt.NDArray[np.float32]:
    """The features of some rows of pixels (pixel, feature)."""
    features: npt.NDArray[np.float32] = naive_features(strip, QUICKEST).values
    return np.ascontiguousarray(features.reshape(len(features), -1).T)


def _load(items: list[pystac.Item], side: int) -> xr.DataArray:
    """All bands and dates of the square (time, band, y, x), in memory."""
    seen: xr.Dataset = odc.stac.load(
        items,
        bands=[*BANDS, SCL],
        geobox=GeoBox((side, side), rasterio.Affine(10, 0, LEFT, 0, -10, TOP), f"EPSG:{EPSG}"),
        stac_cfg=_CONFIG,
        resampling="nearest",
        groupby="time",
        pool=_THREADS,
    )
    return seen.to_dataarray("band").transpose("time", "band", "y", "x")


def _publish(folder: Path, probabilities: npt.NDArray[np.floating], side: int) -> None:
    """Class and confidence (top, margin, entropy) as COGs."""
    ordered = np.sort(probabilities, axis=1)
    entropy = -np.sum(
        probabilities
        * np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities)),
        axis=1,
    ) / np.log(probabilities.shape[1])
    confidence = np.stack([ordered[:, -1], ordered[:, -1] - ordered[:, -2], entropy])
    classes = (probabilities.argmax(axis=1) + 1).astype(np.uint8).reshape(1, side, side)
    stored = np.rint(confidence / 0.005).astype(np.uint8).reshape(3, side, side)
    _write(folder / "class.tif", classes, 0, "mode")
    _write(folder / "confidence.tif", stored, 255, "average")


def _write(
    path: Path, pixels: npt.NDArray[np.uint8], nodata: int, resampling: Literal["mode", "average"]
) -> None:
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "nodata": nodata,
        "crs": f"EPSG:{EPSG}",
        "transform": rasterio.Affine(10, 0, LEFT, 0, -10, TOP),
    }
    with MemoryFile() as memory, memory.open(**profile) as plain:
        plain.write(pixels)
        cog_translate(
            plain,
            str(path),
            cog_profiles["deflate"],
            overview_resampling=resampling,
            in_memory=True,
            quiet=True,
        )
