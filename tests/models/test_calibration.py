import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from geocrop_processes.errors import InvalidSample, UnusableModel
from geocrop_processes.models.calibration import (
    METHODS,
    Calibrator,
    Isotonic,
    Temperature,
    choose,
    fit_isotonic,
    fit_temperature,
    from_json,
    held_out,
)
from geocrop_processes.models.reliability import Reliability, log_loss

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

seeds = st.integers(0, 10_000)


def simulated(
    seed: int, temperature: float = 1, n: int = 300, classes: int = 4
) -> tuple[Floats, Labels]:
    """What a member says that is `temperature` times too sure, and the truth."""
    random = np.random.default_rng(seed)
    margins = 1.5 * random.normal(size=(n, classes))
    truth = softmax(margins, axis=1)
    labels = (truth.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return softmax(margins * temperature, axis=1), labels


class Said(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """For scikit-learn: a classifier whose features are its probabilities."""

    def __init__(self, classes: int = 4) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, *_: Any) -> "Said":
        return self

    def predict_proba(self, p: Floats) -> Floats:
        return p

    def predict(self, p: Floats) -> Labels:
        return p.argmax(axis=1)


def scikit_learns(method: str, p: Floats, labels: Labels) -> Any:
    frozen = FrozenEstimator(Said(p.shape[1]))
    return CalibratedClassifierCV(frozen, method=method, ensemble=False).fit(p, labels)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 4.0])
def test_a_known_temperature_is_found(factor: float) -> None:
    p, labels = simulated(1, factor, n=20_000)
    assert math.isclose(fit_temperature(p, labels).temperature, factor, rel_tol=0.04)


@given(seeds, st.floats(0.3, 4))
def test_no_other_temperature_has_a_lower_loss(seed: int, factor: float) -> None:
    p, labels = simulated(seed, factor)
    best = fit_temperature(p, labels)
    for other in (0.2, 0.7, 0.95, 1.05, 1.5, 5):
        changed = Temperature(best.temperature * other)
        assert log_loss(best.apply(p), labels) <= log_loss(changed.apply(p), labels) + 1e-9


@given(seeds, st.floats(0.1, 10))
def test_temperature_divides_margins_and_keeps_the_order_of_the_classes(
    seed: int, temperature: float
) -> None:
    margins = np.random.default_rng(seed).normal(size=(50, 5))
    p = softmax(margins, axis=1)
    found = Temperature(temperature).apply(p)
    assert np.allclose(found, softmax(margins / temperature, axis=1))
    assert np.array_equal(found.argsort(axis=1), p.argsort(axis=1))


def test_the_temperature_is_that_of_scikit_learn() -> None:
    p, labels = simulated(2, 3.0, n=2000)
    ours = fit_temperature(p, labels).apply(p)
    assert np.allclose(ours, scikit_learns("temperature", p, labels).predict_proba(p), atol=1e-3)


def test_isotonic_curves_are_those_of_scikit_learn() -> None:
    p, labels = simulated(3, 3.0, n=1000)
    ours = fit_isotonic(p, labels)
    theirs = scikit_learns("isotonic", p, labels).predict_proba(p)
    # ours never says 0 or 1: its ends are 1 / 1002 away
    assert np.allclose(ours.apply(p), theirs, atol=5e-3)


def test_what_a_member_says_often_counts_as_often_in_its_curve() -> None:
    p, labels = simulated(8, 3.0, n=1000, classes=2)
    said = p[:, 1].round(1)
    coarse = np.stack([1 - said, said], axis=1)
    theirs = scikit_learns("isotonic", coarse, labels).predict_proba(coarse)
    assert np.allclose(fit_isotonic(coarse, labels).apply(coarse), theirs, atol=2e-3)


@given(seeds, st.sampled_from(sorted(METHODS)))
def test_rows_sum_to_one_and_do_not_depend_on_each_other(seed: int, method: str) -> None:
    p, labels = simulated(seed, 2.0, n=60)
    calibrator = METHODS[method](p, labels)
    other, _ = simulated(seed + 1, 5.0, n=30)
    other[0] = [0, 0, 0, 1]
    found = calibrator.apply(other)
    assert np.allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()
    assert np.allclose(np.concatenate([calibrator.apply(r[None]) for r in other]), found)


@given(seeds)
def test_a_class_that_never_occurs_is_hardly_believed_and_breaks_nothing(seed: int) -> None:
    p, labels = simulated(seed, n=80)
    found = fit_isotonic(p, np.minimum(labels, 2)).apply(p)
    assert np.isfinite(found).all()
    assert (found[:, 3] < 0.2).all()


@given(seeds, st.sampled_from(sorted(METHODS)))
def test_calibrators_come_back_from_json(seed: int, method: str) -> None:
    p, labels = simulated(seed, 2.0, n=60)
    calibrator = METHODS[method](p, labels)
    back = from_json(json.loads(json.dumps(calibrator.to_json())))
    assert back == calibrator
    assert np.array_equal(back.apply(p), calibrator.apply(p))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"method": "magic"},
        {"method": "temperature"},
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": "warm"},
        {"method": "temperature", "temperature": math.nan},
        {"method": "isotonic", "said": [[0.1, 0.2]], "meant": [[0.1]]},
        {"method": "isotonic", "said": [[0.1]], "meant": [[0.1], [0.2]]},
        {"method": "isotonic", "said": [[]], "meant": [[]]},
        {"method": "isotonic", "said": [[0.2, 0.1]], "meant": [[0.1, 0.2]]},
        {"method": "isotonic", "said": [[0.1, 0.2]], "meant": [[0.2, 0.1]]},
        {"method": "isotonic", "said": [[0.1, 0.2]], "meant": [[0.0, 0.1]]},
        {"method": "isotonic", "said": [[0.1, 0.2]], "meant": [[0.5, 1.1]]},
        {"method": "isotonic", "said": [[-0.1, 0.2]], "meant": [[0.5, 0.6]]},
        {"method": "isotonic", "said": 5, "meant": 6},
    ],
)
def test_what_is_no_calibrator_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UnusableModel, match="calibration cannot be read"):
        from_json(values)


def test_a_member_that_is_too_sure_is_corrected_on_samples_that_it_had_not_seen() -> None:
    p, labels = simulated(4, 3.0, n=5000)
    choice = choose(p, labels, np.arange(5000) % 5)
    before = Reliability.of(p, labels).expected_error
    after = Reliability.of(choice.calibrated, labels).expected_error
    assert choice.method == "temperature"
    assert before > 0.2
    assert after < 0.03
    assert choice.losses["temperature"] < choice.losses["isotonic"] < choice.losses["none"]
    assert math.isclose(choice.losses["temperature"], log_loss(choice.calibrated, labels))


def test_a_bent_member_is_corrected_by_curves() -> None:
    """Two classes are never told from each other: no temperature mends that."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, 4000)
    shown = np.where(labels == 2, random.integers(0, 2, 4000), labels)
    p = np.eye(3)[shown] * 0.8 + 0.2 / 3
    choice = choose(p, labels, np.arange(4000) % 5)
    assert choice.method == "isotonic"
    assert isinstance(choice.calibrator, Isotonic)
    assert Reliability.of(choice.calibrated, labels).expected_error < 0.03


def test_a_member_that_is_right_as_it_is_stays_so() -> None:
    """Of methods that do equally well the simplest is chosen: a wholly undecided member has no temperature."""
    p = np.full((20, 2), 0.5)
    labels = np.arange(20) % 2
    choice = choose(p, labels, np.arange(20) // 10)
    assert choice.method == "none"
    assert choice.calibrator == Temperature()
    assert choice.calibrator.apply(p) is p


def test_no_fold_is_judged_by_what_it_was_fitted_to() -> None:
    p, labels = simulated(6, n=30)
    folds = np.arange(30) % 3
    seen: list[int] = []

    def fit(fitted: Floats, of: npt.NDArray[np.integer]) -> Calibrator:
        assert len(fitted) == len(of)
        seen.append(len(of))
        kept = {row.tobytes() for row in fitted}

        class Spy(Temperature):
            def apply(self, probabilities: Floats) -> Floats:
                assert not kept & {row.tobytes() for row in probabilities}
                return probabilities

        return Spy()

    assert np.array_equal(held_out(fit, p, labels, folds), p)
    assert seen == [20, 20, 20]


def test_one_fold_is_not_enough_to_choose() -> None:
    p, labels = simulated(7)
    with pytest.raises(InvalidSample, match="two folds"):
        choose(p, labels, np.zeros(len(p), np.int64))
