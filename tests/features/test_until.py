"""Features within a season: what its first dekads tell."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from geocrop_processes.features.bands import BANDS
from geocrop_processes.features.compute import Features, compute, compute_block
from geocrop_processes.features.indices import INDICES, Bands
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.phenology import STEPS, days_of, season
from geocrop_processes.features.plain import compute_plain
from geocrop_processes.features.series import CENTRES, ENDS, Gaps, dekads_of, longest_gap, smooth
from geocrop_processes.features.until import NEEDED, known

type Cube = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], list[dt.date]]
type Random = Callable[[int, int, int], Cube]

SEEDS = st.integers(0, 2**32 - 1)
UNTIL = st.integers(6, 27)
FIRST = dt.date(2022, 9, 1)
MIDDLES = [FIRST + dt.timedelta(days=int(t)) for t in CENTRES]


def same(one: Features, other: Features) -> None:
    for name in ("values", "n_valid", "max_gap_days"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes(), name


@pytest.mark.parametrize("until", range(6, 28))
def test_after_any_number_of_dekads_the_features_are_those_of_the_plain_way_to_the_last_bit(
    random_cube: Random, until: int
) -> None:
    dn, scl, dates = random_cube(until, 90, 300)
    scl[:, ::3] = 4  # early in the season, six valid dekads are rare

    found = compute(dn, scl, dates, until)

    same(found, compute_plain(dn, scl, dates, until))
    assert np.isfinite(found.values[known(until)]).any()
    assert np.isnan(found.values[~known(until)]).all()


@given(SEEDS, st.integers(0, 80), UNTIL)
@settings(max_examples=30)
def test_what_is_seen_after_the_cut_changes_no_bit(
    random_cube: Random, seed: int, steps: int, until: int
) -> None:
    dn, scl, dates = random_cube(seed, steps, 40)
    other = random_cube(seed + 1, steps, 40)
    late = np.array(dekads_of(dates), int) >= until
    changed = np.where(late[:, None, None], other[0], dn)
    shown = np.where(late[:, None], other[1], scl)

    cut = compute(dn, scl, dates, until)

    same(compute(changed, shown, dates, until), cut)
    kept = [date for date, later in zip(dates, late, strict=True) if not later]
    same(compute(dn[~late], scl[~late], kept, until), cut)
    same(compute_plain(changed, shown, dates, until), cut)


@given(SEEDS, UNTIL)
@settings(max_examples=20)
def test_a_block_is_cut_as_its_pixels_are(random_cube: Random, seed: int, until: int) -> None:
    dn, scl, dates = random_cube(seed, 50, 60)
    cube = np.concatenate([dn, scl[:, None]], axis=1, dtype=np.uint16).reshape(50, 11, 6, 10)
    inside = np.random.default_rng(seed).random((6, 10)) < 0.7

    found = compute_block(cube, inside, dates, until=until)

    chosen = inside.reshape(-1)
    same(found, compute_plain(dn[..., chosen], scl[:, chosen], dates, until))


@given(SEEDS)
@settings(max_examples=10)
def test_all_27_dekads_are_the_whole_season(random_cube: Random, seed: int) -> None:
    cube = random_cube(seed, 60, 40)

    same(compute(*cube, 27), compute(*cube))


@given(SEEDS, UNTIL)
@settings(max_examples=30)
def test_how_well_a_pixel_was_seen_is_told_of_the_dekads_that_count(
    random_cube: Random, seed: int, until: int
) -> None:
    dn, scl, dates = random_cube(seed, 60, 40)

    found, whole = compute(dn, scl, dates, until), compute(dn, scl, dates)

    assert (found.n_valid <= np.minimum(whole.n_valid, until)).all()
    assert (found.max_gap_days <= ENDS[until - 1]).all()
    assert (found.max_gap_days[found.n_valid == 0] == ENDS[until - 1]).all()
    finite = np.isfinite(found.values[known(until)])
    np.testing.assert_array_equal(finite, np.broadcast_to(found.n_valid >= 6, finite.shape))


@pytest.mark.parametrize("until", [6, 9, 11, 15, 16, 21, 24, 26])
def test_the_features_are_those_of_numpy_and_scipy_on_the_cut_series(
    random_cube: Random, until: int
) -> None:
    dn, _, _ = random_cube(until, 27, 12)
    dn = np.clip(dn, 1, 16000)

    found = compute(dn, np.full((27, 12), 4, np.uint8), MIDDLES, until)

    for pixel in range(12):
        expected = oracle(dn[:until, :, pixel])
        told = [
            name for name, is_known in zip(FEATURE_ORDER_V1, known(until), strict=True) if is_known
        ]
        np.testing.assert_allclose(
            found.values[known(until), pixel],
            [expected[name] for name in told],
            rtol=1e-5,
            atol=1e-6,
        )


def oracle(dn: npt.NDArray[np.uint16]) -> dict[str, float]:
    """The features of one pixel that was seen once in each dekad that counts (dekads, 10)."""
    until = len(dn)
    bands: Bands = {
        band: dn[:, number].astype(np.float64) * 1e-4 for number, band in enumerate(BANDS)
    }
    series = {
        name: savgol_filter(index.of(bands), 5, 2, mode="interp") for name, index in INDICES.items()
    }
    months = ("sep", "oct", "nov", "dec", "jan", "feb", "mar", "apr", "may")
    found: dict[str, float] = {
        f"{name}_{month}": np.median(series[name][3 * i : 3 * i + 3])
        for name in ("ndvi", "ndre", "lswi")
        for i, month in enumerate(months)
        if 3 * i + 3 <= until
    }
    ndvi, at = series["ndvi"], int(series["ndvi"].argmax())
    base = (ndvi[: at + 1].min() + ndvi[at:].min()) / 2
    found |= {f"ndvi_{k}": v.item() for k, v in season(ndvi[:, None]).items()}
    found |= {"ndvi_base": base, "ndvi_peak": ndvi.max(), "ndvi_amp": ndvi.max() - base}
    above = np.maximum(ndvi - base, 0)
    found["ndvi_integral"] = (above * np.gradient(CENTRES[:until])).sum()
    for name in ("evi", "gcvi", "psri", "bsi", "mndwi"):
        found[f"{name}_p90"] = np.percentile(series[name], 90)
    found["ndti_p50"] = np.median(series["ndti"])
    for window, first in {"w1": 0, "w3": 12, "w4": 18}.items():
        for band in ("B04", "B08", "B11"):
            if first + 6 <= until:
                found[f"{band.lower()}_{window}"] = np.median(bands[band][first : first + 6])
    return found


@given(SEEDS, UNTIL)
@settings(max_examples=30)
def test_a_cut_season_starts_and_peaks_before_the_cut(seed: int, until: int) -> None:
    v = np.random.default_rng(seed).uniform(-0.2, 0.9, (until, 30))

    found = season(v)

    curved = found["amp"] >= 0.1
    assert (found["sos"][curved] <= found["pos"][curved] + 10.1).all()
    assert (found["pos"][curved] <= CENTRES[until - 1]).all()
    assert (found["peak"] == v.max(axis=0)).all()


@given(SEEDS, UNTIL)
@settings(max_examples=20)
def test_a_cut_series_is_filled_and_smoothed_within_itself(seed: int, until: int) -> None:
    random = np.random.default_rng(seed)
    values, seen = random.random(until), random.random(until) < 0.5
    seen[random.integers(until)] = True
    valid = np.flatnonzero(seen)

    filled = Gaps.of(seen[:, None]).fill(values[:, None])

    expected = np.interp(np.arange(until), valid, values[valid])
    np.testing.assert_allclose(filled[:, 0], expected, rtol=1e-13)
    smoothed = savgol_filter(filled[:, 0], 5, 2, mode="interp")
    np.testing.assert_allclose(smooth(filled)[:, 0], smoothed, rtol=1e-9, atol=1e-12)
    marks = [0.0, *(CENTRES[dekad] for dekad in valid), ENDS[until - 1]]
    assert longest_gap(seen[:, None]).item() == int(np.ceil(np.diff(marks).max()))


def test_the_days_of_a_cut_series_are_the_gradient_of_its_centres() -> None:
    assert days_of(27) == STEPS
    for until in range(6, 28):
        np.testing.assert_array_equal(days_of(until), np.gradient(CENTRES[:until]))


def test_months_and_windows_are_told_once_they_are_over_and_the_fall_at_the_end() -> None:
    needed = dict(zip(FEATURE_ORDER_V1, NEEDED, strict=True))

    assert [needed[f"ndre_{month}"] for month in ("sep", "oct", "jan", "may")] == [3, 6, 15, 27]
    assert [needed[name] for name in ("b04_w1", "b08_w3", "b11_w4")] == [6, 18, 24]
    assert {name for name in FEATURE_ORDER_V1 if needed[name] == 27 and "_may" not in name} == {
        "ndvi_eos",
        "ndvi_senesc",
        "ndvi_h1_amp",
        "ndvi_h2_amp",
        "ndvi_h_rmse",
    }
    counts = [int(known(until).sum()) for until in (9, 12, 15, 18, 21, 24, 27)]
    assert counts == [24, 27, 30, 35, 38, 43, 51]


@pytest.mark.parametrize("until", [-1, 0, 5, 28])
def test_a_number_of_dekads_that_tells_nothing_is_refused(random_cube: Random, until: int) -> None:
    cube = random_cube(0, 5, 3)

    for way in (compute, compute_plain):
        with pytest.raises(ValueError, match=f"first 6 to 27 dekads.*not the first {until}"):
            way(*cube, until)
