"""Spectral indices of gap-free bands, smoothed, and their statistics."""

from geocrop_processes.features.kernels.lanes import LANES, Rows, Tables, compiled
from geocrop_processes.features.kernels.observing import (
    B02,
    B03,
    B04,
    B05,
    B06,
    B08,
    B8A,
    B11,
    B12,
)
from geocrop_processes.features.kernels.ranking import months, percentile_90, rank, window

_NDVI, _NDRE, _LSWI, _EVI, _GCVI, _PSRI, _BSI, _NDTI, _MNDWI = range(9)
HIGH, WINDOWS = 39, 45
"""The first percentile and the first window in `FEATURE_ORDER_V1`."""


@compiled  # pragma: no cover
def _ratio(above: float, below: float, least: float) -> float:
    usable = abs(below) >= least
    share = above / (below if usable else 1.0)
    return share if usable else 0.0


@compiled  # pragma: no cover
def _difference(b: Rows, one: int, other: int, least: float, out: Rows) -> None:
    for k in range(len(out)):
        for i in range(LANES):
            x, y = b[one, k, i], b[other, k, i]
            out[k, i] = _ratio(x - y, x + y, least)


@compiled  # pragma: no cover
def _evi(b: Rows, least: float, out: Rows) -> None:
    for k in range(len(out)):
        for i in range(LANES):
            nir, red, blue = b[B08, k, i], b[B04, k, i], b[B02, k, i]
            out[k, i] = _ratio(2.5 * (nir - red), nir + 6.0 * red - 7.5 * blue + 1.0, least)


@compiled  # pragma: no cover
def _gcvi(b: Rows, out: Rows) -> None:
    for k in range(len(out)):
        for i in range(LANES):
            out[k, i] = b[B08, k, i] / max(b[B03, k, i], 0.005) - 1.0


@compiled  # pragma: no cover
def _psri(b: Rows, out: Rows) -> None:
    for k in range(len(out)):
        for i in range(LANES):
            rise = b[B04, k, i] - b[B02, k, i]
            out[k, i] = rise / max(b[B06, k, i], 0.01)


@compiled  # pragma: no cover
def _bsi(b: Rows, least: float, out: Rows) -> None:
    for k in range(len(out)):
        for i in range(LANES):
            bright = b[B11, k, i] + b[B04, k, i]
            dark = b[B08, k, i] + b[B02, k, i]
            out[k, i] = _ratio(bright - dark, bright + dark, least)


@compiled  # pragma: no cover
def _smooth(v: Rows, index: int, tables: Tables, out: Rows) -> None:
    """Clip `v` in place to the index's range, then smooth it."""
    lowest, highest = tables.limits[index, 0], tables.limits[index, 1]
    for k in range(len(v)):
        for i in range(LANES):
            v[k, i] = min(max(v[k, i], lowest), highest)
    weights = tables.smoothing
    for k in range(len(out)):
        a, b, c = weights[k, 0], weights[k, 1], weights[k, 2]
        d, e = weights[k, 3], weights[k, 4]
        first = min(max(k - 2, 0), len(out) - 5)
        for i in range(LANES):
            total = a * v[first, i]
            total += b * v[first + 1, i]
            total += c * v[first + 2, i]
            total += d * v[first + 3, i]
            total += e * v[first + 4, i]
            out[k, i] = total


@compiled  # pragma: no cover
def _windows(b: Rows, scratch: Rows, tables: Tables, found: Rows) -> None:
    window(b[B04], 0, scratch, tables.window, found, WINDOWS)
    window(b[B11], 0, scratch, tables.window, found, WINDOWS + 1)
    window(b[B08], 12, scratch, tables.window, found, WINDOWS + 2)
    window(b[B11], 12, scratch, tables.window, found, WINDOWS + 3)
    window(b[B04], 18, scratch, tables.window, found, WINDOWS + 4)
    window(b[B11], 18, scratch, tables.window, found, WINDOWS + 5)


@compiled  # pragma: no cover
def curves(b: Rows, v: Rows, scratch: Rows, tables: Tables, found: Rows) -> None:
    """All but the season of NDVI, whose smoothed series is left in `v`."""
    least = tables.least
    _windows(b, v, tables, found)
    _difference(b, B8A, B05, least, scratch)
    _smooth(scratch, _NDRE, tables, v)
    months(v, found, 9)
    _difference(b, B8A, B11, least, scratch)
    _smooth(scratch, _LSWI, tables, v)
    months(v, found, 18)
    _evi(b, least, scratch)
    _smooth(scratch, _EVI, tables, v)
    percentile_90(v, scratch, tables, found, HIGH)
    _gcvi(b, scratch)
    _smooth(scratch, _GCVI, tables, v)
    percentile_90(v, scratch, tables, found, HIGH + 1)
    _psri(b, scratch)
    _smooth(scratch, _PSRI, tables, v)
    percentile_90(v, scratch, tables, found, HIGH + 2)
    _bsi(b, least, scratch)
    _smooth(scratch, _BSI, tables, v)
    percentile_90(v, scratch, tables, found, HIGH + 3)
    _difference(b, B11, B12, least, scratch)
    _smooth(scratch, _NDTI, tables, v)
    rank(v, tables.middle)
    lower, upper = (len(v) - 1) // 2, len(v) // 2
    for i in range(LANES):
        found[HIGH + 4, i] = (v[lower, i] + v[upper, i]) * 0.5
    _difference(b, B03, B11, least, scratch)
    _smooth(scratch, _MNDWI, tables, v)
    percentile_90(v, scratch, tables, found, HIGH + 5)
    _difference(b, B08, B04, least, scratch)
    _smooth(scratch, _NDVI, tables, v)
    months(v, found, 0)
