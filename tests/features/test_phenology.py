import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.features.phenology import STEPS, season
from geocrop_processes.features.series import CENTRES, DEKADS

CURVE = st.lists(
    st.floats(-1, 1) | st.sampled_from([0.0, 0.5, 1.0]), min_size=DEKADS, max_size=DEKADS
)


def triangle(start: int, peak: int, end: int, low: float = 0.2, high: float = 0.8) -> list[float]:
    """Level at `low`, then straight up from `start` to `high` at `peak`, and straight down to `end`."""
    return np.interp(range(DEKADS), [start, peak, end], [low, high, low]).tolist()


def metrics(curve: list[float]) -> dict[str, float]:
    return {name: value.item() for name, value in season(np.array(curve)[:, None]).items()}


def test_a_triangle_has_the_metrics_that_one_computes_by_hand() -> None:
    # 0.2 up to dekad 6 (DOS 65.5), +0.1 a dekad to 0.8 at 12 (126.5), -0.15 a dekad to 0.2 at 16 (167.5)
    found = metrics(triangle(6, 12, 16))

    assert found == pytest.approx(
        {
            "base": 0.2,
            "peak": 0.8,
            "amp": 0.6,
            "sos": 75.5 + 0.2 * 10,  # 0.32 between 0.3 and 0.4
            "pos": 126.5 - 10.1 * 0.1,  # (0.7 - 0.65) / 2 over 0.7 - 1.6 + 0.65
            "eos": 157.5 + 0.2 * 10,  # 0.32 between 0.35 and 0.2
            "greenup": 36 / 36.4,  # 0.68 is met at 105.5 + 0.8 * 10.5
            "senesc": 36 / 25.0,  # 0.68 is left at 126.5 + 0.8 * 10
            "integral": 30.8,
        }
    )


def test_each_side_has_its_own_base() -> None:
    found = metrics(np.interp(range(DEKADS), [6, 12, 16], [0.2, 0.8, 0.4]).tolist())

    assert found["base"] == pytest.approx(0.3)
    assert found["sos"] == pytest.approx(77.5)
    assert found["eos"] == pytest.approx(157.5 + 10 * 0.2)  # 0.48 between 0.5 and 0.4
    assert found["senesc"] == pytest.approx(24 / 25)


def test_of_two_rises_the_last_before_the_peak_counts_and_of_two_falls_the_first_after_it() -> None:
    curve = np.maximum(triangle(1, 4, 7, high=0.6), triangle(8, 12, 16))
    curve = np.maximum(curve, triangle(17, 20, 23, high=0.6))

    found = metrics(curve.tolist())

    assert CENTRES[8] < found["sos"] < CENTRES[9]
    assert CENTRES[15] < found["eos"] < CENTRES[16]


def test_of_equal_peaks_the_first_counts() -> None:
    found = metrics(np.maximum(triangle(2, 6, 10), triangle(12, 16, 20)).tolist())

    assert found["pos"] == pytest.approx(CENTRES[6])


@pytest.mark.parametrize("level", [-0.3, 0.0, 0.85])
def test_a_flat_series_has_no_season(level: float) -> None:
    ripple = np.where(np.arange(DEKADS) % 2, level + 0.09, level).tolist()

    found = metrics(ripple)

    assert found["amp"] == pytest.approx(0.09)
    assert [found[name] for name in ("sos", "pos", "eos", "greenup", "senesc")] == [
        0,
        136,
        272,
        0,
        0,
    ]
    assert found["integral"] > 0


def test_a_peak_in_the_first_dekad_starts_there_and_does_not_rise() -> None:
    found = metrics(triangle(-5, 0, 10))

    assert (found["sos"], found["pos"], found["greenup"]) == (4.5, 4.5, 0)
    assert found["eos"] < CENTRES[10]


def test_a_peak_in_the_last_dekad_ends_there_and_does_not_fall() -> None:
    found = metrics(triangle(16, 26, 40))

    assert (found["eos"], found["pos"], found["senesc"]) == (267, 267, 0)
    assert found["sos"] > CENTRES[16]


def test_a_plateau_to_the_end_is_left_nowhere() -> None:
    found = metrics([0.2] * 15 + [0.8] * 12)

    assert found["eos"] == 267
    assert found["pos"] == pytest.approx(CENTRES[15] + 10.1 * 0.5)


def test_a_peak_without_a_bend_stays_at_its_dekad() -> None:
    # the step to the peak is lost in rounding: v[k-1] - 2 v[k] + v[k+1] is exactly 0
    below = np.nextafter(1.0, 0.0).item()

    found = metrics([0.0] * 10 + [below, 1.0, 1.0] + [0.0] * 14)

    assert found["pos"] == CENTRES[11]


def test_the_steepest_rise_takes_six_tenths_of_a_dekad() -> None:
    found = metrics([0.1] * 13 + [0.9] + [0.1] * 13)

    assert found["greenup"] == pytest.approx(60 * 0.8 / (0.6 * 10))
    assert found["senesc"] == pytest.approx(60 * 0.8 / (0.6 * 10.5))


@given(st.integers(1, 8), st.integers(3, 8), st.integers(3, 8), st.integers(1, 2))
def test_a_later_season_is_later_and_no_steeper(
    start: int, rise: int, fall: int, shift: int
) -> None:
    early = metrics(triangle(start, start + rise, start + rise + fall))
    start += shift
    late = metrics(triangle(start, start + rise, start + rise + fall))

    for name in ("sos", "pos", "eos"):
        assert late[name] - early[name] == pytest.approx(10 * shift, abs=3)
    for name in ("base", "peak", "amp"):
        assert late[name] == pytest.approx(early[name])
    assert late["greenup"] == pytest.approx(early["greenup"], rel=0.15)


@given(CURVE)
def test_any_series_has_ordered_and_bounded_metrics(curve: list[float]) -> None:
    found = metrics(curve)

    assert all(np.isfinite(list(found.values())))
    assert found["peak"] == max(curve)
    assert found["base"] <= found["peak"]
    assert 0 <= found["integral"] <= 2.0 * sum(STEPS)
    assert 0 <= found["greenup"] <= 24
    assert 0 <= found["senesc"] <= 24
    if found["amp"] >= 0.1:
        assert 4.5 <= found["sos"] <= found["pos"] + 5.05
        assert found["pos"] - 5.05 <= found["eos"] <= 267


@given(CURVE)
def test_metrics_are_those_of_a_plain_walk(curve: list[float]) -> None:
    k = int(np.argmax(curve))
    left, right = min(curve[: k + 1]), min(curve[k:])
    base, amplitude = (left + right) / 2, max(curve) - (left + right) / 2
    integral = float(np.sum(np.maximum(np.array(curve) - base, 0) * np.gradient(CENTRES)))
    sos = walk(curve, range(k, 0, -1), left + 0.2 * (max(curve) - left))
    eos = walk(curve, range(k, 26), right + 0.2 * (max(curve) - right))

    found = metrics(curve)

    assert (found["base"], found["amp"]) == pytest.approx((base, amplitude))
    assert found["integral"] == pytest.approx(integral)
    if amplitude >= 0.1:
        assert (found["sos"], found["eos"]) == pytest.approx((sos, eos))


def test_a_rise_too_small_to_divide_by_disturbs_nothing() -> None:
    tiny = np.finfo(np.float64).tiny
    curve = [0.0] * 25 + [float(tiny), 1.0]
    assert metrics(curve) == pytest.approx(metrics([0.0] * 26 + [1.0]))


def walk(curve: list[float], steps: range, level: float) -> float:
    """DOS at which one who walks away from the peak first steps below `level`, or the end of the walk."""
    for i in steps:
        j = i + steps.step
        if curve[i] >= level > curve[j]:
            share = (curve[i] - level) / (curve[i] - curve[j])
            return CENTRES[i] + share * (CENTRES[j] - CENTRES[i])
    return CENTRES[0] if steps.step < 0 else CENTRES[26]
