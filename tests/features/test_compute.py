import datetime as dt
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from geocrop_processes.features import compute as module
from geocrop_processes.features.bands import BANDS, is_clear, reflectance
from geocrop_processes.features.compute import Features, compute
from geocrop_processes.features.harmonics import harmonics
from geocrop_processes.features.indices import INDICES
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.phenology import season
from geocrop_processes.features.series import CENTRES, dekads_of

type Cube = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], list[dt.date]]
type Random = Callable[[int, int, int], Cube]

SEEDS = st.integers(0, 2**32 - 1)
MONTHS = ("sep", "oct", "nov", "dec", "jan", "feb", "mar", "apr", "may")
FIRST = dt.date(2022, 9, 1)
# fmt: off
GOLDEN = [
    0.1662269, 0.1662269, 0.1662269, 0.271226, 0.5643005, 0.7697797, 0.8503214, 0.6940624, 0.361636,
    0.09756097, 0.09756097, 0.09756097, 0.1853629, 0.4289717, 0.5988485, 0.6649701, 0.5364775, 0.2608463,
    -0.2063492, -0.2063492, -0.2063492, -0.1203135, 0.1411083, 0.3491076, 0.4365114, 0.2693002, -0.04401319,
    0.2076106, 0.8662289, 0.6586183, 107.9843, 186.9293, 254.6901, 0.8110778, 0.9749447, 67.48923,
    0.348992, 0.1567269, 0.01544567,
    0.7133738, 6.067972, 0.3880597, 0.2484394, 0.1305372, -0.499194,
    0.158, 0.342, 0.39275, 0.23685, 0.0565625, 0.20805,
]
# fmt: on
"""Of `field`, in the order of the features."""
MIDDLES = [FIRST + dt.timedelta(days=int(t)) for t in CENTRES]


def same(one: Features, other: Features) -> None:
    for name in ("values", "n_valid", "max_gap_days"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes(), name


def steady(steps: int, **dn: int) -> npt.NDArray[np.uint16]:
    """One pixel that looks the same on every date."""
    pixel = np.array([dn.get(band, 1500) for band in BANDS], dtype=np.uint16)
    return np.tile(pixel, (steps, 1))


def clear(steps: int) -> npt.NDArray[np.uint8]:
    return np.full(steps, 4, dtype=np.uint8)


def named(features: Features) -> dict[str, float]:
    return dict(zip(FEATURE_ORDER_V1, features.values.tolist(), strict=True))


@pytest.mark.parametrize("size", [1, 7, 64, 257, 1000])
def test_a_pixel_is_the_same_in_whatever_chunk_it_is_computed(
    random_cube: Random, size: int
) -> None:
    dn, scl, dates = random_cube(size, 60, min(1100, 300 * size))

    chunks = [
        compute(dn[..., start : start + size], scl[:, start : start + size], dates)
        for start in range(0, scl.shape[1], size)
    ]

    together = Features(
        np.concatenate([chunk.values for chunk in chunks], axis=1),
        np.concatenate([chunk.n_valid for chunk in chunks]),
        np.concatenate([chunk.max_gap_days for chunk in chunks]),
    )
    same(compute(dn, scl, dates), together)


@pytest.mark.parametrize("size", [1, 13, 100, 16384])
def test_the_slabs_change_nothing(
    random_cube: Random, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    dn, scl, dates = random_cube(0, 40, 250)
    whole = compute(dn, scl, dates)

    monkeypatch.setattr(module, "SLAB_PIXELS", size)

    same(compute(dn, scl, dates), whole)


@given(seed=SEEDS, steps=st.integers(0, 80))
def test_the_order_of_the_observations_changes_nothing(
    random_cube: Random, seed: int, steps: int
) -> None:
    dn, scl, dates = random_cube(seed, steps, 40)
    order = np.random.default_rng(seed).permutation(steps)

    shuffled = compute(dn[order], scl[order], [dates[step] for step in order])

    same(shuffled, compute(dn, scl, dates))


@given(seed=SEEDS)
def test_what_lies_under_clouds_changes_nothing(random_cube: Random, seed: int) -> None:
    dn, scl, dates = random_cube(seed, 60, 40)
    other = random_cube(seed + 1, 60, 40)[0]

    same(compute(np.where(is_clear(scl)[:, None], dn, other), scl, dates), compute(dn, scl, dates))


@given(seed=SEEDS)
def test_twice_the_light_doubles_bands_and_leaves_normalised_differences(
    random_cube: Random, seed: int
) -> None:
    dn, scl, dates = random_cube(seed, 60, 40)
    dn = np.minimum(dn, 7000)

    dim, bright = compute(dn, scl, dates), compute(2 * dn, scl, dates)

    for row, name in enumerate(FEATURE_ORDER_V1):
        if name.startswith(("b04", "b08", "b11")):
            np.testing.assert_array_equal(bright.values[row], 2 * dim.values[row])
        elif not name.startswith(("evi", "gcvi", "psri")):
            np.testing.assert_array_equal(bright.values[row], dim.values[row])


@given(seed=SEEDS, steps=st.integers(0, 60))
def test_features_are_finite_where_six_dekads_are_valid_and_nan_elsewhere(
    random_cube: Random, seed: int, steps: int
) -> None:
    dn, scl, dates = random_cube(seed, steps, 40)

    found = compute(dn, scl, dates)

    valid = is_clear(scl) & (dn > 0).all(axis=1)
    dekads = np.array(dekads_of(dates))
    expected = sum((valid[dekads == dekad].any(axis=0) for dekad in range(27)), np.zeros(40, int))
    np.testing.assert_array_equal(found.n_valid, expected)
    np.testing.assert_array_equal(
        np.isfinite(found.values), np.broadcast_to(expected >= 6, (51, 40))
    )
    assert np.isnan(found.values[:, expected < 6]).all()
    assert not np.signbit(found.values[found.values == 0]).any()
    assert (found.max_gap_days[expected == 0] == 273).all()


@pytest.mark.parametrize("seed", range(5))
def test_features_are_those_of_numpy_and_scipy_pixel_by_pixel(
    random_cube: Random, seed: int
) -> None:
    dn, scl, dates = random_cube(seed, 70, 60)

    found = compute(dn, scl, dates)

    for pixel in np.flatnonzero(found.n_valid >= 6):
        expected = oracle(dn[..., pixel], scl[:, pixel], dates)
        np.testing.assert_allclose(
            found.values[:, pixel],
            [expected[name] for name in FEATURE_ORDER_V1],
            rtol=1e-5,
            atol=1e-6,
        )


def oracle(
    dn: npt.NDArray[np.uint16], scl: npt.NDArray[np.uint8], dates: list[dt.date]
) -> dict[str, float]:
    """The features of one pixel by the libraries' own functions."""
    values = np.where((is_clear(scl) & (dn > 0).all(axis=1))[:, None], reflectance(dn), np.nan)
    dekads = np.array(dekads_of(dates))
    filled = {}
    for number, band in enumerate(BANDS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of dekads without a view
            medians = [np.nanmedian(values[dekads == dekad, number]) for dekad in range(27)]
        seen = np.flatnonzero(np.isfinite(medians))
        filled[band] = np.interp(np.arange(27), seen, np.array(medians)[seen])
    series = {
        name: savgol_filter(index.of(filled), 5, 2, mode="interp")
        for name, index in INDICES.items()
    }
    found: dict[str, float] = {
        f"{name}_{month}": np.median(series[name][3 * i : 3 * i + 3])
        for name in ("ndvi", "ndre", "lswi")
        for i, month in enumerate(MONTHS)
    }
    ndvi = series["ndvi"][:, None]
    found |= {
        f"ndvi_{key}": value.item() for key, value in (season(ndvi) | harmonics(ndvi)).items()
    }
    for name in ("evi", "gcvi", "psri", "bsi", "mndwi"):
        found[f"{name}_p90"] = np.percentile(series[name], 90)
    found["ndti_p50"] = np.percentile(series["ndti"], 50)
    for window, first in {"w1": 0, "w3": 12, "w4": 18}.items():
        for band in ("B04", "B08", "B11"):
            found[f"{band.lower()}_{window}"] = np.median(filled[band][first : first + 6])
    return found


def field() -> Cube:
    """A field that greens from December, peaks in early March and is dry by May, seen every eight days."""
    days = np.arange(3, 273, 8)
    green = np.interp(days, [95, 185, 225, 260], [0.0, 1.0, 0.7, 0.1])[:, None]
    soil = np.array([800, 1130, 1580, 1850, 2010, 2180, 2210, 2250, 3420, 2790])
    plants = np.array([330, 580, 300, 880, 3540, 4670, 4970, 4880, 1730, 810])
    dn = np.rint(soil * (1 - green) + plants * green).astype(np.uint16)
    scl = np.where(np.arange(len(days)) % 5 == 2, 9, 4).astype(np.uint8)
    return dn, scl, [FIRST + dt.timedelta(days=int(day)) for day in days]


def test_a_field_has_the_values_that_models_were_trained_with() -> None:
    found = compute(*field())

    assert (found.n_valid.item(), found.max_gap_days.item()) == (23, 21)
    np.testing.assert_allclose(found.values, GOLDEN, rtol=2e-6)


def test_a_pixel_that_never_changes_has_its_own_values_in_every_month() -> None:
    found = named(compute(steady(27, B04=500, B08=3500), clear(27), MIDDLES))

    assert {found[f"ndvi_{month}"] for month in MONTHS} == {np.float32(0.75)}
    assert found["ndvi_peak"] == pytest.approx(0.75)
    assert found["ndvi_h1_amp"] == pytest.approx(0, abs=1e-7)
    assert found["ndvi_h_rmse"] == pytest.approx(0, abs=1e-7)
    assert [found[f"ndvi_{name}"] for name in ("sos", "pos", "eos")] == [0, 136, 272]
    assert found["evi_p90"] == pytest.approx(2.5 * 0.3 / (0.35 + 0.3 - 7.5 * 0.15 + 1))
    assert found["b08_w3"] == np.float32(0.35)
    assert found["b11_w4"] == np.float32(0.15)


@pytest.mark.parametrize("extreme", [1, 65535])
def test_the_darkest_and_the_brightest_pixels_have_features(extreme: int) -> None:
    dn = np.full((27, 10), extreme, dtype=np.uint16)
    dn[::2, 3:7] = 65536 - extreme

    found = compute(dn, clear(27), MIDDLES)

    assert np.isfinite(found.values).all()


@pytest.mark.parametrize(("dekads", "gap", "has_features"), [(5, 229, False), (6, 218, True)])
def test_six_valid_dekads_are_enough_and_five_are_not(
    dekads: int, gap: int, has_features: bool
) -> None:
    found = compute(steady(dekads), clear(dekads), MIDDLES[:dekads])

    assert np.isfinite(found.values).all() == has_features
    assert (found.n_valid.item(), found.max_gap_days.item()) == (dekads, gap)


def test_a_cloudy_pixel_has_no_features() -> None:
    found = compute(steady(27), np.full(27, 9, dtype=np.uint8), MIDDLES)

    assert np.isnan(found.values).all()
    assert (found.n_valid.item(), found.max_gap_days.item()) == (0, 273)


def test_an_observation_that_lacks_one_band_does_not_count() -> None:
    dn = steady(27)
    dn[3, 9] = 0

    assert compute(dn, clear(27), MIDDLES).n_valid == 26


def test_without_observations_there_are_no_features() -> None:
    found = compute(np.zeros((0, 10, 2, 3), np.uint16), np.zeros((0, 2, 3), np.uint8), [])

    assert found.values.shape == (51, 2, 3)
    assert np.isnan(found.values).all()
    assert (found.max_gap_days == 273).all()


def test_pixels_may_have_any_dimensions(random_cube: Random) -> None:
    dn, scl, dates = random_cube(1, 50, 60)
    flat = compute(dn, scl, dates)

    block = compute(dn.reshape(50, 10, 6, 10), scl.reshape(50, 6, 10), dates)
    one = compute(dn[..., 9], scl[:, 9], dates)

    assert block.values.shape == (51, 6, 10)
    np.testing.assert_array_equal(block.values.reshape(51, 60), flat.values)
    np.testing.assert_array_equal(one.values, flat.values[:, 9])
    assert one.n_valid.shape == ()


def test_strided_cubes_give_the_same(random_cube: Random) -> None:
    dn, scl, dates = random_cube(2, 50, 60)

    strided = compute(np.asfortranarray(dn)[..., ::2], np.asfortranarray(scl)[:, ::2], dates)

    np.testing.assert_array_equal(strided.values, compute(dn, scl, dates).values[:, ::2])


def test_the_arguments_are_not_changed(random_cube: Random) -> None:
    dn, scl, dates = random_cube(3, 30, 20)
    dn.flags.writeable = scl.flags.writeable = False

    assert compute(dn, scl, dates).values.shape == (51, 20)


@pytest.mark.parametrize(
    ("dn", "scl"),
    [
        (np.ones((2, 9, 4), np.uint16), np.ones((2, 4), np.uint8)),
        (np.ones((3, 10, 4), np.uint16), np.ones((3, 4), np.uint8)),
        (np.ones((2, 10, 4), np.uint16), np.ones((2, 5), np.uint8)),
        (np.ones((2, 10), np.uint16), np.ones((3,), np.uint8)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    dn: npt.NDArray[np.uint16], scl: npt.NDArray[np.uint8]
) -> None:
    with pytest.raises(ValueError, match="do not fit 2 dates"):
        compute(dn, scl, [FIRST, FIRST])


def test_reflectance_in_place_of_digital_numbers_is_refused() -> None:
    dn = np.ones((1, 10, 4), np.float32)

    with pytest.raises(ValueError, match="dn is float32 and scl uint8"):
        compute(dn, np.ones((1, 4), np.uint8), [FIRST])  # type: ignore[arg-type]


def test_a_date_outside_the_season_is_refused() -> None:
    with pytest.raises(ValueError, match="2023-06-01 lies outside the season"):
        compute(steady(1), clear(1), [dt.date(2023, 6, 1)])
