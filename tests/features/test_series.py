import datetime as dt
import hashlib
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from geocrop_processes.features.bands import reflectance
from geocrop_processes.features.series import (
    CENTRES,
    DEKADS,
    SMOOTHING,
    Gaps,
    dekad_medians,
    dekads_of,
    longest_gap,
    smooth,
)

SEEDS = st.integers(0, 2**32 - 1)
FIRST = dt.date(2022, 9, 1)
DAYS = [FIRST + dt.timedelta(days=day) for day in range(273)]
SEEN = st.lists(st.booleans(), min_size=DEKADS, max_size=DEKADS)


def test_a_dekads_centre_is_the_mean_of_its_days() -> None:
    dekads = np.array(dekads_of(DAYS))

    assert tuple(np.flatnonzero(dekads == dekad).mean() for dekad in range(DEKADS)) == CENTRES
    assert (CENTRES[0], CENTRES[5], CENTRES[17], CENTRES[26]) == (4.5, 55.0, 176.5, 267.0)


def test_the_leap_day_falls_in_the_third_dekad_of_february() -> None:
    dates = [dt.date(2024, 2, 20), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]

    assert dekads_of(dates) == [16, 17, 18]


@pytest.mark.parametrize(
    "outside", [dt.date(2022, 8, 31), dt.date(2023, 6, 1), dt.date(2023, 7, 15)]
)
def test_a_date_outside_the_season_is_refused(outside: dt.date) -> None:
    with pytest.raises(ValueError, match=f"{outside} lies outside the season"):
        dekads_of([FIRST, outside])


def test_dates_of_two_seasons_are_refused() -> None:
    with pytest.raises(ValueError, match=r"several seasons, those of \[2022, 2023\]"):
        dekads_of([dt.date(2023, 5, 31), dt.date(2023, 9, 1)])


@given(SEEDS, st.integers(0, 70))
def test_medians_are_those_of_numpy(seed: int, steps: int) -> None:
    random = np.random.default_rng(seed)
    dn = random.integers(1, 20000, (steps, 3, 11), dtype=np.uint16)
    dn[random.random(dn.shape) < 0.05] = 65535
    valid = random.random((steps, 11)) < 0.5
    dekads = random.integers(0, DEKADS, steps)

    medians, seen = dekad_medians(dn, valid, dekads.tolist())

    clear = np.where(valid[:, None], reflectance(dn), np.nan)
    for dekad in range(DEKADS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of pixels without a view
            expected = np.nanmedian(clear[dekads == dekad], axis=0)
        np.testing.assert_array_equal(seen[dekad], valid[dekads == dekad].any(axis=0))
        np.testing.assert_allclose(
            medians[:, dekad, seen[dekad]], expected[:, seen[dekad]], rtol=1e-15
        )
    assert np.isfinite(medians).all()


@given(SEEN.filter(any), SEEDS)
def test_gaps_are_filled_as_numpys_interp_does(seen: list[bool], seed: int) -> None:
    values = np.random.default_rng(seed).random(DEKADS)
    valid = np.flatnonzero(seen)

    filled = Gaps.of(np.array(seen)[:, None]).fill(values[:, None])[:, 0]

    expected = np.interp(np.arange(DEKADS), valid, values[valid])
    np.testing.assert_allclose(filled, expected, rtol=1e-13)
    np.testing.assert_array_equal(filled[valid], values[valid])


def test_a_pixel_without_any_view_is_filled_with_finite_numbers() -> None:
    filled = Gaps.of(np.zeros((DEKADS, 2), dtype=np.bool_)).fill(np.ones((DEKADS, 2)))

    assert np.isfinite(filled).all()


@given(SEEN)
def test_the_longest_gap_lies_between_neighbouring_valid_centres_and_the_seasons_ends(
    seen: list[bool],
) -> None:
    marks = [0.0, *(t for t, valid in zip(CENTRES, seen, strict=True) if valid), 273.0]
    longest = max(after - before for before, after in pairwise(marks))

    found = longest_gap(np.array(seen)[:, None])

    assert found.dtype == np.uint16
    assert found.item() == int(longest + 0.5)


@pytest.mark.parametrize(
    ("valid", "days"),
    [
        ([], 273),
        ([0], 269),  # 273 - 4.5, and half a day counts as a whole one
        ([26], 267),
        (range(27), 11),  # 55 - 44.5
        ([0, 10, 20, 26], 101),  # 105.5 - 4.5
    ],
)
def test_gaps_of_known_length(valid: list[int], days: int) -> None:
    seen = np.zeros((DEKADS, 1), dtype=np.bool_)
    seen[list(valid)] = True

    assert longest_gap(seen).item() == days


@given(SEEDS)
def test_smoothing_is_that_of_scipy(seed: int) -> None:
    series = np.random.default_rng(seed).uniform(-1, 20, (DEKADS, 5))

    expected = savgol_filter(series, window_length=5, polyorder=2, axis=0, mode="interp")

    np.testing.assert_allclose(smooth(series), expected, rtol=1e-12, atol=1e-12)


@given(*[st.floats(-1, 1)] * 3)
def test_smoothing_leaves_a_parabola_as_it_is(a: float, b: float, c: float) -> None:
    step = np.linspace(-1, 1, DEKADS)[:, None]
    parabola = a + b * step + c * step**2

    np.testing.assert_allclose(smooth(parabola), parabola, atol=1e-14)


def test_the_smoothing_table_holds_the_published_weights_and_never_changes() -> None:
    assert (SMOOTHING[13, 11:16] * 35).tolist() == pytest.approx([-3, 12, 17, 12, -3])
    assert (SMOOTHING[0, :5] * 35).tolist() == pytest.approx([31, 9, -3, -5, 3])
    assert (SMOOTHING[25, 22:] * 35).tolist() == pytest.approx([-5, 6, 12, 13, 9])
    assert np.count_nonzero(SMOOTHING) == 5 * DEKADS
    assert not SMOOTHING.flags.writeable
    assert hashlib.sha256(SMOOTHING.tobytes()).hexdigest()[:16] == "9952dc8c23e575ae"
