import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.features.harmonics import FIT, WAVES, harmonics
from geocrop_processes.features.series import CENTRES, DEKADS

ANGLES = 2 * math.pi * np.array(CENTRES) / 365
DESIGN = np.stack(
    [np.ones(DEKADS), np.cos(ANGLES), np.sin(ANGLES), np.cos(2 * ANGLES), np.sin(2 * ANGLES)],
    axis=1,
)


@given(*[st.floats(-1, 1)] * 5)
def test_a_sum_of_waves_is_recovered_without_a_residual(
    level: float, c1: float, s1: float, c2: float, s2: float
) -> None:
    series = (DESIGN @ np.array([level, c1, s1, c2, s2]))[:, None]

    found = harmonics(series)

    assert found["h1_amp"].item() == pytest.approx(math.hypot(c1, s1), abs=1e-12)
    assert found["h2_amp"].item() == pytest.approx(math.hypot(c2, s2), abs=1e-12)
    assert found["h_rmse"].item() == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_the_fit_is_that_of_numpys_least_squares(seed: int) -> None:
    series = np.random.default_rng(seed).uniform(-1, 1, (DEKADS, 4))
    fit, residuals, *_ = np.linalg.lstsq(DESIGN, series)

    found = harmonics(series)

    np.testing.assert_allclose(found["h1_amp"], np.hypot(fit[1], fit[2]), rtol=1e-10)
    np.testing.assert_allclose(found["h2_amp"], np.hypot(fit[3], fit[4]), rtol=1e-10)
    np.testing.assert_allclose(found["h_rmse"], np.sqrt(residuals / DEKADS), rtol=1e-10)


def test_the_tables_are_those_of_numpy_and_never_change() -> None:
    np.testing.assert_allclose(WAVES, DESIGN.T, atol=2e-15)
    np.testing.assert_allclose(FIT, np.linalg.pinv(DESIGN), atol=1e-13)
    assert not WAVES.flags.writeable
    assert not FIT.flags.writeable
    assert hashlib.sha256(WAVES.tobytes() + FIT.tobytes()).hexdigest()[:16] == "825952be04fb1648"
