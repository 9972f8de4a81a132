"""When a season starts, peaks and ends, and how steeply: metrics of a smoothed series of NDVI.

Thresholds are shares of the amplitude, as in TIMESAT (Jönsson & Eklundh 2004), each side from its own base.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.indices import Array
from geocrop_processes.features.series import CENTRES, DEKADS

LOW, HIGH = 0.2, 0.8
"""The shares of the rise, and of the fall, between which its steepness is measured."""
MIDDLE = 0.6
"""`HIGH - LOW`, without the rounding of that subtraction."""
FLAT_AMPLITUDE = 0.1
"""A series of less amplitude has no season: water, bare or built ground, evergreen plants."""
FLAT_SOS, FLAT_POS, FLAT_EOS = 0.0, 136.0, 272.0
"""What start, peak and end are then: the season's first, middle and last day (DOS)."""
MIN_DAYS = 5.0
"""A rise or fall counts as at least this long; dekads cannot tell a shorter one."""
DEKAD_DAYS = 10.1
"""Days of a mean dekad (273 / 27, rounded), in which the peak's offset is measured."""

STEPS = (
    CENTRES[1] - CENTRES[0],
    *((CENTRES[i + 1] - CENTRES[i - 1]) / 2 for i in range(1, DEKADS - 1)),
    CENTRES[-1] - CENTRES[-2],
)
"""The days that each dekad stands for in the integral: the gradient of `CENTRES`."""


def days_of(dekads: int) -> tuple[float, ...]:
    """The days that each of a series' first dekads stands for: `STEPS`, the last one's to its left."""
    last = CENTRES[dekads - 1] - CENTRES[dekads - 2]
    return (*STEPS[: dekads - 1], last)


class _Peak(NamedTuple):
    """The highest dekad, and the lowest on either side, all (N,)."""

    at: npt.NDArray[np.intp]
    value: Array
    left: Array
    right: Array


def season(v: Array) -> dict[str, Array]:
    """Season metrics of a smoothed series: name to values (N,), in the units of the feature list.

    Args:
        v: NDVI (dekads, N), of a season or its first few dekads; the metrics speak of what it holds.
    """
    top = _peak(v)
    base = (top.left + top.right) * 0.5
    amplitude = top.value - base
    sos, rise_end = (_upward(v, top, share) for share in (LOW, HIGH))
    eos, fall_start = (_downward(v, top, share) for share in (LOW, HIGH))
    flat = amplitude < FLAT_AMPLITUDE
    return {
        "base": base,
        "peak": top.value,
        "amp": amplitude,
        "sos": np.where(flat, FLAT_SOS, sos),
        "pos": np.where(flat, FLAT_POS, _summit(v, top.at)),
        "eos": np.where(flat, FLAT_EOS, eos),
        "greenup": np.where(flat, 0.0, _steepness(top.value - top.left, rise_end - sos)),
        "senesc": np.where(flat, 0.0, _steepness(top.value - top.right, eos - fall_start)),
        "integral": _integral(v, base),
    }


def _peak(v: Array) -> _Peak:
    """The first of the highest dekads, and the minima of 0..peak and from the peak to the last."""
    at = np.zeros(v.shape[1], dtype=np.intp)
    value = left = lowest = right = v[0]
    for dekad in range(1, len(v)):
        lowest = np.minimum(lowest, v[dekad])
        higher = v[dekad] > value
        at = np.where(higher, dekad, at)
        value = np.where(higher, v[dekad], value)
        left = np.where(higher, lowest, left)
        right = np.where(higher, v[dekad], np.minimum(right, v[dekad]))
    return _Peak(at, value, left, right)


def _upward(v: Array, top: _Peak, share: float) -> Array:
    """DOS at which the series last rises to `share` of its rise, before the peak.

    Where it never does, since the peak is the first dekad: that dekad's centre.
    """
    level = top.left + share * (top.value - top.left)
    found: Array = np.full(v.shape[1], CENTRES[0])
    for i in range(len(v) - 1):
        crosses = (v[i] < level) & (v[i + 1] >= level) & (i < top.at)
        found = np.where(crosses, _between(v, i, level), found)
    return found


def _downward(v: Array, top: _Peak, share: float) -> Array:
    """DOS at which the series first falls below the level that leaves `share` of its fall, after the peak.

    Where it never does, since the peak is the last dekad: that dekad's centre.
    """
    level = top.right + share * (top.value - top.right)
    found: Array = np.full(v.shape[1], CENTRES[len(v) - 1])
    for i in reversed(range(len(v) - 1)):
        crosses = (v[i] >= level) & (v[i + 1] < level) & (i >= top.at)
        found = np.where(crosses, _between(v, i, level), found)
    return found


def _between(v: Array, i: int, level: Array) -> Array:
    """DOS at which the straight line from dekad `i` to the next meets `level`; any number if they do not cross."""
    change = v[i + 1] - v[i]
    # an all but level line meets a far level at a number too large for any calendar
    with np.errstate(over="ignore"):
        share = (level - v[i]) / np.where(change == 0.0, 1.0, change)
        found: Array = CENTRES[i] + share * (CENTRES[i + 1] - CENTRES[i])
    return found


def _summit(v: Array, at: npt.NDArray[np.intp]) -> Array:
    """DOS of the top of the parabola through the peak and its neighbours, at most half a dekad away.

    The dekad's centre where there is no parabola: at the first and last dekad, or on a straight line.
    """
    found: Array = np.where(at == 0, CENTRES[0], CENTRES[len(v) - 1])
    for k in range(1, len(v) - 1):
        bend = v[k - 1] - 2.0 * v[k] + v[k + 1]
        straight = bend == 0.0
        with np.errstate(over="ignore"):
            offset = 0.5 * (v[k - 1] - v[k + 1]) / np.where(straight, 1.0, bend)
        offset = np.where(straight, 0.0, np.clip(offset, -0.5, 0.5))
        found = np.where(at == k, CENTRES[k] + DEKAD_DAYS * offset, found)
    return found


def _steepness(height: Array, days: Array) -> Array:
    """Hundredths of NDVI a day over the middle 60 % of a rise or fall."""
    steepness: Array = 100.0 * MIDDLE * height / np.maximum(days, MIN_DAYS)
    return steepness


def _integral(v: Array, base: Array) -> Array:
    """The area between the series and its base, NDVI times days."""
    days = days_of(len(v))
    total: Array = np.maximum(v[0] - base, 0.0) * days[0]
    for dekad in range(1, len(v)):
        total += np.maximum(v[dekad] - base, 0.0) * days[dekad]
    return total
