"""Observations of a tile of pixels to each dekad's two middle digital numbers, by sorting integers in place."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.kernels.lanes import TILE, Digital, Plan, compiled

B02, B03, B04, B05, B06, B08, B8A, B11, B12 = range(9)
"""Places of the bands that features are made of; of B07 only matters whether it has data."""
USED = 9
_BANDS = 10
_B07 = 5
_HIDDEN = np.uint16(65535)
"""Stands for what does not count: it sorts behind all else, or equal."""

type Cube = npt.NDArray[np.uint16]
"""(time, 11, pixel): ten bands, then SCL."""
type Places = npt.NDArray[np.int64]
"""A tile's pixels, ascending; where there are fewer, the first again (TILE,)."""


class Sight(NamedTuple):
    """What is seen of a tile."""

    raw: Digital
    """A dekad's observations, in order (most, USED, TILE)."""
    rows: Digital
    """The same memory (most, USED * TILE)."""
    shown: Digital
    """0 where an observation does not count (TILE,)."""
    views: Digital
    """A dekad's observations that count (TILE,)."""
    low: Digital
    """The lower median (USED, dekads, TILE); anything where nothing was seen."""
    high: Digital
    """The upper median, alike, where a dekad has more than one observation."""
    kept: npt.NDArray[np.int64]
    """Observations of each dekad that count somewhere in the tile (dekads,)."""
    seen: npt.NDArray[np.uint8]
    """1 where a dekad has an observation that counts (dekads, TILE)."""


@compiled  # pragma: no cover
def _is_run(at: Places) -> bool:
    """Whether a tile's pixels are neighbours; the last tile, which repeats its last pixel, is none."""
    run: bool = at[TILE - 1] - at[0] == TILE - 1 and at[TILE - 2] < at[TILE - 1]
    return run


@compiled  # pragma: no cover
def _look(cube: Cube, step: int, at: Places, clear: int, shown: Digital) -> int:
    """Mark what is clear by SCL in `shown`; 0 where nothing is."""
    any_clear, first = 0, at[0]
    if _is_run(at):
        source = cube[step, _BANDS, first : first + TILE]
        for i in range(TILE):
            bit = (clear >> min(source[i], 31)) & 1
            shown[i] = bit
            any_clear |= bit
    else:
        for i in range(TILE):
            bit = (clear >> min(cube[step, _BANDS, at[i]], 31)) & 1
            shown[i] = bit
            any_clear |= bit
    return any_clear


@compiled  # pragma: no cover
def _load(cube: Cube, step: int, at: Places, raw: Digital, place: int, shown: Digital) -> None:
    """The bands of one time step; what lacks one is no longer shown."""
    first = at[0]
    near = _is_run(at)
    for k in range(cube.shape[1] - 1):
        band = _B07 if k == 0 else k - (k <= _B07)
        used = 0 if k == 0 else k - 1
        if near:
            row = cube[step, band, first : first + TILE]
            for i in range(TILE):
                value = row[i]
                raw[place, used, i] = value
                shown[i] = min(shown[i], value)
        else:
            for i in range(TILE):
                value = cube[step, band, at[i]]
                raw[place, used, i] = value
                shown[i] = min(shown[i], value)


@compiled  # pragma: no cover
def _mask(raw: Digital, place: int, shown: Digital, count: Digital) -> None:
    """Count the pixels that are shown, and hide the others."""
    for i in range(TILE):
        count[i] += shown[i] > 0
        shown[i] = 0 if shown[i] else _HIDDEN
    for band in range(raw.shape[1]):
        for i in range(TILE):
            raw[place, band, i] |= shown[i]


@compiled  # pragma: no cover
def _sort_in(rows: Digital, place: int) -> None:
    """Bring observation `place` to its rank among those before it."""
    for lower in range(place):
        for i in range(rows.shape[1]):
            a, b = rows[lower, i], rows[place, i]
            rows[lower, i] = min(a, b)
            rows[place, i] = max(a, b)


@compiled  # pragma: no cover
def _read(cube: Cube, at: Places, plan: Plan, dekad: int, clear: int, sight: Sight) -> None:
    """Put one dekad's observations in order, and count them."""
    kept, shown, count = 0, sight.shown, sight.views
    count[:] = 0
    for k in range(plan.opens[dekad], plan.opens[dekad + 1]):
        step = plan.steps[k]
        if _look(cube, step, at, clear, shown):
            _load(cube, step, at, sight.raw, kept, shown)
            _mask(sight.raw, kept, shown, count)
            _sort_in(sight.rows, kept)
            kept += 1
    sight.kept[dekad] = kept


@compiled  # pragma: no cover
def _choose(sight: Sight, dekad: int) -> None:
    """Of one dekad's ordered observations, the middle one or two."""
    raw, low, high, count = sight.raw, sight.low, sight.high, sight.views
    kept = sight.kept[dekad]
    for i in range(TILE):
        sight.seen[dekad, i] = count[i] > 0
    for band in range(raw.shape[1]):
        for i in range(TILE):
            low[band, dekad, i] = raw[0, band, i]
        if kept > 1:
            for i in range(TILE):
                high[band, dekad, i] = raw[0, band, i]
        for place in range(1, kept // 2 + 1):
            # of n values in order, from 0, the lower median is (n - 1) // 2, the upper n // 2
            upper = np.uint16(2 * place)
            for i in range(TILE):
                value, n = raw[place, band, i], count[i]
                lower_one, upper_one = low[band, dekad, i], high[band, dekad, i]
                low[band, dekad, i] = value if n > upper else lower_one
                high[band, dekad, i] = value if n >= upper else upper_one


@compiled  # pragma: no cover
def observe(cube: Cube, at: Places, plan: Plan, clear: int, sight: Sight) -> None:
    """See one tile."""
    for dekad in range(len(sight.seen)):
        _read(cube, at, plan, dekad, clear, sight)
        _choose(sight, dekad)
