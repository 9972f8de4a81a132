"""The features compiled: from observations to float32 in one pass, 64 neighbouring pixels at a time.

It is `plain`, step by step and operation by operation in the same order, so that each number is the same to
the last bit: no fused multiply-add, no reordered sum, no BLAS. Loops run over the pixels of a row, the lanes,
which is what a processor's vector units do; scratch has a fixed size.

Compiled once, it is kept on disk: in `numba.config.CACHE_DIR` (NUMBA_CACHE_DIR), beside this file, or in the
user's cache, whichever can be written first. Where none can, each process compiles anew.
"""

import hashlib
import inspect
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.kernels import (
    course,
    curves,
    filling,
    lanes,
    observing,
    ranking,
)
from geocrop_processes.features.kernels.filling import Gaps, fill, find_gaps
from geocrop_processes.features.kernels.lanes import (
    LANES,
    TILE,
    Out,
    Plan,
    Rows,
    Tables,
    compiled,
    kept,
)
from geocrop_processes.features.kernels.observing import USED, Cube, Sight, observe
from geocrop_processes.features.kernels.tables import tables

__all__ = ["Out", "Plan", "features"]

_curves, _season, _harmonics = curves.curves, course.season, course.harmonics


@compiled  # pragma: no cover
def _quality(sight: Sight, pixel: int, tables: Tables) -> tuple[int, int]:
    """Of a tile's pixel, the valid dekads and the half days of the longest gap."""
    valid, last, gap = 0, 0, 0
    for dekad in range(len(sight.seen)):
        if sight.seen[dekad, pixel]:
            here = int(2.0 * tables.centres[dekad])
            gap = max(gap, here - last)
            last = here
            valid += 1
    return valid, max(gap, 2 * tables.season_days - last)


@compiled  # pragma: no cover
def _store(
    found: Rows, sight: Sight, tables: Tables, at: tuple[int, int], n: int, out: Out
) -> None:
    """The first `n` lanes: `at` says which pixel of the tile and which of `out` is the first."""
    pixel, first = at
    for row in range(len(found)):
        for i in range(n if tables.known[row] else 0):
            # + 0.0 makes negative zeros positive: which of the two min and max give is not defined
            out.values[row, first + i] = found[row, i] + 0.0
        for i in range(0 if tables.known[row] else n):
            out.values[row, first + i] = np.nan
    for i in range(n):
        valid, gap = _quality(sight, pixel + i, tables)
        out.n_valid[first + i] = valid
        out.max_gap_days[first + i] = (gap + 1) // 2
        if valid < tables.min_dekads:
            for row in range(len(found)):
                out.values[row, first + i] = np.nan


@compiled  # pragma: no cover
def _sight(most: int, dekads: int) -> Sight:
    raw = np.empty((most, USED, TILE), np.uint16)
    return Sight(
        raw,
        raw.reshape(most, USED * TILE),
        np.empty(TILE, np.uint16),
        np.empty(TILE, np.uint16),
        np.empty((USED, dekads, TILE), np.uint16),
        np.empty((USED, dekads, TILE), np.uint16),
        np.empty(dekads, np.int64),
        np.empty((dekads, TILE), np.uint8),
    )


@compiled  # pragma: no cover
def _gaps(dekads: int) -> Gaps:
    rows = np.empty((2, dekads, LANES))
    return Gaps(rows[0], rows[1], np.empty(LANES), np.arange(dekads - 1, -1, -1))


def _sources() -> int:
    """A number for the text of all kernels: numba knows what it keeps by the text of one file alone."""
    modules = (course, curves, filling, lanes, observing, ranking)
    text = "".join(inspect.getsource(module) for module in modules)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def _kernel(sources: int) -> Callable[..., None]:
    """The function to compile; what it closes over is a part of what numba knows it by."""

    def kernel(
        cube: Cube, pixels: npt.NDArray[np.int64], first: int, plan: Plan, tables: Tables, out: Out
    ) -> None:  # pragma: no cover
        if sources < 0:
            return
        dekads = len(tables.centres)
        sight, gaps = _sight(plan.most, dekads), _gaps(dekads)
        bands, found = np.empty((USED, dekads, LANES)), np.empty((len(out.values), LANES))
        v, scratch = np.empty((dekads, LANES)), np.empty((max(dekads, course.SCRATCH), LANES))
        curve = scratch[:dekads]
        at = np.empty(TILE, np.int64)
        for start in range(0, len(pixels), TILE):
            left = min(TILE, len(pixels) - start)
            for i in range(TILE):
                # the first one fills up, so that no full run of neighbours is seen where there is none
                at[i] = pixels[start + (i if i < left else 0)]
            observe(cube, at, plan, tables.clear, sight)
            for lane in range(0, left, LANES):
                find_gaps(sight, lane, gaps)
                for band in range(USED):
                    fill(sight, lane, band, tables.light, gaps, bands)
                _curves(bands, v, curve, tables, found)
                _season(v, scratch, tables, found)
                _harmonics(v, scratch, tables, found)
                where = (lane, first + start + lane)
                _store(found, sight, tables, where, min(LANES, left - lane), out)

    return kernel


def _compile() -> Callable[..., None]:
    """The kernel, to be compiled at its first call, or loaded from disk."""
    try:
        return kept(_kernel(_sources()))
    except (RuntimeError, OSError):
        # no folder can be written, or the sources are not there: it works all the same
        return compiled(_kernel(0))


_COMPILED = _compile()


def features(cube: Cube, pixels: npt.NDArray[np.int64], first: int, plan: Plan, out: Out) -> None:
    """Write the features of some pixels; other threads run meanwhile.

    Args:
        cube: uint16 (time, 11, pixel), C-contiguous: ten bands harmonised, then SCL.
        pixels: which pixels of the cube, ascending.
        first: which pixel of `out` the first of them is; the others follow.
        plan: which steps of time belong to which dekad.
        out: what is written to.
    """
    # numba compiles anew for an array that cannot be written: all are made so
    seen = cube.view()
    seen.flags.writeable = False
    _COMPILED(seen, pixels, first, plan, tables(len(plan.opens) - 1), out)
