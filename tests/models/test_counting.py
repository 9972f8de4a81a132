import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.calibration import Isotonic, Temperature
from geocrop_processes.models.counting import (
    EQUALITY,
    Counting,
    count_held_out,
    fit_counting,
)
from geocrop_processes.models.reliability import Probabilities, Reliability, log_loss

NAMES = ("xgboost", "lightgbm", "catboost")
COUNTING = Counting(
    {"xgboost": Temperature(1.7), "catboost": Temperature(0.6)},
    {"xgboost": 0.2, "lightgbm": 0.5, "catboost": 0.3},
    0.9,
)


def rows(n: int, classes: int, seed: int, sharpness: float = 2.0) -> Probabilities:
    margins = np.random.default_rng(seed).normal(size=(n, classes)) * sharpness
    powers = np.exp(margins)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def opinions(n: int = 40, classes: int = 4) -> dict[str, Probabilities]:
    return {name: rows(n, classes, seed) for seed, name in enumerate(NAMES)}


def overconfident(n: int = 4000, seed: int = 5) -> tuple[dict[str, Probabilities], Any]:
    """What members say who know something and are three times as sure of it as they may be."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=(n, 3)) * 1.5
    powers = np.exp(truth)
    chance = powers / powers.sum(axis=1, keepdims=True)
    labels = (chance.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    said = {}
    for name in NAMES:
        margins = np.exp(3 * truth + random.normal(size=(n, 3)))
        said[name] = margins / margins.sum(axis=1, keepdims=True)
    return said, labels


def test_as_ever_the_vote_is_the_mean() -> None:
    said = opinions()
    vote, _ = Counting().count(said)
    assert np.allclose(vote, np.mean(list(said.values()), axis=0), rtol=0, atol=1e-15)


def test_a_vote_is_calibrated_weighed_and_calibrated_once_more() -> None:
    said = opinions(1, 2)
    odds = {name: p[0, 0] / p[0, 1] for name, p in said.items()}
    x, y = odds["xgboost"] ** (1 / 1.7), odds["catboost"] ** (1 / 0.6)
    mean = 0.2 * x / (1 + x) + 0.5 * said["lightgbm"][0, 0] + 0.3 * y / (1 + y)
    last = (mean / (1 - mean)) ** (1 / 0.9)
    assert COUNTING.count(said)[0][0] == pytest.approx([last / (1 + last), 1 / (1 + last)])


def test_weights_count_whatever_their_sum_is() -> None:
    said = opinions()
    by_ten = Counting(COUNTING.calibration, {n: 10 * w for n, w in COUNTING.weights.items()}, 0.9)
    assert np.allclose(by_ten.count(said)[0], COUNTING.count(said)[0], rtol=0, atol=1e-15)
    assert np.allclose(by_ten.count(said)[1], COUNTING.count(said)[1], rtol=0, atol=1e-15)


def test_disagreement_is_the_mean_total_variation_distance_to_the_mean() -> None:
    said = opinions()
    _, gap = Counting(weights={"xgboost": 1, "lightgbm": 2, "catboost": 1}).count(said)
    shares = np.array([0.25, 0.5, 0.25])
    for row, found in enumerate(gap):
        each = np.stack([p[row] for p in said.values()])
        mean = shares @ each
        assert found == pytest.approx(sum(shares * [cityblock(p, mean) / 2 for p in each]))


@given(st.integers(0, 2**32 - 1))
def test_disagreement_is_from_0_to_1_and_0_where_all_say_the_same(seed: int) -> None:
    said = {name: rows(20, 3, seed + number, 9) for number, name in enumerate(NAMES)}
    gap = Counting().count(said)[1]
    assert gap.min() >= 0
    assert gap.max() <= 1
    same = dict.fromkeys(NAMES, said["xgboost"])
    assert np.allclose(Counting().count(same)[1], 0, atol=1e-15)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"weights": {"xgboost": -0.1}}, "from 0 up"),
        ({"weights": {"xgboost": 0.0}}, "not all 0"),
        ({"weights": {"xgboost": float("nan")}}, "from 0 up"),
        ({"temperature": 0.0}, "A temperature is within"),
        ({"calibration": {"xgboost": Temperature(99)}}, "A temperature is within"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnusableModel, match=reason):
        Counting(**values)


def test_votes_of_no_weight_are_not_counted() -> None:
    with pytest.raises(UnusableModel, match="count nothing"):
        Counting(weights={"catboost": 1.0}).count({"xgboost": rows(3, 2, 0)})


def test_a_counting_is_the_same_after_json() -> None:
    assert Counting.from_json(json.loads(json.dumps(COUNTING.to_json()))) == COUNTING


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"calibration": [], "weights": {}, "temperature": 1},
        {"calibration": {}, "weights": {"xgboost": "much"}, "temperature": 1},
        {"calibration": {"xgboost": {"method": "magic"}}, "weights": {}, "temperature": 1},
        {"calibration": {}, "weights": {}, "temperature": None},
        {
            "calibration": {"xgboost": Isotonic(((0.0, 1.0),), ((0.1, 0.9),)).to_json()},
            "weights": {},
            "temperature": 1,
        },
    ],
)
def test_what_is_no_counting_of_an_engine_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UnusableModel):
        Counting.from_json(values)


def test_fitted_votes_are_believed_rightly_and_lose_less() -> None:
    said, labels = overconfident()
    folds = np.arange(len(labels)) % 5
    found = fit_counting(said, labels, folds)
    assert all(1.5 < t.temperature < 6 for t in found.calibration.values())
    held_out = count_held_out(said, labels, folds)
    plain = Counting().count(said)[0]
    assert Reliability.of(plain, labels).expected_error > 0.08
    assert Reliability.of(held_out, labels).expected_error < 0.02
    assert log_loss(held_out, labels) < log_loss(plain, labels) - 0.05


def test_weights_are_moved_halfway_to_equal_ones() -> None:
    said, labels = overconfident()
    said["catboost"] = np.full_like(said["catboost"], 1 / 3)
    weights = fit_counting(said, labels, np.arange(len(labels)) % 5).weights
    assert weights["catboost"] == pytest.approx(EQUALITY / 3, abs=0.02)
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("folds", [2, 5])
def test_a_fold_s_labels_decide_nothing_of_its_own_votes(folds: int) -> None:
    said, labels = overconfident(600)
    fold = np.arange(len(labels)) % folds
    first = count_held_out(said, labels, fold)
    changed = np.where(fold == 1, (labels + 1) % 3, labels)
    second = count_held_out(said, changed, fold)
    assert np.array_equal(first[fold == 1], second[fold == 1])
    assert not np.array_equal(first[fold != 1], second[fold != 1])
