import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.reliability import Reliability, brier, log_loss

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

seeds = st.integers(0, 10_000)


def drawn(seed: int, n: int = 200, classes: int = 4) -> tuple[Floats, Labels]:
    """Probabilities, and labels that were drawn by them: calibrated perfectly."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(classes, 0.7), n)
    return p, (p.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)


@given(seeds)
def test_log_loss_and_brier_score_are_those_of_scikit_learn(seed: int) -> None:
    p, labels = drawn(seed)
    assert math.isclose(log_loss(p, labels), metrics.log_loss(labels, p, labels=range(4)))
    theirs = metrics.brier_score_loss(labels, p, labels=range(4), scale_by_half=False)
    assert math.isclose(brier(p, labels), theirs)


@given(seeds, st.integers(2, 20))
def test_the_curve_is_that_of_scikit_learn(seed: int, bins: int) -> None:
    p, labels = drawn(seed)
    curve = Reliability.of(p, labels, bins)
    right = (p.argmax(axis=1) == labels).astype(int)
    kept, promised = calibration_curve(right, p.max(axis=1), n_bins=bins)
    held = curve.samples > 0
    assert np.allclose(curve.kept[held], kept)
    assert np.allclose(curve.promised[held], promised)
    assert curve.samples.sum() == len(labels)


def test_perfectly_calibrated_probabilities_have_hardly_an_error() -> None:
    p, labels = drawn(1, n=100_000)
    assert Reliability.of(p, labels).expected_error < 0.006


def test_who_promises_too_much_is_told_how_much() -> None:
    """Nine of ten are promised, three of four are right."""
    p = np.tile([0.9, 0.1], (400, 1))
    labels = np.repeat([0, 0, 0, 1], 100)
    assert math.isclose(Reliability.of(p, labels).expected_error, 0.15)


def test_a_bin_reaches_up_to_its_upper_end() -> None:
    p = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    assert Reliability.of(p, np.array([0, 0, 0]), 4).samples.tolist() == [0, 1, 1, 1]


def test_a_certain_error_costs_much_and_not_everything() -> None:
    assert 30 < log_loss(np.array([[1.0, 0.0]]), np.array([1])) < 40
    assert brier(np.array([[1.0, 0.0]]), np.array([1])) == 2


@pytest.mark.parametrize(
    ("p", "labels", "words"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "no sample"),
        (np.full((2, 2), 0.5), np.zeros(3, int), "do not fit together"),
        (np.ones((2, 1)), np.zeros(2, int), "do not fit together"),
        (np.full((2, 2), 0.5), np.array([0, 2]), r"columns 0..1, not 0..2"),
        (np.full((2, 2), 0.5), np.array([-1, 0]), r"columns 0..1, not -1..0"),
        (np.full((2, 2), 0.6), np.array([1, 0]), "sum to 1"),
        (np.full((2, 2), np.nan), np.array([1, 0]), "sum to 1"),
        (np.array([[1.5, -0.5]]), np.array([1]), "from 0 up"),
    ],
)
def test_what_is_no_distribution_over_classes_is_refused(
    p: Floats, labels: Labels, words: str
) -> None:
    with pytest.raises(InvalidSample, match=words):
        brier(p, labels)
