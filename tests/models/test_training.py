import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.crossing import Recipe, best, cross
from geocrop_processes.models.evaluation import Evaluation, known_outside
from geocrop_processes.models.folds import straddling
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import MEMBERS
from geocrop_processes.models.training import Options, Trained, train, validate

N = 240
OPTIONS = Options(folds=3, block_m=20_000, max_rounds=12, patience=4)


def samples(n: int = N, seed: int = 3) -> LabelledSamples:
    """Three classes in 25 blocks of 20 km, each block a little different; feature 5 is cut off by an as-of date."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, 100_000, (2, n))
    block = (x // 20_000 + 5 * (y // 20_000)).astype(np.int64)
    own = random.normal(size=(25, 6))[block]
    features = (random.normal(size=(n, 6)) * 0.5 + own).astype(np.float32)
    noise = random.normal(size=n) * 0.5
    labels = (features[:, 0] > 0).astype(np.int64) + (features[:, 1] + noise > 0.4)
    features[:, 5] = np.nan
    return LabelledSamples(
        features=features,
        codes=np.array([3, 7, 20])[labels],
        groups=np.arange(n),
        x=x,
        y=y,
        lon=x / 1e5,
        lat=y / 1e5,
        seasons=np.full(n, 2021),
    )


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(samples(), OPTIONS)


def test_training_gives_an_ensemble_of_all_kinds_that_has_learnt_the_classes(
    trained: Trained,
) -> None:
    known = samples()
    assert trained.ensemble.codes == (3, 7, 20)
    assert list(trained.ensemble.members) == list(MEMBERS)
    assert (trained.ensemble.predict(known.features) == known.codes).mean() > 0.8
    assert set(trained.ensemble.weights) == set(MEMBERS)
    assert sum(trained.ensemble.weights.values()) == pytest.approx(1)


def test_the_same_seed_trains_the_same_model(trained: Trained) -> None:
    again = train(samples(), OPTIONS)
    for name, member in trained.ensemble.members.items():
        assert again.ensemble.members[name].to_bytes() == member.to_bytes()
    assert again.ensemble.counting == trained.ensemble.counting
    assert again.applicability.to_bytes() == trained.applicability.to_bytes()
    assert again.hyperparameters == trained.hyperparameters
    assert np.array_equal(again.spatial.probabilities, trained.spatial.probabilities)


def test_no_block_and_no_field_is_in_training_and_test() -> None:
    known = samples()
    block = (known.x // 20_000 * 1000 + known.y // 20_000).astype(np.int64)
    # fields of two neighbours each, some of them over the edge of a block
    fields = np.argsort(np.argsort(block * N + np.arange(N))) // 2
    found = validate(replace(known, groups=fields), replace(OPTIONS, max_rounds=2))
    assert straddling(block, found.folds) == []
    assert straddling(fields, found.folds) == []
    assert "no group in training and test" in found.evaluation.protocol


def test_both_protocols_judge_the_vote_and_each_member_on_all_samples(trained: Trained) -> None:
    assert trained.random is not None
    for evaluation in (trained.spatial, trained.random):
        assert evaluation.folds == 3
        assert evaluation.accuracy.matrix.sum() == N
        assert set(evaluation.members) == set(MEMBERS)
        assert np.allclose(evaluation.probabilities.sum(axis=1), 1)
        assert evaluation.before.samples.sum() == evaluation.after.samples.sum() == N
        assert 0 < evaluation.brier < 2
        found = np.array([3, 7, 20])[evaluation.probabilities.argmax(axis=1)]
        assert evaluation.accuracy.overall == (found == samples().codes).mean()
    assert trained.gap == trained.random.accuracy.overall - trained.spatial.accuracy.overall


def test_the_random_one_is_left_out_where_it_is_not_asked_for() -> None:
    found = train(samples(), replace(OPTIONS, max_rounds=3, patience=0, compare=False))
    assert found.random is None
    assert np.isnan(found.gap)
    assert {m["rounds"] for m in found.hyperparameters["members"].values()} == {3}


def test_what_the_samples_lack_has_no_importance_and_does_not_count(trained: Trained) -> None:
    assert trained.importances[5] == 0
    assert trained.importances.sum() == pytest.approx(1)
    assert trained.importances[0] > trained.importances[2]
    assert trained.applicability.weight[5] == 0
    inside = trained.applicability.inside(np.ascontiguousarray(samples().features.T))
    assert inside.mean() > 0.9
    far = np.full((6, 1), 50, np.float32)
    assert not trained.applicability.inside(far).any()


def test_the_fast_engine_counts_the_votes_as_the_ensemble_does(trained: Trained) -> None:
    features = samples().features
    expected, gap = trained.ensemble.poll(features)
    votes = trained.ensemble.votes
    assert not votes.reason
    columns = np.ascontiguousarray(features.T)
    assert np.abs(votes.predict_proba(columns).T - expected).max() < 1e-5
    assert np.abs(votes.decide(columns).disagreement * 0.005 - gap).max() <= 0.0025 + 1e-5


def test_hyperparameters_are_json_and_tell_the_rounds(trained: Trained) -> None:
    told = json.loads(json.dumps(trained.hyperparameters))
    assert told["seed"] == 1
    assert all(1 <= told["members"][name]["rounds"] <= 12 for name in MEMBERS)


def test_progress_rises_from_0_to_nearly_1() -> None:
    told: list[float] = []
    train(
        samples(),
        replace(OPTIONS, max_rounds=2, patience=0),
        tell=lambda share, _: told.append(share),
    )
    assert told == sorted(told)
    assert told[0] == 0
    assert 0.9 < told[-1] <= 1


def of_one_class() -> LabelledSamples:
    return replace(samples(), codes=np.full(N, 3))


def of_one_place() -> LabelledSamples:
    return replace(samples(), x=np.zeros(N), y=np.zeros(N))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (of_one_class, "all 240 samples are of class 3"),
        (of_one_place, "make no 3 folds; take smaller blocks"),
        (lambda: samples(2), "make no 3 folds|two classes|No class has"),
    ],
)
def test_samples_that_make_no_folds_are_refused_in_words(
    make: Callable[[], LabelledSamples], reason: str
) -> None:
    with pytest.raises(InvalidSample, match=reason):
        train(make(), OPTIONS)


def test_outside_a_fold_there_must_be_two_classes() -> None:
    features = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    labels, folds = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1]), np.repeat([0, 1, 2], 3)
    with pytest.raises(InvalidSample, match="Outside one of the folds"):
        cross("lightgbm", features, labels, folds, Recipe(1, 1, 2, 0, 0), 2)


def test_a_class_of_one_fold_alone_is_never_said_there_and_teaches_no_temperature() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(90, 3)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    folds = np.arange(90) % 3
    labels[folds == 2] = np.where(features[folds == 2, 1] > 0.5, 2, labels[folds == 2])
    found = cross("xgboost", features, labels, folds, Recipe(1, 1, 5, 0, 0.5), 5).probabilities
    assert (found[folds == 2, 2] == 0).all()
    assert np.allclose(found.sum(axis=1), 1)
    known = known_outside(labels, folds)
    assert np.array_equal(known, ~((folds == 2) & (labels == 2)))
    evaluation = Evaluation.of("three", {"xgboost": found}, labels, folds, (1, 2, 3))
    assert evaluation.log_loss < 1
    assert evaluation.accuracy.producers[3].value == 0


class Stub:
    """A fold's fit that has told these losses."""

    def __init__(self, losses: list[float], watched: int = 1) -> None:
        self.member = type("M", (), {"losses": np.array(losses)})
        self.watched = watched


def test_the_best_rounds_are_those_of_the_least_mean_loss_and_who_stopped_keeps_its_last() -> None:
    fits: Any = [Stub([3, 2, 1]), Stub([3, 1, 2, 5])]
    assert best(fits) == (2, 1.5)
    weighed: Any = [Stub([3, 2, 1], 9), Stub([3, 1, 2, 5])]
    rounds, loss = best(weighed)
    assert rounds == 3
    assert loss == pytest.approx(1.1)


def test_rounds_of_a_fold_are_those_that_the_other_folds_teach() -> None:
    """Else the labels that a model is judged by would have chosen it."""
    known = samples()
    labels = np.searchsorted([3, 7, 20], known.codes)
    folds = np.arange(N) % 3
    recipe = Recipe(seed=1, threads=1, max_rounds=15, patience=15, balance=0)
    first = cross("lightgbm", known.features, labels, folds, recipe)
    own = folds == 0
    alone = recipe.fit("lightgbm", known.features[~own], labels[~own], 15)
    answers = [alone.shortened(r).predict_proba(known.features[own]) for r in range(1, 16)]
    others = [_losses(known, labels, folds, fold, recipe) for fold in (1, 2)]
    expected = int(np.mean(others, axis=0).argmin())
    assert np.allclose(first.probabilities[own], answers[expected], rtol=0, atol=1e-12)


def _losses(
    known: LabelledSamples,
    labels: npt.NDArray[np.int64],
    folds: npt.NDArray[np.int64],
    fold: int,
    recipe: Recipe,
) -> npt.NDArray[np.float64]:
    test = folds == fold
    watched = (known.features[test], labels[test])
    return recipe.fit("lightgbm", known.features[~test], labels[~test], 15, watched).losses


@pytest.mark.parametrize(
    "values",
    [
        {"folds": 1},
        {"max_rounds": 0},
        {"patience": -1},
        {"balance": 1.5},
        {"trials": -1},
        {"threads": 0},
        {"block_m": 0.0},
        {"budget_s": float("nan")},
    ],
)
def test_options_out_of_their_range_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidSample, match=next(iter(values))):
        Options(**values)
