"""Irregular cloudy observations to a regular, gap-filled, smoothed series of 27 dekads.

A series is an array whose first axis is the dekads, 27 of a season or its first few; steps of time are walked one after the other, in
order, with constant weights. So each pixel's numbers are the same to the last bit, whatever pixels stand
beside it: matrix products of BLAS and `np.sum` over time do not promise that.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain import as_of
from geocrop_processes.features.bands import reflectance
from geocrop_processes.features.indices import Array

MONTHS = ("sep", "oct", "nov", "dec", "jan", "feb", "mar", "apr", "may")
"""The months of a season; each has three dekads: days 1-10, 11-20, and the rest."""
DEKADS = 3 * len(MONTHS)
"""Steps of a series: 27."""
MIN_DEKADS = as_of.MIN_DEKADS
"""A pixel with fewer valid dekads has no features: too little is seen for a season's course."""

_MONTH_DAYS = (30, 31, 30, 31, 31, 28, 31, 30, 31)
_OPENS_WITH = 9
_NO_VIEW = 65535
"""The digital number that stands for a masked observation: it sorts behind all others."""


def _centres() -> tuple[float, ...]:
    centres = []
    for month, days in enumerate(_MONTH_DAYS):
        first = sum(_MONTH_DAYS[:month])
        centres += [first + 4.5, first + 14.5, first + (20 + days - 1) / 2]
    return tuple(centres)


def _ends() -> tuple[int, ...]:
    ends = []
    for month, days in enumerate(_MONTH_DAYS):
        first = sum(_MONTH_DAYS[:month])
        ends += [first + 10, first + 20, first + days]
    return tuple(ends)


ENDS = _ends()
"""Days of the season that have passed when each dekad has ended (DOS): 10, 20, 30, 40, 50, 61, ... 273; February has 28, always."""
CENTRES = _centres()
"""The dekads' middles in days since 1 September (DOS): 4.5, 14.5, 24.5, 34.5, 44.5, 55, ... 267.

One table for all years, so that no leap year moves a feature; 29 February is in its month's third dekad.
"""


def dekads_of(dates: Sequence[dt.date]) -> list[int]:
    """The dekads, 0 to 26, that dates of one season fall in.

    Raises:
        ValueError: a date lies in June to August, or the dates belong to several seasons.
    """
    for date in dates:
        if (date.month - _OPENS_WITH) % 12 >= len(MONTHS):
            raise ValueError(f"{date} lies outside the season, 1 September to 31 May.")
    seasons = sorted({date.year - (date.month < _OPENS_WITH) for date in dates})
    if len(seasons) > 1:
        raise ValueError(f"The dates belong to several seasons, those of {seasons}, not to one.")
    return [(d.month - _OPENS_WITH) % 12 * 3 + min((d.day - 1) // 10, 2) for d in dates]


def dekad_medians(
    dn: npt.NDArray[np.uint16],
    valid: npt.NDArray[np.bool_],
    dekads: Sequence[int],
    until: int = DEKADS,
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The median reflectance of each dekad's valid observations; of an even count, the middle two's mean.

    Digital numbers are sorted, not reflectance: the order is the same, and integers have one only.

    Args:
        dn: harmonised digital numbers (time, band, N).
        valid: which observations count (time, N).
        dekads: the dekad of each time step.
        until: how many dekads count, from the first; what was seen later is not looked at.

    Returns:
        Reflectance (band, until, N), any finite number where nothing valid was seen; and where something
        was (until, N).
    """
    _, bands, pixels = dn.shape
    medians = np.zeros((bands, until, pixels))
    seen = np.zeros((until, pixels), dtype=np.bool_)
    for dekad in sorted(set(dekads).intersection(range(until))):
        steps = [step for step, its in enumerate(dekads) if its == dekad]
        ordered = np.where(valid[steps, None], dn[steps], np.uint16(_NO_VIEW))
        ordered.sort(axis=0)
        count = valid[steps].sum(axis=0)
        low = reflectance(_pick(ordered, (count - 1) // 2))
        high = reflectance(_pick(ordered, count // 2))
        medians[:, dekad] = (low + high) * 0.5
        seen[dekad] = count > 0
    return medians, seen


def _pick(ordered: npt.NDArray[np.uint16], rank: npt.NDArray[np.int_]) -> npt.NDArray[np.uint16]:
    """Of (m, band, N) the entry `rank` (N,) of each pixel: (band, N). Ranks out of range meet the ends."""
    chosen: npt.NDArray[np.uint16] = ordered[0]
    for place in range(1, len(ordered)):
        chosen = np.where(rank >= place, ordered[place], chosen)
    return chosen


@dataclass(frozen=True)
class Gaps:
    """Where a pixel's dekads take their values from; the same for all bands."""

    before: npt.NDArray[np.intp]
    """The nearest valid dekad at or before each (dekads, N); the first valid one, where there is none."""
    after: npt.NDArray[np.intp]
    """The nearest valid dekad at or after each (dekads, N); the last valid one, where there is none."""
    weight: Array
    """How far from `before` to `after`, 0 to 1 (dekads, N)."""

    @classmethod
    def of(cls, seen: npt.NDArray[np.bool_]) -> "Gaps":
        """The gaps between the valid dekads `seen` (dekads, N)."""
        dekads = len(seen)
        before = np.empty(seen.shape, dtype=np.intp)
        after = np.empty(seen.shape, dtype=np.intp)
        previous = np.full(seen.shape[1], -1, dtype=np.intp)
        following = np.full(seen.shape[1], dekads, dtype=np.intp)
        for dekad in range(dekads):
            before[dekad] = previous = np.where(seen[dekad], dekad, previous)
        for dekad in reversed(range(dekads)):
            after[dekad] = following = np.where(seen[dekad], dekad, following)
        before = np.where(before < 0, after, before)
        after = np.where(after == dekads, before, after)
        # a pixel that was never seen points behind the end; its numbers are never used
        before, after = np.minimum(before, dekads - 1), np.minimum(after, dekads - 1)
        step = np.arange(dekads, dtype=np.intp)[:, None] - before
        weight = np.where(after > before, step / np.maximum(after - before, 1), 0.0)
        return cls(before, after, weight)

    def fill(self, medians: Array) -> Array:
        """A band's medians (dekads, N), linear in the dekads' numbers between valid ones, level at the ends."""
        left = np.take_along_axis(medians, self.before, axis=0)
        right = np.take_along_axis(medians, self.after, axis=0)
        return left + (right - left) * self.weight


def longest_gap(seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """The most days in a row without a valid dekad (N,), of `seen` (dekads, N); half days count as whole.

    From the season's start (DOS 0) to the first valid dekad's centre, between neighbouring centres, and
    from the last to the end of the last dekad that counts (DOS 273 of the season): all of it where there is none.
    """
    last = np.zeros(seen.shape[1], dtype=np.int64)  # half days: centres are multiples of them
    gap = np.zeros_like(last)
    for dekad, centre in enumerate(CENTRES[: len(seen)]):
        here = int(2 * centre)
        gap = np.where(seen[dekad], np.maximum(gap, here - last), gap)
        last = np.where(seen[dekad], here, last)
    gap = np.maximum(gap, 2 * ENDS[len(seen) - 1] - last)
    return ((gap + 1) // 2).astype(np.uint16)


@cache
def smoothing(steps: int) -> Array:
    """The table of `SMOOTHING` for a series of fewer steps, at least 5: (steps, steps).

    By the orthogonal polynomials 1, j, j^2 - 2 on the window -2..2.
    """
    table = np.zeros((steps, steps))
    for row in range(steps):
        middle = min(max(row, 2), steps - 3)
        at = row - middle
        for j in range(-2, 3):
            table[row, middle + j] = (14 + 7 * at * j + 5 * (at**2 - 2) * (j**2 - 2)) / 70
    table.flags.writeable = False
    return table


SMOOTHING = smoothing(DEKADS)
"""Savitzky-Golay of window 5 and order 2 (Savitzky & Golay 1964) as one table (27, 27).

A row holds one smoothed dekad's weights; the two at either end use the outermost window's parabola.
"""


def smooth(series: Array) -> Array:
    """A series (dekads, N) smoothed by `SMOOTHING`, or that of as many; it may leave its range by a little."""
    table = smoothing(len(series))
    smoothed = np.empty_like(series)
    for row in range(len(series)):
        window = min(max(row - 2, 0), len(series) - 5)
        total = table[row, window] * series[window]
        for dekad in range(window + 1, window + 5):
            total += table[row, dekad] * series[dekad]
        smoothed[row] = total
    return smoothed
