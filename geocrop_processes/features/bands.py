"""Sentinel-2 bands, scene classification (SCL), and digital numbers to reflectance."""

import numpy as np
import numpy.typing as npt

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""The ten bands that features are made of, in the order of every `band` axis."""
BANDS_10M = frozenset({"B02", "B03", "B04", "B08"})
"""Those with 10 m pixels; the others, and SCL, have 20 m pixels."""
SCL = "SCL"
"""The scene classification of Sen2Cor, beside the bands."""

NO_DATA_DN = 0
"""The digital number of pixels without an observation; it holds before any offset is applied."""
SCALE = 1e-4
"""Reflectance per digital number (product definitions `s2_l2a` and `s2_l2a_c1` of Digital Earth Africa)."""
MIN_REFLECTANCE, MAX_REFLECTANCE = 1e-4, 1.6
"""Reflectance is clipped to these: one digital number, and the brightest clouds' edge."""

CLEAR_SCL = (2, 4, 5, 6, 7)
"""SCL classes that count as a clear view: dark area, vegetation, bare soil, water, unclassified.

Masked are 0 no data, 1 saturated, 3 cloud shadow, 8 and 9 cloud, 10 thin cirrus, and 11 snow, which in
Zimbabwe is bright cloud or roofs. 7 stays: it is 5-9 % of pixels and mostly usable (measured on real cubes).
"""
_IS_CLEAR = np.isin(np.arange(256), CLEAR_SCL)


def is_clear(scl: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which pixels were seen clearly; any shape, the same shape out."""
    clear: npt.NDArray[np.bool_] = _IS_CLEAR[scl]
    return clear


def harmonise(dn: npt.NDArray[np.uint16], offset: int) -> npt.NDArray[np.uint16]:
    """Digital numbers with a scene's offset applied, so that reflectance is `SCALE` times them.

    No data (0) is told before the offset is applied and stays 0; all else is at least 1, since
    Collection 1 holds dark water below its own offset.

    Args:
        dn: digital numbers as delivered, any shape.
        offset: what is added: 0 where the pixels carry none, -1000 where they do.
    """
    shifted = np.clip(dn.astype(np.int32) + offset, 1, 65535)
    return np.where(dn == NO_DATA_DN, NO_DATA_DN, shifted).astype(np.uint16)


def reflectance(dn: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """Surface reflectance (unitless) of harmonised digital numbers; NaN where there is no data."""
    value = np.clip(dn * SCALE, MIN_REFLECTANCE, MAX_REFLECTANCE)
    return np.where(dn == NO_DATA_DN, np.nan, value)
