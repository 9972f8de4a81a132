"""From a cube of observations to the 51 features: the only way there is, for training and prediction alike.

A pixel's features depend on its own observations alone: not on its neighbours, on how many pixels are
computed at once, on threads, or on the order of the observations, to the last bit. The work is done by
compiled `kernels`; `plain` says the same without them, and tests hold the two together.
"""

import datetime as dt
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.bands import BANDS
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.series import DEKADS, dekads_of
from geocrop_processes.features.until import check_until

SLAB_PIXELS = 1024
"""Pixels that `compute` brings together at once; changes no result."""
RUN_PIXELS = 16384
"""Pixels of a block that a thread takes at once; changes no result."""

_LAYERS = len(BANDS) + 1


@dataclass(frozen=True)
class Features:
    """The features of some pixels, and how well the pixels were seen."""

    values: npt.NDArray[np.float32]
    """(51, ...) in the order of `FEATURE_ORDER_V1`; NaN where fewer than 6 dekads are valid, and all of a feature
    that needs more dekads than count."""
    n_valid: npt.NDArray[np.uint8]
    """(...) dekads, 0 to 27, with at least one valid observation. A quality layer, never a feature."""
    max_gap_days: npt.NDArray[np.uint16]
    """(...) the longest time without a valid dekad, in days up to 273, or up to the end of the last dekad that
    counts. A quality layer, never a feature."""


def compute(
    dn: npt.NDArray[np.uint16],
    scl: npt.NDArray[np.uint8],
    dates: Sequence[dt.date],
    until: int = DEKADS,
) -> Features:
    """The 51 features of each pixel.

    An observation is valid where SCL is clear and all ten bands have data.

    Args:
        dn: harmonised digital numbers (time, 10, ...), bands in the order of `BANDS`, 0 = no data; any
            dimensions of pixels, or none. Slices of C-contiguous arrays are read slab by slab.
        scl: scene classification (time, ...), repeated to the pixels of `dn`.
        dates: the date of each time step, in any order, of one season, 1 September to 31 May.
        until: how many dekads count, from the first: what was seen later changes nothing, and features that
            need more dekads (`until.NEEDED`) are NaN.

    Raises:
        ValueError: shapes or types do not fit, a date lies outside the season, or `until` is not 6 to 27.
    """
    check(dn, scl, dates)
    work, shape = _Work(dates, until), scl.shape[1:]
    pixels = math.prod(shape)
    dn, scl = dn.reshape(len(dates), len(BANDS), pixels), scl.reshape(len(dates), pixels)
    out = _empty(pixels)
    for start in range(0, pixels, SLAB_PIXELS):
        slab = slice(start, min(start + SLAB_PIXELS, pixels))
        cube = np.empty((len(dates), _LAYERS, slab.stop - start), np.uint16)
        cube[:, :-1], cube[:, -1] = dn[:, :, slab], scl[:, slab]
        work.run(cube, np.arange(slab.stop - start), start, out)
    return Features(
        out.values.reshape(len(FEATURE_ORDER_V1), *shape),
        out.n_valid.reshape(shape),
        out.max_gap_days.reshape(shape),
    )


def compute_block(
    cube: npt.NDArray[np.uint16],
    inside: npt.NDArray[np.bool_],
    dates: Sequence[dt.date],
    threads: int = 1,
    *,
    until: int = DEKADS,
) -> Features:
    """The 51 features of the pixels of a block that matter; the block is not copied.

    Args:
        cube: uint16 (time, 11, y, x), C-contiguous: ten bands as in `compute`, then SCL.
        inside: which pixels matter (y, x); n of them.
        dates: as in `compute`.
        threads: how many share the work; the result is the same.
        until: as in `compute`.

    Returns:
        The n pixels inside, row by row: values (51, n), n_valid (n,), max_gap_days (n,).

    Raises:
        ValueError: shapes, types or memory order do not fit, a date lies outside the season, or `until` is
            not 6 to 27.
    """
    _check_block(cube, inside, dates)
    work, covered = _Work(dates, until), inside.reshape(-1)
    flat = cube.reshape(len(dates), _LAYERS, covered.size)
    starts = range(0, covered.size, RUN_PIXELS)
    counts = [np.count_nonzero(covered[start : start + RUN_PIXELS]) for start in starts]
    firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64).tolist()
    out = _empty(firsts[-1])

    def run(start: int, first: int) -> None:
        pixels = np.flatnonzero(covered[start : start + RUN_PIXELS]) + start
        work.run(flat, pixels, first, out)

    if threads == 1:
        for start, first in zip(starts, firsts, strict=False):
            run(start, first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, starts, firsts))
    return out


def warm_up(folder: Path | None = None) -> None:
    """Compile, or load what was compiled before, so that the first block does not wait for it.

    Args:
        folder: where compiled code is kept from now on; it works only before anything is computed. If
            None: `NUMBA_CACHE_DIR`, beside the package, or in the user's cache, as can be written.
    """
    if folder is not None:
        import numba  # noqa: PLC0415 - as in `_kernels`

        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    compute_block(np.zeros((1, _LAYERS, 1, 1), np.uint16), np.ones((1, 1), np.bool_), [_ANY_DAY])


_ANY_DAY = dt.date(2022, 9, 1)


class _Work:
    """What is to be done for each pixel of a season."""

    def __init__(self, dates: Sequence[dt.date], until: int) -> None:
        check_until(until)
        self._kernels = _kernels()
        dekads = np.array(dekads_of(dates), dtype=np.int64)
        steps = np.argsort(dekads, kind="stable")
        opens = np.searchsorted(dekads[steps], np.arange(until + 1)).astype(np.int64)
        most = int(np.diff(opens).max(initial=1))
        self._plan = self._kernels.Plan(steps.astype(np.int64), opens, most)

    def run(
        self,
        cube: npt.NDArray[np.uint16],
        pixels: npt.NDArray[np.int64],
        first: int,
        out: Features,
    ) -> None:
        """Write the features of some pixels of a cube (time, 11, pixel) to `out` from `first` on."""
        target = self._kernels.Out(out.values, out.n_valid, out.max_gap_days)
        self._kernels.features(cube, pixels, first, self._plan, target)


def _kernels() -> ModuleType:
    from geocrop_processes.features import (  # noqa: PLC0415 - numba takes long to import
        kernels,
    )

    return kernels


def _empty(pixels: int) -> Features:
    return Features(
        np.empty((len(FEATURE_ORDER_V1), pixels), np.float32),
        np.empty(pixels, np.uint8),
        np.empty(pixels, np.uint16),
    )


def check(dn: npt.NDArray[np.uint16], scl: npt.NDArray[np.uint8], dates: Sequence[dt.date]) -> None:
    """Refuse what is no cube of observations.

    Raises:
        ValueError: shapes or types do not fit.
    """
    if dn.dtype != np.uint16 or scl.dtype != np.uint8:
        raise ValueError(f"dn is {dn.dtype} and scl {scl.dtype}; they must be uint16 and uint8.")
    expected = (len(dates), len(BANDS), *scl.shape[1:])
    if dn.shape != expected or scl.shape[:1] != expected[:1]:
        raise ValueError(
            f"dn {dn.shape} and scl {scl.shape} do not fit {len(dates)} dates: "
            f"they must be (time, {len(BANDS)}, ...) and (time, ...)."
        )


def _check_block(
    cube: npt.NDArray[np.uint16], inside: npt.NDArray[np.bool_], dates: Sequence[dt.date]
) -> None:
    if cube.dtype != np.uint16 or inside.dtype != np.bool_:
        raise ValueError(
            f"cube is {cube.dtype} and inside {inside.dtype}; they must be uint16 and bool."
        )
    if inside.ndim != 2 or cube.shape != (len(dates), _LAYERS, *inside.shape):
        raise ValueError(
            f"cube {cube.shape} and inside {inside.shape} do not fit {len(dates)} dates: "
            f"they must be (time, {_LAYERS}, y, x) and (y, x)."
        )
    if not cube.flags.c_contiguous:
        raise ValueError("The cube is not C-contiguous, and a block is not copied.")
