"""What can be told of a season before it has ended: the features that its first dekads are enough for.

A series that is cut after `until` dekads is a series of its own: gaps are filled, curves smoothed, and peaks,
bases, percentiles and integrals taken within it. A feature that speaks of later dekads is NaN, of every pixel.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.series import DEKADS, MIN_DEKADS, MONTHS

WINDOWS = {"w1": 0, "w3": 12, "w4": 18}
"""The first of the six dekads of a window of two months."""
WINDOW_DEKADS = 6
"""Dekads of a window."""
_TO_THE_END = {"ndvi_eos", "ndvi_senesc", "ndvi_h1_amp", "ndvi_h2_amp", "ndvi_h_rmse"}
"""Features of the whole season: its fall and end, and its waves, which half a season cannot tell apart."""


def _needed(name: str) -> int:
    last = name.rpartition("_")[2]
    if last in MONTHS:
        return 3 * MONTHS.index(last) + 3
    if last in WINDOWS:
        return WINDOWS[last] + WINDOW_DEKADS
    return DEKADS if name in _TO_THE_END else MIN_DEKADS


NEEDED = tuple(_needed(name) for name in FEATURE_ORDER_V1)
"""How many dekads, from the first, each feature needs; 6 is the least."""


@cache
def known(until: int) -> npt.NDArray[np.bool_]:
    """Which features the first `until` dekads tell (51,); the others are NaN.

    Raises:
        ValueError: as `check_until` says.
    """
    check_until(until)
    found = np.array(NEEDED) <= until
    found.flags.writeable = False
    return found


def check_until(until: int) -> None:
    """Accept a number of dekads that count.

    Raises:
        ValueError: it is not 6 to 27.
    """
    if not MIN_DEKADS <= until <= DEKADS:
        raise ValueError(
            f"Features need the first {MIN_DEKADS} to {DEKADS} dekads of a season, not the first {until}."
        )
