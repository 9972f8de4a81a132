"""The features without compiled code: what `kernels` must equal to the last bit, and what they are read by."""

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.bands import BANDS, NO_DATA_DN, is_clear
from geocrop_processes.features.compute import Features, check
from geocrop_processes.features.harmonics import harmonics
from geocrop_processes.features.indices import INDICES, Array, Bands
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.phenology import season
from geocrop_processes.features.series import (
    DEKADS,
    MIN_DEKADS,
    MONTHS,
    Gaps,
    dekad_medians,
    dekads_of,
    longest_gap,
    smooth,
)
from geocrop_processes.features.until import WINDOW_DEKADS, WINDOWS, known

SLAB_PIXELS = 4096
"""Pixels computed at once: few enough for a processor's cache (4 kB a pixel); changes no result."""

_MONTHLY = ("ndvi", "ndre", "lswi")
_HIGH_VALUES = ("evi", "gcvi", "psri", "bsi", "mndwi")
_OF_WINDOWS = (
    ("B04", "w1"),
    ("B11", "w1"),
    ("B08", "w3"),
    ("B11", "w3"),
    ("B04", "w4"),
    ("B11", "w4"),
)
"""Bands and windows that medians are taken of."""


def compute_plain(
    dn: npt.NDArray[np.uint16],
    scl: npt.NDArray[np.uint8],
    dates: Sequence[dt.date],
    until: int = DEKADS,
) -> Features:
    """As `compute`, some hundred times as slow."""
    check(dn, scl, dates)
    can_be_told = known(until)
    dekads = dekads_of(dates)
    shape = scl.shape[1:]
    pixels = math.prod(shape)
    dn, scl = dn.reshape(len(dates), len(BANDS), pixels), scl.reshape(len(dates), pixels)
    values = np.empty((len(FEATURE_ORDER_V1), pixels), dtype=np.float32)
    n_valid = np.empty(pixels, dtype=np.uint8)
    max_gap_days = np.empty(pixels, dtype=np.uint16)
    for start in range(0, pixels, SLAB_PIXELS):
        slab = slice(start, start + SLAB_PIXELS)
        medians, seen = _observe(dn[:, :, slab], scl[:, slab], dekads, until)
        n_valid[slab] = seen.sum(axis=0)
        max_gap_days[slab] = longest_gap(seen)
        found = _features(_filled(medians, seen))
        for row, name in enumerate(FEATURE_ORDER_V1):
            # + 0.0 makes negative zeros positive: which of the two min and max give is not defined
            values[row, slab] = found.get(name, np.nan) + 0.0
    values[:, n_valid < MIN_DEKADS] = np.nan
    values[~can_be_told] = np.nan
    return Features(
        values.reshape(len(FEATURE_ORDER_V1), *shape),
        n_valid.reshape(shape),
        max_gap_days.reshape(shape),
    )


def _observe(
    dn: npt.NDArray[np.uint16], scl: npt.NDArray[np.uint8], dekads: Sequence[int], until: int
) -> tuple[Array, npt.NDArray[np.bool_]]:
    valid = is_clear(scl) & (dn != NO_DATA_DN).all(axis=1)
    return dekad_medians(dn, valid, dekads, until)


def _filled(medians: Array, seen: npt.NDArray[np.bool_]) -> Bands:
    gaps = Gaps.of(seen)
    return {band: gaps.fill(values) for band, values in zip(BANDS, medians, strict=True)}


def _features(bands: Bands) -> dict[str, Array]:
    """The features that can be told by name, each (N,), of gap-filled reflectance (dekads, N) per band."""
    series = {name: smooth(index.of(bands)) for name, index in INDICES.items()}
    dekads = len(series["ndvi"])
    found = {}
    for name in _MONTHLY:
        for number, month in enumerate(MONTHS[: dekads // 3]):
            found[f"{name}_{month}"] = _middle(*series[name][3 * number : 3 * number + 3])
    metrics = season(series["ndvi"])
    if dekads == DEKADS:
        metrics |= harmonics(series["ndvi"])
    found |= {f"ndvi_{name}": values for name, values in metrics.items()}
    found |= {f"{name}_p90": _percentile_90(series[name]) for name in _HIGH_VALUES}
    found["ndti_p50"] = _median(series["ndti"])
    for band, window in _OF_WINDOWS:
        end = WINDOWS[window] + WINDOW_DEKADS
        if end <= dekads:
            found[f"{band.lower()}_{window}"] = _median(bands[band][WINDOWS[window] : end])
    return found


def _middle(a: Array, b: Array, c: Array) -> Array:
    """The median of three."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _median(series: Array) -> Array:
    """The median of the steps; of an even number, the mean of the two in the middle."""
    ordered = np.sort(series, axis=0)
    value: Array = (ordered[(len(series) - 1) // 2] + ordered[len(series) // 2]) * 0.5
    return value


def _percentile_90(series: Array) -> Array:
    """The 90th percentile of the steps.

    Of 27: 0.9 * 26 = 23.4, two fifths of the way from the 24th to the 25th.
    """
    rank, tenths = divmod(9 * (len(series) - 1), 10)
    ordered = np.sort(series, axis=0)
    value: Array = ordered[rank] + tenths / 10 * (ordered[rank + 1] - ordered[rank])
    return value
