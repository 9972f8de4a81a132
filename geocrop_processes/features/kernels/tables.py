"""The constants that the kernels are given, from where the plain functions have them."""

import numpy as np

from geocrop_processes.features import phenology
from geocrop_processes.features.bands import CLEAR_SCL, MAX_REFLECTANCE, MIN_REFLECTANCE, SCALE
from geocrop_processes.features.harmonics import FIT, WAVES
from geocrop_processes.features.indices import INDICES, SMALLEST_DENOMINATOR
from geocrop_processes.features.kernels.lanes import Rows, Tables
from geocrop_processes.features.kernels.ranking import exchanges
from geocrop_processes.features.series import CENTRES, DEKADS, MIN_DEKADS, SEASON_DAYS, SMOOTHING


def _windows() -> Rows:
    """The five weights of each row of `SMOOTHING` that are not 0."""
    firsts = np.clip(np.arange(DEKADS) - 2, 0, DEKADS - 5)
    return np.take_along_axis(SMOOTHING, firsts[:, None] + np.arange(5), axis=1)


def tables() -> Tables:
    """All constants, in arrays of their own: numba types arrays that cannot be written differently."""
    return Tables(
        clear=sum(1 << scl for scl in CLEAR_SCL),
        light=np.array([SCALE, MIN_REFLECTANCE, MAX_REFLECTANCE]),
        centres=np.array(CENTRES),
        days=np.array(phenology.STEPS),
        smoothing=_windows(),
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
        season_days=SEASON_DAYS,
        min_dekads=MIN_DEKADS,
        least=SMALLEST_DENOMINATOR,
        middle=exchanges(DEKADS, (DEKADS // 2,)),
        window=exchanges(6, (2, 3)),
    )
