"""The weather of a place's season: when the rains come, how good a year it is, how wet the soil is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WET_DECAY_DAYS = 4.0
"""The time in which a soil's wetness falls to 1/e."""
DAYS = 273
"""Days of a season, 1 September to 31 May; the table of months ignores 29 February."""
_MONTH_STARTS = np.array([0, 30, 61, 91, 122, 153, 181, 212, 242])
_RAIN_DAYS = np.array([0.02, 0.1, 0.3, 0.45, 0.5, 0.45, 0.3, 0.12, 0.04])
"""Share of days with rain, September to May: a season of the Highveld with 700 to 900 mm."""


@dataclass(frozen=True)
class Weather:
    """One season at one place."""

    onset: float
    """Days by which the rains, and with them dryland planting, come late."""
    vigour: float
    """What a good or bad year adds to every canopy's NDVI."""
    wetness: npt.NDArray[np.float64]
    """Wetness of the bare soil on every day, 0 dry to 1 after heavy rain; shape (273,)."""


def draw(rng: np.random.Generator) -> Weather:
    """Draw a season."""
    onset, vigour = 5.0 * rng.standard_normal(), 0.015 * rng.standard_normal()
    rains = rng.random(DAYS) < _RAIN_DAYS[month(np.arange(DAYS))]
    amounts = np.where(rains, rng.uniform(0.3, 1.0, DAYS), 0.0)
    wetness = np.zeros(DAYS)
    level = 0.0
    for day in range(DAYS):
        level = max(level * np.exp(-1 / WET_DECAY_DAYS), amounts[day])
        wetness[day] = level
    return Weather(float(onset), float(vigour), wetness)


def month(dos: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The month of days since 1 September: 0 is September, 8 is May."""
    return np.searchsorted(_MONTH_STARTS, dos, side="right").astype(np.int64) - 1
