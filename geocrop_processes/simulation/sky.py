"""What stands between the ground and the satellite: clouds, their shadows, and what a mask overlooks.

Everything is a smooth random function of ground coordinates, one per pass, so that two tiles see the same
clouds. How cloudy passes are follows the month's share of clear views, from pass to pass with memory, and
is bimodal: over a small area most passes are nearly clear or nearly overcast.

Sources: shares of clear views by month over northern Zimbabwe are expert values; the order of magnitude,
the memory (lag-1 autocorrelation 0.3) and the shares of SCL classes are those of real Sentinel-2 cubes of
the WorldCereal project (Tanzania, Belgium); overlooked clouds and shadows and bright soil taken for cloud
follow the validation of Sen2Cor in the Cloud Mask Intercomparison eXercise (Skakun et al. 2022, Remote
Sensing of Environment 274).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import betaincinv, ndtr, ndtri

from geocrop_processes.simulation.passes import Acquisition
from geocrop_processes.simulation.weather import month

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CLEAR_BY_MONTH = np.array([0.8, 0.65, 0.48, 0.38, 0.33, 0.38, 0.5, 0.65, 0.78])
"""Share of clear views, September to May."""
_MEMORY = 0.45
"""Correlation of one pass's cloudiness (as a normal score) with the next one's."""
_BIMODAL = 0.9
"""Sum of the parameters of the beta distribution of cloudiness; below 2 both ends are the likeliest."""
_SHADOW_PART = 0.1
"""Of all views that are not clear, those in shadow: they come on top of the clouds."""
_LEAK, _COMMISSION = 0.04, 0.05
"""Shares of clear views with overlooked thin cloud, and of bright soil that is taken for cloud."""
_OVERLOOKED = 0.14
"""Share of shadows that go unnoticed: so about 3 % of what counts as clear lies in shadow."""
_CELL_M, _MARGIN_M = 60.0, 1800.0
"""Step of the lattice that clouds are drawn on, and how far it reaches beyond the place."""
_CLOUD_HEIGHT_M = 1000.0


@dataclass(frozen=True)
class Sky:
    """One pass's sky over points of the ground; all arrays have the points' shape (n,)."""

    cloud: Floats
    """Depth into a cloud by rank: 0 at its edge, 1 in its middle; NaN where there is no cloud."""
    haze: Floats
    """Share of overlooked thin cloud in what is seen; 0 where there is none."""
    shadow: Bools
    """Whether the point lies in a cloud's shadow."""
    overlooked: Bools
    """Whether a shadow there goes unnoticed."""
    mistaken: Bools
    """Whether bright soil there is taken for cloud."""
    shadow_factor: float
    """What is left of the light in shadow."""
    seen: Bools
    """Whether the swath covers the point."""


@dataclass(frozen=True)
class Climate:
    """The cloudiness of one season's passes at a place."""

    seed: tuple[int, ...]
    """The same seed draws the same clouds."""
    reach_m: float
    """How far from the place clouds are drawn."""
    clear: dict[int, float]
    """The clear share of every pass, by its number."""
    swath: tuple[float, float]
    """The edge of the second orbit: metres east of the place, and metres east per metre north."""


def draw(seed: tuple[int, ...], reach_m: float, passes: list[Acquisition]) -> Climate:
    """Draw a season's cloudiness and the edge of the second orbit's swath."""
    rng = np.random.default_rng([*seed, 3])
    score = 0.0
    clear = {}
    for acquisition in passes:
        score = _MEMORY * score + np.sqrt(1 - _MEMORY**2) * rng.standard_normal()
        mean = float(CLEAR_BY_MONTH[month(np.array(acquisition.dos))])
        a = mean * _BIMODAL
        clear[acquisition.number] = float(betaincinv(a, _BIMODAL - a, ndtr(score)))
    # 40 % of the middle three kilometres lie in the second swath
    return Climate(seed, reach_m, clear, (float(rng.uniform(150, 450)), -0.21))


def over(climate: Climate, acquisition: Acquisition, x: Floats, y: Floats) -> Sky:
    """The sky of a pass over points given in metres from the place."""
    rng = np.random.default_rng([*climate.seed, 4, acquisition.number])
    clouds, thin, dark, bright = (_texture(rng, climate.reach_m, s) for s in (600, 500, 300, 150))
    share = climate.clear[acquisition.number]
    share += (1 - share) * _SHADOW_PART
    edge = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    azimuth = np.radians(float(rng.uniform(60, 95)))
    throw = _CLOUD_HEIGHT_M * float(rng.uniform(0.5, 0.8))
    here = _at(clouds, x, y)
    sunward = _at(clouds, x + throw * np.sin(azimuth), y + throw * np.cos(azimuth))
    haze = _at(thin, x, y)
    leak = ndtri(1 - _LEAK)
    factor, thickest = float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.15, 0.35))
    east = x - climate.swath[0] - climate.swath[1] * y
    return Sky(
        cloud=np.where(here > edge, 1 - (1 - ndtr(here)) / (1 - ndtr(edge)), np.nan),
        haze=np.where(haze > leak, np.clip(0.05 + (haze - leak) * 0.5, 0.05, thickest), 0.0),
        shadow=(sunward > edge) & (here <= edge),
        overlooked=_at(dark, x, y) > ndtri(1 - _OVERLOOKED),
        mistaken=_at(bright, x, y) > ndtri(1 - _COMMISSION),
        shadow_factor=factor,
        seen=(east > 0) if acquisition.partial else np.ones(len(x), np.bool_),
    )


def _texture(rng: np.random.Generator, reach_m: float, size_m: float) -> Floats:
    """A smooth random field with a standard normal distribution: big shapes with ragged edges."""
    cells = 2 * int((reach_m + _MARGIN_M) / _CELL_M) + 1
    field = np.zeros((cells, cells))
    for size, weight in ((size_m, 1.0), (size_m / 3, 0.5)):
        noise = gaussian_filter(
            rng.standard_normal((cells, cells)), size / _CELL_M / 2, mode="wrap"
        )
        field += weight * noise / (noise.std() + 1e-12)
    return (field - field.mean()) / field.std()


def _at(field: Floats, x: Floats, y: Floats) -> Floats:
    """Values of a texture at points, bilinear."""
    cell = np.stack([y, x]) / _CELL_M + (len(field) - 1) / 2
    value: Floats = map_coordinates(field, cell, order=1, mode="nearest")
    return value
