"""The 51 features as one writes them with xarray, NumPy and SciPy: to compare with in speed and in result.

Idiomatic and fair: whole arrays, no loop over pixels of its own, float32 as most do, each step by a library's
own function. It shares no code with the package. What passes over NaN is exchangeable: `PLAIN` holds what
NumPy and xarray have, `NUMBAGG` numbagg's compiled functions in their place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numbagg
import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.signal import savgol_filter

MONTHS = ("sep", "oct", "nov", "dec", "jan", "feb", "mar", "apr", "may")
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")

type Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """The functions that are exchangeable."""

    median: Callable[..., Floats]
    """As `np.nanmedian(values, axis=0)`."""
    quantile: Callable[..., Floats]
    """As `np.quantile(values, q, axis=0)`: what is filled has no gaps."""
    fill: Callable[[xr.DataArray], xr.DataArray]
    """Lines over NaN along `dekad`, level at the ends; the first axis stays `dekad`."""


def _interpolated(composite: xr.DataArray) -> xr.DataArray:
    inner = composite.interpolate_na("dekad").transpose("dekad", ...)
    known = np.isfinite(inner.values)
    first, last = known.argmax(axis=0), 26 - known[::-1].argmax(axis=0)
    steps = np.arange(27)[:, None, None, None]
    start, end = _at(inner.values, first), _at(inner.values, last)
    level = np.where(steps < first, start, np.where(steps > last, end, inner.values))
    return inner.copy(data=level)


def _filled(composite: xr.DataArray) -> xr.DataArray:
    composite = composite.transpose("dekad", ...)
    values = composite.values
    steps = np.where(np.isfinite(values), np.arange(27.0)[:, None, None, None], np.nan)
    before, after = numbagg.ffill(values, axis=0), numbagg.bfill(values, axis=0)
    left, right = numbagg.ffill(steps, axis=0), numbagg.bfill(steps, axis=0)
    before, after = (
        np.where(np.isnan(before), after, before),
        np.where(np.isnan(after), before, after),
    )
    apart = right - left
    with np.errstate(invalid="ignore"):
        share = np.where(apart > 0, (np.arange(27.0)[:, None, None, None] - left) / apart, 0)
    return composite.copy(data=(before + (after - before) * share).astype(values.dtype))


PLAIN = Steps(np.nanmedian, np.quantile, _interpolated)
"""What NumPy and xarray have; `np.nanquantile`, ten times as slow, is not needed."""
NUMBAGG = Steps(
    lambda values, axis: numbagg.nanmedian(values, axis=axis),
    lambda values, q, axis: numbagg.nanquantile(values, q, axis=axis),
    _filled,
)
"""What numbagg has in their place."""
QUICKEST = Steps(np.nanmedian, np.quantile, _filled)
"""Whichever is quicker, step by step: numbagg's medians of a few values are slower than NumPy's."""


def naive_features(
    cube: xr.DataArray, steps: Steps = PLAIN, dtype: type = np.float32
) -> xr.DataArray:
    """The features (feature, y, x), float32, of a cube (time, band, y, x) of ten bands and SCL.

    `time` holds dates of one season, 1 September to 31 May; digital numbers are harmonised, 0 = no data.
    """
    filled = _series(cube, steps, dtype)
    smoothed = {name: _smooth(values) for name, values in _indices(filled).items()}
    found: dict[str, Floats] = {}
    for name in ("ndvi", "ndre", "lswi"):
        monthly = smoothed[name].reshape(9, 3, *smoothed[name].shape[1:])
        middle = np.median(monthly, axis=1)
        found |= {f"{name}_{month}": middle[i] for i, month in enumerate(MONTHS)}
    found |= _season(smoothed["ndvi"]) | _harmonics(smoothed["ndvi"])
    for name in ("evi", "gcvi", "psri", "bsi", "ndti", "mndwi"):
        percent = 50 if name == "ndti" else 90
        found[f"{name}_p{percent}"] = steps.quantile(smoothed[name], percent / 100, axis=0)
    for window, first in {"w1": 0, "w3": 12, "w4": 18}.items():
        for band in ("B04", "B11") if window != "w3" else ("B08", "B11"):
            part = filled.sel(band=band).values[first : first + 6]
            found[f"{band.lower()}_{window}"] = steps.median(part, axis=0)
    return xr.DataArray(
        np.stack(list(found.values())).astype(np.float32),
        dims=("feature", "y", "x"),
        coords={"feature": list(found)},
    )


def dekad_of(time: xr.DataArray) -> xr.DataArray:
    """Dekads since 1 September."""
    third = np.minimum((time.dt.day - 1) // 10, 2)
    return ((time.dt.month - 9) % 12 * 3 + third).rename("dekad")


def _series(cube: xr.DataArray, steps: Steps, dtype: type) -> xr.DataArray:
    """Reflectance (dekad, band, y, x), one composite a dekad, gaps filled; NaN below six dekads."""
    bands = cube.sel(band=list(BANDS))
    valid = cube.sel(band="SCL").isin([2, 4, 5, 6, 7]) & (bands != 0).all("band")
    reflectance = (bands.astype(dtype) * dtype(1e-4)).clip(1e-4, 1.6).where(valid)
    composite = reflectance.groupby(dekad_of(cube.time)).reduce(_over_time(steps), dim="time")
    composite = composite.reindex(dekad=np.arange(27))
    enough = composite.isel(band=0).notnull().sum("dekad") >= 6
    return steps.fill(composite).where(enough).transpose("dekad", "band", "y", "x")


def _smooth(values: Floats) -> Floats:
    smoothed: Floats = savgol_filter(values, 5, 2, axis=0, mode="interp")
    return smoothed


def _over_time(steps: Steps) -> Callable[..., Floats]:
    def median(values: Floats, axis: int | tuple[int, ...], **_: object) -> Floats:
        return steps.median(values, axis=axis[0] if isinstance(axis, tuple) else axis)

    return median


def _indices(filled: xr.DataArray) -> dict[str, Floats]:
    b02, b03, b04, b05, b06, _, b08, b8a, b11, b12 = (filled.sel(band=b).values for b in BANDS)

    def difference(one: Floats, other: Floats) -> Floats:
        ratio: Floats = (one - other) / (one + other)
        return ratio

    bounded = {
        "ndvi": (difference(b08, b04), -1, 1),
        "ndre": (difference(b8a, b05), -1, 1),
        "lswi": (difference(b8a, b11), -1, 1),
        "evi": (2.5 * (b08 - b04) / (b08 + 6 * b04 - 7.5 * b02 + 1), -1, 2),
        "gcvi": (b08 / np.maximum(b03, 0.005) - 1, -1, 20),
        "psri": ((b04 - b02) / np.maximum(b06, 0.01), -1, 2),
        "bsi": (difference(b11 + b04, b08 + b02), -1, 1),
        "ndti": (difference(b11, b12), -1, 1),
        "mndwi": (difference(b03, b11), -1, 1),
    }
    return {name: np.clip(values, low, high) for name, (values, low, high) in bounded.items()}


def centres() -> Floats:
    """Days since 1 September of the dekads' middles."""
    lengths = np.array([30, 31, 30, 31, 31, 28, 31, 30, 31])
    starts = np.cumsum(lengths) - lengths
    thirds: Floats = np.stack([starts + 4.5, starts + 14.5, starts + (19 + lengths) / 2], axis=1)
    dos: Floats = thirds.ravel()
    return dos


def _at(values: Floats, place: npt.NDArray[np.intp]) -> Floats:
    found: Floats = np.take_along_axis(values, place[None], axis=0)[0]
    return found


def _crossing(v: Floats, level: Floats, crosses: npt.NDArray[np.bool_], *, last: bool) -> Floats:
    """DOS of the first or last crossing of a level, on the line between two dekads; NaN without one."""
    t = centres()
    place = 25 - np.argmax(crosses[::-1], axis=0) if last else np.argmax(crosses, axis=0)
    before, after = _at(v, place), _at(v, place + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = t[place] + (level - before) / (after - before) * (t[place + 1] - t[place])
    crossing: Floats = np.where(crosses.any(axis=0), found, np.nan)
    return crossing


def _season(v: Floats) -> dict[str, Floats]:
    t, steps = centres(), np.arange(27)[:, None, None]
    k = np.argmax(v, axis=0)
    top = v.max(axis=0)
    left = np.where(steps <= k, v, np.inf).min(axis=0)
    right = np.where(steps >= k, v, np.inf).min(axis=0)
    base = (left + right) / 2
    flat = top - base < 0.1
    rise, fall = {}, {}
    for share in (0.2, 0.8):
        level = left + share * (top - left)
        up = (v[:-1] < level) & (v[1:] >= level) & (steps[:-1] < k)
        rise[share] = np.nan_to_num(_crossing(v, level, up, last=True), nan=t[0])
        level = right + share * (top - right)
        down = (v[:-1] >= level) & (v[1:] < level) & (steps[:-1] >= k)
        fall[share] = np.nan_to_num(_crossing(v, level, down, last=False), nan=t[-1])
    inner = np.clip(k, 1, 25)
    before, at, after = (_at(v, inner + shift) for shift in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.nan_to_num((before - after) / 2 / (before - 2 * at + after))
    inside = (k > 0) & (k < 26)
    pos = t[k] + np.where(inside, 10.1 * np.clip(offset, -0.5, 0.5), 0)
    greenup = 60 * (top - left) / np.maximum(rise[0.8] - rise[0.2], 5)
    senesc = 60 * (top - right) / np.maximum(fall[0.2] - fall[0.8], 5)
    area = np.tensordot(np.gradient(t), np.maximum(v - base, 0), axes=(0, 0))
    return {
        "ndvi_base": base,
        "ndvi_peak": top,
        "ndvi_amp": top - base,
        "ndvi_sos": np.where(flat, 0, rise[0.2]),
        "ndvi_pos": np.where(flat, 136, pos),
        "ndvi_eos": np.where(flat, 272, fall[0.2]),
        "ndvi_greenup": np.where(flat, 0, greenup),
        "ndvi_senesc": np.where(flat, 0, senesc),
        "ndvi_integral": area,
    }


def _harmonics(v: Floats) -> dict[str, Floats]:
    angle = 2 * np.pi * centres() / 365
    waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
    design = np.stack([np.ones(27), *waves], axis=1).astype(v.dtype)
    flat = v.reshape(27, -1)
    fit = np.linalg.pinv(design) @ flat
    rmse = np.sqrt(((flat - design @ fit) ** 2).mean(axis=0))
    h1, h2 = np.hypot(fit[1], fit[2]), np.hypot(fit[3], fit[4])
    names = ("ndvi_h1_amp", "ndvi_h2_amp", "ndvi_h_rmse")
    return {n: f.reshape(v.shape[1:]) for n, f in zip(names, (h1, h2, rmse), strict=True)}
