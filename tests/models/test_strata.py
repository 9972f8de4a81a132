"""Estimates by strata that are not the map's classes, against the paper and against the other estimators."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.areas import AreaEstimates, Estimate
from geocrop_processes.models.strata import estimate_by_strata

A, B, C, D = 1, 2, 3, 4
_LETTERS = {"A": A, "B": B, "C": C, "D": D}


def letters(*strata: str) -> np.ndarray:
    return np.array([_LETTERS[c] for c in "".join(strata)], np.int64)


def test_the_worked_example_of_the_paper_comes_out_to_its_digits() -> None:
    """Stehman 2014, tables 2 and 3, pp. 4932 to 4936, whose strata are not the map's classes."""
    mapped = letters("A" * 7 + "B" * 3, "A" + "B" * 9, "BB" + "C" * 6 + "BB", "D" * 10)
    reference = letters("AAAAACBABC", "ABBBBBAABB", "CCCCCDDBBA", "DDDDDDDCCB")
    strata = np.repeat([1, 2, 3, 4], 10)
    sizes = {1: 40_000.0, 2: 30_000.0, 3: 20_000.0, 4: 10_000.0}
    found = estimate_by_strata((A, B, C, D), mapped, reference, strata, sizes)

    def printed(estimate: Estimate) -> tuple[float, float]:
        return round(estimate.value, 3), round(estimate.error, 3)

    assert printed(found.overall) == (0.63, 0.085)
    assert printed(found.users[B]) == (0.574, 0.125)
    assert round(found.producers[B].value, 3) == 0.794
    assert round(found.areas[A].value) == 35_000
    assert round(found.areas[A].error / 100_000, 3) == 0.082
    assert found.proportions.sum() == pytest.approx(1)
    assert found.single == ()


@given(st.integers(0, 1000))
def test_with_the_maps_classes_as_strata_both_estimators_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    strata = np.repeat([1, 2, 3], [20, 30, 25])
    reference = np.where(random.random(75) < 0.7, strata, random.integers(1, 4, 75))
    sizes = dict(zip((1, 2, 3), random.uniform(1, 100, 3).tolist(), strict=True))
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (strata - 1, reference - 1), 1)
    one = AreaEstimates.of((1, 2, 3), counts, list(sizes.values()))
    other = estimate_by_strata((1, 2, 3), strata, reference, strata, sizes)
    pairs = [(one.overall, other.overall)]
    for mine, theirs in (
        (one.users, other.users),
        (one.producers, other.producers),
        (one.areas, other.areas),
    ):
        pairs += [(mine[c], theirs[c]) for c in (1, 2, 3)]
    for mine_, theirs_ in pairs:
        assert math.isclose(mine_.value, theirs_.value, rel_tol=1e-9)
        assert math.isclose(mine_.error, theirs_.error, rel_tol=1e-9, abs_tol=1e-12)
    assert np.allclose(one.proportions, other.proportions)


def test_intervals_cover_the_truth_of_a_map_that_was_masked_after_its_sample_was_drawn() -> None:
    """A known map of 60,000 pixels, drawn from again and again: 95 % of the intervals hold the true figure."""
    random = np.random.default_rng(5)
    truth = random.choice([1, 2, 3], 60_000, p=[0.5, 0.3, 0.2])
    strata = np.where(random.random(60_000) < 0.6, truth, random.integers(1, 4, 60_000))
    # a mask then takes class 1 off wherever a coin falls so, more often where it is wrong
    masked = np.where(
        (strata == 1) & (random.random(60_000) < np.where(truth == 1, 0.1, 0.3)), 4, strata
    )
    sizes = {h: float((strata == h).sum()) for h in (1, 2, 3)}
    pools = {h: np.flatnonzero(strata == h) for h in sizes}
    figures = {"overall": (masked == truth).mean(), "area": (truth == 1).sum()}
    figures["users"] = (truth[masked == 1] == 1).mean()
    figures["producers"] = (masked[truth == 1] == 1).mean()
    covered = dict.fromkeys(figures, 0)
    for _ in range(400):
        points = np.concatenate(
            [random.choice(pool, 100, replace=False) for pool in pools.values()]
        )
        found = estimate_by_strata(
            (1, 2, 3, 4), masked[points], truth[points], strata[points], sizes
        )
        estimates = {
            "overall": found.overall,
            "area": found.areas[1],
            "users": found.users[1],
            "producers": found.producers[1],
        }
        for name, estimate in estimates.items():
            low, high = estimate.interval
            covered[name] += low <= figures[name] <= high
    # of 400 draws, 95 % is 380 with a standard deviation of 4.4
    assert all(365 <= n <= 395 for n in covered.values()), covered


def test_a_stratum_of_one_point_has_no_variance_to_tell() -> None:
    found = estimate_by_strata(
        (1, 2), np.array([1, 1, 2]), np.array([1, 1, 2]), np.array([1, 1, 2]), {1: 5.0, 2: 1.0}
    )
    assert found.single == (2,)
    assert found.overall.value == 1
    assert math.isnan(found.users[1].value) is False


@pytest.mark.parametrize(
    ("mapped", "strata", "sizes", "sentence"),
    [
        ([1, 2], [1, 2], {1: 1.0, 2: 1.0, 3: 1.0}, r"in the strata \[3\]"),
        ([1, 2], [1, 2], {1: 1.0, 2: 0.0}, r"strata \[2\] is not above 0"),
        ([1, 2], [1, 5], {1: 1.0}, r"strata \[5\] is not above 0, or unknown"),
        ([1, 9], [1, 2], {1: 1.0, 2: 1.0}, r"classes \[9\] are none of \[1, 2\]"),
        ([1], [1, 2], {1: 1.0, 2: 1.0}, "Each point has"),
    ],
)
def test_samples_that_do_not_fit_their_strata_are_refused(
    mapped: list[int], strata: list[int], sizes: dict[int, float], sentence: str
) -> None:
    with pytest.raises(InvalidSample, match=sentence):
        estimate_by_strata((1, 2), np.array(mapped), np.array([1, 2]), np.array(strata), sizes)
