"""The constants that the kernels are given, from where the plain functions have them."""

from functools import cache

import numpy as np

from geocrop_processes.features import phenology
from geocrop_processes.features.bands import CLEAR_SCL, MAX_REFLECTANCE, MIN_REFLECTANCE, SCALE
from geocrop_processes.features.harmonics import FIT, WAVES
from geocrop_processes.features.indices import INDICES, SMALLEST_DENOMINATOR
from geocrop_processes.features.kernels.lanes import Rows, Tables
from geocrop_processes.features.kernels.ranking import exchanges
from geocrop_processes.features.series import CENTRES, ENDS, MIN_DEKADS, smoothing
from geocrop_processes.features.until import known


def _windows(dekads: int) -> Rows:
    """The five weights of each row of the smoothing that are not 0."""
    firsts = np.clip(np.arange(dekads) - 2, 0, dekads - 5)
    return np.take_along_axis(smoothing(dekads), firsts[:, None] + np.arange(5), axis=1)


@cache
def tables(dekads: int) -> Tables:
    """All constants of a series, in arrays of their own: numba types arrays that cannot be written differently."""
    below, tenths = divmod(9 * (dekads - 1), 10)
    return Tables(
        clear=sum(1 << scl for scl in CLEAR_SCL),
        light=np.array([SCALE, MIN_REFLECTANCE, MAX_REFLECTANCE]),
        centres=np.array(CENTRES[:dekads]),
        days=np.array(phenology.days_of(dekads)),
        smoothing=_windows(dekads),
        fit=FIT.copy(),
        waves=WAVES.copy(),
        limits=np.array([[index.lowest, index.highest] for index in INDICES.values()]),
        season=np.array(
            [
                phenology.LOW,
                phenology.HIGH,
                100.0 * phenology.MIDDLE,
                phenology.FLAT_AMPLITUDE,
                phenology.FLAT_SOS,
                phenology.FLAT_POS,
                phenology.FLAT_EOS,
                phenology.MIN_DAYS,
                phenology.DEKAD_DAYS,
            ]
        ),
        season_days=ENDS[dekads - 1],
        min_dekads=MIN_DEKADS,
        least=SMALLEST_DENOMINATOR,
        middle=exchanges(dekads, {(dekads - 1) // 2, dekads // 2}),
        window=exchanges(6, (2, 3)),
        from_top=dekads - 1 - below,
        upward=tenths / 10,
        known=known(dekads).copy(),
    )
