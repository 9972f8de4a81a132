"""How plots of ground look on any day: a mixture of soil, residue, weeds and green canopy.

The NDVI that a crop aims at is the product of two logistics in days since planting, one of growth and
one of decline. The green share is solved for every day so that the mixture has that NDVI; where soil and
weeds alone have more, there is no canopy.
"""

import numpy as np
import numpy.typing as npt

from geocrop_processes.simulation.crops import (
    COVERS,
    GRASS_NDVI,
    INDEX,
    MONTH_MIDDLES,
    RATOON_DAYS,
    RATOON_NDVI,
    WHEAT_NDVI,
)
from geocrop_processes.simulation.plots import Floats, Plots
from geocrop_processes.simulation.spectra import (
    CANOPIES,
    CLEAR_WATER,
    NIR,
    RED,
    RESIDUE,
    TURBID_WATER,
    URBAN,
    WET_FACTOR,
)

_BASE_NDVI = 0.12
"""What a target falls to without a canopy: below every soil's own NDVI, so that the soil decides."""
_CANOPY = np.array([CANOPIES[c.canopy] for c in COVERS])
_GRASS, _WHEAT = np.array(CANOPIES["grass"]), np.array(CANOPIES["wheat"])
_MONTHLY = np.array([c.monthly_ndvi or (0.0,) * 9 for c in COVERS])
_IS_MONTHLY = np.array([bool(c.monthly_ndvi) for c in COVERS])
_IS_PLANTED = np.array([bool(c.planting) for c in COVERS])
_IS_WINTER = np.array([c.winter_crop for c in COVERS])
_TREES = _MONTHLY[INDEX["miombo"]]


def ndvi_target(plots: Plots, dos: float) -> Floats:
    """The NDVI that every plot's canopy aims at on a day; shape (n,), 0 where nothing grows."""
    planted = _IS_PLANTED[plots.cover]
    summer = _BASE_NDVI + (plots.peak_ndvi - _BASE_NDVI) * _season(plots, dos)
    monthly = _at(_MONTHLY, dos)[plots.cover] + plots.peak_ndvi
    # cut cane starts again: from its NDVI after the cut back to the uncut curve
    regrown = np.clip((dos - plots.event) / RATOON_DAYS, 0, 1)
    monthly = np.where(dos >= plots.event, RATOON_NDVI + (monthly - RATOON_NDVI) * regrown, monthly)
    target = np.where(planted, np.maximum(summer, _winter(plots, dos)), monthly) * plots.vigour
    return np.where(planted | _IS_MONTHLY[plots.cover], np.clip(target, 0, 0.93), 0.0)


def reflectance(plots: Plots, dos: float, wetness: float) -> npt.NDArray[np.float32]:
    """Surface reflectance of plots on a day.

    Args:
        plots: n plots.
        dos: days since 1 September.
        wetness: of bare soil, 0..1.

    Returns:
        Shape (n, 10), unitless.
    """
    soil = plots.soil * (1 - (1 - WET_FACTOR) * wetness)
    residue = _residue(plots, dos)[:, None]
    weeds = _weeds(plots, dos)[:, None]
    ground = (1 - weeds) * ((1 - residue) * soil + residue * np.array(RESIDUE)) + weeds * _GRASS
    green = np.where((_winter(plots, dos) > 0.2)[:, None], _WHEAT, _CANOPY[plots.cover])
    cover = _green_share(ground, green, ndvi_target(plots, dos))[:, None]
    out = (1 - cover) * ground + cover * green
    for name, look in (
        ("bare", _bare(plots, soil)),
        ("water", _water(plots)),
        ("urban", _urban(plots, dos)),
    ):
        out = np.where((plots.cover == INDEX[name])[:, None], look, out)
    return np.asarray(out, np.float32)


def _at(table: Floats, dos: float) -> Floats:
    """Values of monthly tables, shape (n, 9), on a day, linear between the months' middles."""
    position = np.interp(dos, MONTH_MIDDLES, np.arange(9.0))
    low = min(int(position), 7)
    value: Floats = table[..., low] * (low + 1 - position) + table[..., low + 1] * (position - low)
    return value


def _logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def _season(plots: Plots, dos: float) -> Floats:
    """Greenness of the summer crop relative to its peak, 0..1."""
    day = dos - plots.planting
    growth = _logistic((day - 0.55 * plots.peak_after) / (0.115 * plots.peak_after))
    return growth * _logistic((plots.decline_middle - day) / (plots.decline_days / 4 + 2))


def _winter(plots: Plots, dos: float) -> Floats:
    """NDVI of winter wheat that ripens towards its harvest; 0 elsewhere and after it."""
    ripening = _logistic((plots.event - 14 - dos) / 5)
    standing = _IS_WINTER[plots.cover] & (dos < plots.event)
    return np.where(standing, _BASE_NDVI + (WHEAT_NDVI - _BASE_NDVI) * ripening, 0.0)


def _weeds(plots: Plots, dos: float) -> Floats:
    """Cover of weeds: the grass curve, at 0.3 of it until 20 days after planting."""
    level = _at(np.array(GRASS_NDVI), dos) / max(GRASS_NDVI)
    return plots.weeds * level * np.where(dos > plots.planting + 20, 1.0, 0.3)


def _residue(plots: Plots, dos: float) -> Floats:
    """Cover of stubble: the field's own, more once the crop has dried."""
    dried = _logistic((dos - plots.planting - plots.decline_middle) / 6)
    return np.clip(plots.residue + 0.35 * dried, 0, 0.8)


def _green_share(ground: Floats, green: Floats, target: Floats) -> Floats:
    """The share of canopy at which the mixture has the target's NDVI, 0..0.98; shape (n,)."""
    ground_sum, ground_difference = _sum_difference(ground)
    green_sum, green_difference = _sum_difference(green)
    missing = target * ground_sum - ground_difference
    share = missing / np.maximum(green_difference - target * green_sum + missing, 1e-6)
    return np.where(missing > 0, np.clip(share, 0, 0.98), 0.0)


def _sum_difference(spectrum: Floats) -> tuple[Floats, Floats]:
    nir, red = spectrum[..., NIR], spectrum[..., RED]
    return nir + red, nir - red


def _bare(plots: Plots, soil: Floats) -> Floats:
    share = plots.share[:, None]
    mixture: Floats = (1 - share) * soil + share * _GRASS
    return mixture


def _water(plots: Plots) -> Floats:
    share = plots.share[:, None]
    mixture: Floats = (1 - share) * np.array(CLEAR_WATER) + share * np.array(TURBID_WATER)
    return mixture * plots.vigour[:, None]


def _urban(plots: Plots, dos: float) -> Floats:
    trees = plots.share[:, None] * float(_at(_TREES, dos)) / max(_TREES)
    roofs = np.array(URBAN) * plots.vigour[:, None]
    mixture: Floats = (1 - trees) * roofs + trees * _CANOPY[INDEX["miombo"]]
    return mixture
