"""What all kernels share: how wide they are, how they are compiled, and the tables they are given."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numba
import numpy as np
import numpy.typing as npt

type Rows = npt.NDArray[np.float64]
"""Numbers, one row of lanes after the other; or a table."""
type Digital = npt.NDArray[np.uint16]
"""Digital numbers, one row of a tile's pixels after the other."""

LANES = 64
"""Pixels whose series go through together: their rows fit a processor's nearest cache."""
TILE = 256
"""Pixels whose observations are sorted together: a multiple of `LANES`, so that memory is read in long runs."""
DEKADS = 27
"""Steps of a whole season's series."""


class Plan(NamedTuple):
    """Which observations belong to which dekad."""

    steps: npt.NDArray[np.int64]
    """Steps of time, dekad by dekad (time,)."""
    opens: npt.NDArray[np.int64]
    """Where in `steps` each dekad that counts begins, and the end (dekads + 1,)."""
    most: int
    """Observations of the fullest dekad, at least 1."""


class Tables(NamedTuple):
    """The constants of `bands`, `series`, `phenology` and `harmonics`: compiled code holds none of them.

    They are those of a series of so many dekads, 6 to 27.
    """

    clear: int
    """A bit for each clear SCL class."""
    light: Rows
    """Reflectance of one digital number, the least, the greatest (3,)."""
    centres: Rows
    """The dekads' centres, DOS (dekads,)."""
    days: Rows
    """The days that each dekad stands for (dekads,)."""
    smoothing: Rows
    """Weights of each dekad's window of five (dekads, 5)."""
    fit: Rows
    """Harmonics of a whole season: weights of the dekads (5, 27)."""
    waves: Rows
    """Harmonics of a whole season: the waves at the dekads (5, 27)."""
    limits: Rows
    """Lowest and highest of each index, in the order of `INDICES` (9, 2)."""
    season: Rows
    """LOW, HIGH, 100 * MIDDLE, FLAT_AMPLITUDE, FLAT_SOS, FLAT_POS, FLAT_EOS, MIN_DAYS, DEKAD_DAYS (9,)."""
    season_days: int
    """Days that have passed when the last dekad has ended."""
    min_dekads: int
    """Valid dekads that a pixel needs."""
    least: float
    """The smallest denominator of a ratio."""
    middle: npt.NDArray[np.int64]
    """Exchanges that bring the rank in the middle, or the two, to their places (n, 2)."""
    window: npt.NDArray[np.int64]
    """Exchanges that bring ranks 2 and 3 of 6 to their places (n, 2)."""
    from_top: int
    """Steps of a series above the lower neighbour of its 90th percentile, 1 to 3."""
    upward: float
    """How far from that neighbour to the next the percentile lies, 0 to 1."""
    known: npt.NDArray[np.bool_]
    """Which features the dekads tell (51,); the others are NaN."""


class Out(NamedTuple):
    """What the kernels write to, pixel after pixel; as in `compute.Features`."""

    values: npt.NDArray[np.float32]
    """(51, pixel)."""
    n_valid: npt.NDArray[np.uint8]
    """(pixel,)."""
    max_gap_days: npt.NDArray[np.uint16]
    """(pixel,)."""


def compiled[F: Callable[..., Any]](function: F) -> F:
    """To be compiled at its first call, as a part of the kernel that calls it.

    Without `fastmath`: the order of operations is a part of the result.
    """
    result: Any = numba.njit(function, nogil=True, error_model="numpy")
    return cast(F, result)


def kept[F: Callable[..., Any]](function: F) -> F:
    """`compiled`, and kept on disk.

    Raises:
        RuntimeError: there is no folder that can be written.
    """
    result: Any = numba.njit(function, nogil=True, error_model="numpy", cache=True)
    return cast(F, result)
