"""What the satellite delivers of a pass: digital numbers and a scene classification with its mistakes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.bands import BANDS, BANDS_10M
from geocrop_processes.simulation import curves, sky
from geocrop_processes.simulation.passes import Acquisition
from geocrop_processes.simulation.plots import Plots
from geocrop_processes.simulation.sampling import Sampling
from geocrop_processes.simulation.spectra import NIR, RED
from geocrop_processes.simulation.weather import Weather

FINE = tuple(i for i, band in enumerate(BANDS) if band in BANDS_10M)
"""Places of the 10 m bands in `BANDS`."""
COARSE = tuple(i for i, band in enumerate(BANDS) if band not in BANDS_10M)
"""Places of the 20 m bands in `BANDS`."""

_NOISE = 0.025
"""Multiplicative noise, relative."""
_FLOOR = np.array([0.008, 0.006, 0.006, 0.006] + [0.005] * 6, np.float32)
"""Additive noise per band, reflectance."""
_SECOND_ORBIT = 1.035
"""By how much the second orbit sees everything brighter: another angle of view (BRDF)."""
_CLOUD = np.array([0.62, 0.6, 0.6, 0.61, 0.63, 0.64, 0.65, 0.65, 0.45, 0.35], np.float32)
"""Reflectance of thick cloud."""
_HAZE = np.float32(0.55)
"""What overlooked thin cloud is mixed towards, in all bands."""
_RANKS = (0.07, 0.2, 0.41, 0.965)
"""Ranks of cloud depth between the classes 7, 10, 8, 9 and 11, thin to thick: shares of real cubes."""
_UNCLASSIFIED = 0.06
"""Share of clear pixels without a class (7)."""
_GREEN_NDVI = 0.35
"""Above it a clear pixel is vegetation (4), else bare soil (5)."""
_BRIGHT_RED = 0.13
"""Soil as bright as this in B04 is at times taken for cloud."""


@dataclass(frozen=True)
class Scene:
    """What is delivered of one pass over a set of pixels."""

    fine: npt.NDArray[np.uint16]
    """Digital numbers of the 10 m bands without any offset, 0 is no data; shape (4, n)."""
    coarse: npt.NDArray[np.uint16]
    """Digital numbers of the 20 m bands; shape (6, k)."""
    scl: npt.NDArray[np.uint8]
    """The scene classification, 0 is no data; shape (k,)."""

    def stacked(self, parent: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
        """All ten bands on the 10 m pixels, the 20 m ones repeated; shape (10, n)."""
        out = np.empty((len(BANDS), self.fine.shape[1]), np.uint16)
        out[list(FINE)] = self.fine
        out[list(COARSE)] = self.coarse[:, parent]
        return out


def observe(
    sampling: Sampling,
    plots: Plots,
    weather: Weather,
    above: sky.Sky,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> Scene:
    """Look at pixels in one pass.

    Args:
        sampling: the pixels: n of 10 m, k of 20 m.
        plots: the plots that they see.
        weather: the season's.
        above: the pass's sky over the k pixels of 20 m.
        acquisition: the pass.
        rng: where the sensor's noise comes from.
    """
    ground = curves.reflectance(plots, acquisition.dos, float(weather.wetness[acquisition.dos]))
    if acquisition.partial:
        ground = ground * np.float32(_SECOND_ORBIT)
    fine = (sampling.weights_10m @ ground[:, FINE]).T
    coarse = (sampling.weights_20m @ ground[:, COARSE]).T
    red_nir = (sampling.weights_20m @ ground[:, (RED, NIR)]).T
    scl = _classify(red_nir, above, rng)
    parent = sampling.parent
    return Scene(
        fine=_deliver(fine, FINE, above, parent, rng),
        coarse=_deliver(coarse, COARSE, above, np.arange(len(scl)), rng),
        scl=scl,
    )


def _opacity(above: sky.Sky) -> npt.NDArray[np.float32]:
    """How much of what is seen is cloud, 0..1: from 0.15 at an edge to all of it at 40 % of the depth."""
    thick = np.clip(0.15 + 2.1 * above.cloud, 0, 1)
    return np.where(np.isnan(above.cloud), 0.0, thick).astype(np.float32)


def _deliver(
    surface: npt.NDArray[np.float32],
    bands: tuple[int, ...],
    above: sky.Sky,
    parent: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.uint16]:
    """Digital numbers of bands (b, n) over a surface, through the sky over each pixel's parent."""
    light = np.where(above.shadow, above.shadow_factor, 1.0).astype(np.float32)[parent]
    haze = above.haze.astype(np.float32)[parent]
    opacity = _opacity(above)[parent]
    band = list(bands)
    seen = surface * (light * (1 - haze)) + _HAZE * haze
    seen = seen * (1 - opacity) + _CLOUD[band, None] * opacity
    spread = np.sqrt((np.float32(_NOISE) * seen) ** 2 + _FLOOR[band, None] ** 2)
    seen += spread * rng.standard_normal(seen.shape, dtype=np.float32)
    dn = np.clip(np.rint(seen * np.float32(10_000)), 1, 16_000)
    return np.where(above.seen[parent], dn, 0).astype(np.uint16)


def _classify(
    red_nir: npt.NDArray[np.float32], above: sky.Sky, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """The scene classification of pixels of 20 m, with its mistakes; shape (k,)."""
    red, nir = red_nir
    ndvi = (nir - red) / (nir + red)
    scl = np.where(ndvi > _GREEN_NDVI, 4, 5)
    scl = np.where(ndvi < 0, 6, scl)
    scl = np.where(rng.random(len(scl)) < _UNCLASSIFIED, 7, scl)
    scl = np.where(above.mistaken & (scl == 5) & (red > _BRIGHT_RED), 9, scl)
    noticed = above.shadow & ~above.overlooked
    scl = np.where(noticed, np.where(above.shadow_factor < 0.4, 2, 3), scl)
    rank = np.nan_to_num(above.cloud, nan=-1.0)
    kinds = np.array([7, 10, 8, 9, 11])[np.searchsorted(_RANKS, rank)]
    scl = np.where(rank >= 0, kinds, scl)
    return np.where(above.seen, scl, 0).astype(np.uint8)
