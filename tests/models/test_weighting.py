import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.reliability import log_loss
from geocrop_processes.models.weighting import vote_weights

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def members(seed: int, n: int = 120) -> tuple[list[Floats], Labels]:
    """Three members, of which the first knows most and the last nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    found = []
    for skill in (2.0, 1.0, 0.0):
        margins = skill * np.eye(3)[labels] + random.normal(size=(n, 3))
        found.append(np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True))
    return found, labels


def loss(weights: Floats, voters: list[Floats], labels: Labels) -> float:
    return log_loss(sum(w * p for w, p in zip(weights, voters, strict=True)) + 0.0, labels)


@given(st.integers(0, 10_000))
def test_no_other_weights_do_better(seed: int) -> None:
    voters, labels = members(seed)
    ours = vote_weights(voters, labels)
    assert np.isclose(ours.sum(), 1)
    assert (ours >= 0).all()
    best = loss(ours, voters, labels)
    for other in np.random.default_rng(seed).dirichlet(np.ones(3), 20):
        assert best <= loss(other, voters, labels) + 1e-5


@given(st.integers(0, 10_000))
def test_the_loss_is_that_of_a_general_optimiser(seed: int) -> None:
    voters, labels = members(seed)
    theirs = minimize(
        lambda w: loss(w, voters, labels),
        np.full(3, 1 / 3),
        method="SLSQP",
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    assert abs(loss(vote_weights(voters, labels), voters, labels) - theirs.fun) < 1e-4


def test_who_knows_most_counts_most_and_who_knows_nothing_hardly() -> None:
    weights = vote_weights(*members(1, n=2000))
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.02


def test_equal_members_count_equally_and_one_member_counts_alone() -> None:
    (first, *_), labels = members(2)
    assert vote_weights([first, first, first], labels).tolist() == [1 / 3] * 3
    assert vote_weights([first], labels).tolist() == [1]


def test_the_same_input_gives_the_same_weights() -> None:
    voters, labels = members(3)
    assert vote_weights(voters, labels).tolist() == vote_weights(voters, labels).tolist()


def test_members_that_do_not_fit_the_labels_are_refused() -> None:
    voters, labels = members(4)
    with pytest.raises(InvalidSample, match="no member"):
        vote_weights([], labels)
    with pytest.raises(InvalidSample, match="do not fit together"):
        vote_weights([*voters, voters[0][:-1]], labels)
