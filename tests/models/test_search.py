import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.models.crossing import Recipe, cross
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import MEMBERS
from geocrop_processes.models.search import SPACES, search
from geocrop_processes.models.training import Options, train

N = 150
FOLDS = np.arange(N) % 3
RECIPE = Recipe(seed=2, threads=1, max_rounds=6, patience=0, balance=0)


def table() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    random = np.random.default_rng(8)
    features = random.normal(size=(N, 4)).astype(np.float32)
    return features, (features[:, 0] + random.normal(size=N) * 0.3 > 0).astype(np.int64)


@pytest.mark.parametrize("name", list(MEMBERS))
def test_what_is_found_loses_no_more_than_the_usual_parameters_and_is_found_again(
    name: str,
) -> None:
    features, labels = table()
    first, second = (
        search(name, features, labels, FOLDS, RECIPE, trials=4, budget_s=300) for _ in range(2)
    )
    assert first == second
    watching = Recipe(2, 1, 6, 1, 0)
    usual = cross(name, features, labels, FOLDS, watching)
    found = cross(name, features, labels, FOLDS, Recipe(2, 1, 6, 1, 0, {name: first}))
    # of six rounds a faster rate has the most to gain
    assert first
    assert found.loss < usual.loss


def test_a_budget_that_is_spent_leaves_the_usual_parameters() -> None:
    features, labels = table()
    found = search("lightgbm", features, labels, FOLDS, RECIPE, trials=0, budget_s=1)
    assert found == {}


def test_a_training_with_trials_uses_and_tells_what_was_found() -> None:
    features, labels = table()
    place = np.arange(N, dtype=np.float64) * 1e6
    zeros = np.zeros(N)
    samples = LabelledSamples(
        features, labels + 1, np.arange(N), place, zeros, zeros, zeros, np.full(N, 2021)
    )
    options = Options(folds=3, max_rounds=4, patience=0, compare=False, trials=5, budget_s=300)
    told = train(samples, options).hyperparameters["members"]
    assert set(told) == set(SPACES)
    assert any(len(values) > 1 for values in told.values())
