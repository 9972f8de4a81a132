import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models import confidence
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.forest.kernels import Kernel, kernels
from geocrop_processes.models.forest.scores import READERS, Scores
from geocrop_processes.models.forest.votes import Votes
from geocrop_processes.models.members import (
    CatBoost,
    Features,
    LightGBM,
    Member,
    Probabilities,
    XGBoost,
)

Rows = npt.NDArray[np.float32]
KERNELS = {kernel.name: kernel for kernel in kernels()}
FEATURES = 9
SPECIAL = np.array(
    [
        "nan",
        "nan",
        "0",
        "-0.0",
        "1e-45",
        "-1e-45",
        "1e-38",
        "9.9e-36",
        "1e-35",
        "1.1e-35",
        "-1e-35",
        "-1.1e-35",
        "3.4e38",
        "-3.4e38",
        "inf",
        "-inf",
    ],
    np.float32,
)


@dataclass(frozen=True)
class Samples:
    rows: Rows
    labels: npt.NDArray[np.int64]


@cache
def samples(classes: int, *, gaps: bool = True, n: int = 900) -> Samples:
    """Labelled rows with gaps, zeros, denormals, few values and a constant among the features."""
    random = np.random.default_rng(classes)
    rows = random.normal(size=(n, FEATURES)).astype(np.float32)
    score = rows[:, 0] + 0.7 * rows[:, 1] * rows[:, 2] + (rows[:, 5] > 0) + rows[:, 6]
    labels = np.argsort(np.argsort(score)) * classes // n
    rows[:, 3] = np.round(rows[:, 3])
    rows[:, 4] = 7
    rows[random.random(n) < 0.5, 5] = 0
    rows[:, 6] *= np.float32(1e-34)
    rows[:, 7] *= np.float32(1e-38)
    if gaps:
        rows[random.random(rows.shape) < 0.1] = np.nan
        rows[:, 0] = np.nan_to_num(rows[:, 0])
    return Samples(rows, labels)


def grown_by_xgboost(
    classes: int = 4, rounds: int = 6, *, gaps: bool = True, n: int = 900, **parameters: Any
) -> XGBoost:
    of = samples(classes, gaps=gaps, n=n)
    fixed = {"objective": "multi:softprob", "num_class": classes, "nthread": 1, "max_depth": 5}
    table = xgboost.DMatrix(of.rows, label=of.labels)
    return XGBoost(xgboost.train(fixed | parameters, table, rounds))


def stopped_xgboost() -> XGBoost:
    of, other = samples(4), samples(4, n=500)
    table = xgboost.DMatrix(of.rows, label=np.random.default_rng(1).permutation(of.labels))
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 4, "nthread": 1},
        table,
        40,
        evals=[(xgboost.DMatrix(other.rows, label=other.labels), "other")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    return XGBoost(booster)


def grown_by_lightgbm(
    classes: int = 4, rounds: int = 6, *, gaps: bool = True, n: int = 900, **parameters: Any
) -> LightGBM:
    of = samples(classes, gaps=gaps, n=n)
    fixed = {"objective": "multiclass", "num_class": classes, "num_threads": 1, "verbosity": -1}
    table = lightgbm.Dataset(of.rows, label=of.labels)
    return LightGBM(lightgbm.train(fixed | {"min_data_in_leaf": 3} | parameters, table, rounds))


def stopped_lightgbm() -> LightGBM:
    of, other = samples(4), samples(4, n=500)
    table = lightgbm.Dataset(of.rows, label=np.random.default_rng(1).permutation(of.labels))
    booster = lightgbm.train(
        {"objective": "multiclass", "num_class": 4, "num_threads": 1, "verbosity": -1},
        table,
        40,
        valid_sets=[lightgbm.Dataset(other.rows, label=other.labels, reference=table)],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )
    assert booster.current_iteration() < 40
    return LightGBM(booster)


def grown_by_catboost(
    classes: int = 4, rounds: int = 12, *, gaps: bool = True, n: int = 900, **parameters: Any
) -> CatBoost:
    of = samples(classes, gaps=gaps, n=n)
    fixed = {"loss_function": "MultiClass", "thread_count": 1, "depth": 5, "iterations": rounds}
    quiet = {"allow_writing_files": False, "verbose": False, "random_seed": 1}
    return CatBoost(
        catboost.CatBoostClassifier(**fixed | quiet | parameters).fit(of.rows, of.labels)
    )


def stopped_catboost() -> CatBoost:
    of, other = samples(4), samples(4, n=500)
    classifier = catboost.CatBoostClassifier(
        loss_function="MultiClass", iterations=60, allow_writing_files=False, thread_count=1
    ).fit(
        of.rows,
        np.random.default_rng(1).permutation(of.labels),
        eval_set=(other.rows, other.labels),
        early_stopping_rounds=3,
        verbose=False,
    )
    assert classifier.tree_count_ < 60
    return CatBoost(classifier)


def moved_catboost() -> CatBoost:
    member = grown_by_catboost(3)
    member._classifier.set_scale_and_bias(1.7, [0.1, -2.5, 3.25])
    return member


ZOO: dict[str, Callable[[], Member]] = {
    "xgboost of stumps": lambda: grown_by_xgboost(max_depth=1),
    "xgboost": grown_by_xgboost,
    "xgboost of 2 classes": lambda: grown_by_xgboost(2),
    "xgboost of 17 classes": lambda: grown_by_xgboost(17, 3),
    "xgboost trained without gaps": lambda: grown_by_xgboost(gaps=False),
    "xgboost of depth 8": lambda: grown_by_xgboost(max_depth=8, min_child_weight=0),
    "xgboost without limit of depth": lambda: grown_by_xgboost(
        max_depth=0, grow_policy="lossguide", max_leaves=0, min_child_weight=0, gamma=0
    ),
    "xgboost with trees in parallel": lambda: grown_by_xgboost(num_parallel_tree=3, subsample=0.5),
    "xgboost with exact thresholds": lambda: grown_by_xgboost(tree_method="exact", max_depth=9),
    "xgboost with 1000 bins": lambda: grown_by_xgboost(max_bin=1000, rounds=40, n=3000),
    "xgboost with a base score": lambda: grown_by_xgboost(base_score=0.25),
    "xgboost that gave up splitting": lambda: grown_by_xgboost(gamma=1e9),
    "xgboost stopped early": stopped_xgboost,
    "lightgbm of stumps": lambda: grown_by_lightgbm(num_leaves=2),
    "lightgbm": grown_by_lightgbm,
    "lightgbm of 2 classes": lambda: grown_by_lightgbm(2),
    "lightgbm of 17 classes": lambda: grown_by_lightgbm(17, 3),
    "lightgbm trained without gaps": lambda: grown_by_lightgbm(gaps=False),
    "lightgbm of 300 leaves": lambda: grown_by_lightgbm(
        num_leaves=300, min_data_in_leaf=1, min_sum_hessian_in_leaf=0, n=2000
    ),
    "lightgbm with 1000 bins": lambda: grown_by_lightgbm(max_bin=1000, rounds=40, n=3000),
    "lightgbm of single leaves": lambda: grown_by_lightgbm(min_data_in_leaf=800),
    "lightgbm with zero as missing": lambda: grown_by_lightgbm(zero_as_missing=True),
    "lightgbm without missing values": lambda: grown_by_lightgbm(use_missing=False),
    "lightgbm with dropped trees": lambda: grown_by_lightgbm(boosting="dart", drop_rate=0.5),
    "lightgbm stopped early": stopped_lightgbm,
    "catboost of depth 1": lambda: grown_by_catboost(depth=1),
    "catboost": grown_by_catboost,
    "catboost of 2 classes": lambda: grown_by_catboost(2),
    "catboost of 17 classes": lambda: grown_by_catboost(17, 3),
    "catboost of depth 11": lambda: grown_by_catboost(3, 4, depth=11),
    "catboost with gaps above": lambda: grown_by_catboost(nan_mode="Max"),
    "catboost trained without gaps": lambda: grown_by_catboost(gaps=False, nan_mode="Forbidden"),
    "catboost with 1000 borders": lambda: grown_by_catboost(border_count=1000, rounds=60, n=3000),
    "catboost scaled and moved": moved_catboost,
    "catboost stopped early": stopped_catboost,
}


@cache
def member(name: str) -> Member:
    with warnings.catch_warnings():
        # LightGBM warns of the early stopping that dart does not have
        warnings.simplefilter("ignore", UserWarning)
        grown = ZOO[name]()
    return type(grown).from_bytes(grown.to_bytes())


@cache
def scores(name: str) -> Scores:
    return Scores.of(READERS[member(name).name](member(name).to_bytes()))


def library_margins(of: Member, rows: Rows) -> npt.NDArray[np.floating]:
    """What the library takes its softmax of."""
    if isinstance(of, XGBoost):
        return np.asarray(of._booster.inplace_predict(rows, predict_type="margin"))
    if isinstance(of, LightGBM):
        return np.asarray(of._booster.predict(rows, raw_score=True, num_threads=1))
    assert isinstance(of, CatBoost)
    found = of._classifier.predict(rows, prediction_type="RawFormulaVal", thread_count=1)
    return np.asarray(found).reshape(len(rows), -1)


def adversaries(of: Member, n: int, seed: int) -> Rows:
    """Rows of the forest's own thresholds, their neighbours among float32, and special values."""
    random = np.random.default_rng(seed)
    forest = READERS[of.name](of.to_bytes())
    rows = np.empty((n, FEATURES), np.float32)
    for feature in range(FEATURES):
        own = forest.questions.threshold[forest.questions.feature == feature]
        own = own[np.isfinite(own) & (np.abs(own) < 3e38)]
        near = [np.nextafter(own, np.float32(way * np.inf)) for way in (-1, 1)]
        pool = [own, *near, random.normal(size=9).astype(np.float32)]
        rows[:, feature] = random.choice(np.concatenate(pool), n)
    special = random.random(rows.shape) < random.choice([0, 0.1, 0.5])
    rows[special] = random.choice(SPECIAL, int(special.sum()))
    return rows


@pytest.mark.parametrize("name", ZOO)
@settings(max_examples=8, deadline=None)
@given(n=st.sampled_from([1, 2, 511, 512, 513, 1100]), seed=st.integers(0, 2**32 - 1))
def test_margins_are_the_library_s_to_the_last_bit_with_every_kernel(
    name: str, n: int, seed: int
) -> None:
    rows = adversaries(member(name), n, seed)
    expected = library_margins(member(name), rows)
    columns = np.ascontiguousarray(rows.T)
    for kernel in KERNELS.values():
        assert np.array_equal(scores(name).margins(kernel, columns, 0, n).T, expected), kernel.name


@pytest.mark.parametrize("name", ["xgboost with 1000 bins", "lightgbm with 1000 bins"])
def test_some_of_these_forests_need_codes_of_more_than_a_byte(name: str) -> None:
    assert max(int(group.columns[:, 2].max()) for group in scores(name).groups) > 255


@pytest.mark.parametrize("name", ["lightgbm of 300 leaves", "catboost of depth 11"])
def test_some_of_these_forests_need_indices_of_more_than_a_byte(name: str) -> None:
    assert max(int(group.trees[:, 3].max()) for group in scores(name).groups) > 8


TRIOS = {
    "of 4 classes": ("xgboost", "lightgbm", "catboost"),
    "of 2 classes": ("xgboost of 2 classes", "lightgbm of 2 classes", "catboost of 2 classes"),
    "of 17 classes": ("xgboost of 17 classes", "lightgbm of 17 classes", "catboost of 17 classes"),
    "of one kind": ("lightgbm of 300 leaves",),
}


CALIBRATED = "calibrated, of 4 classes"
TRIOS[CALIBRATED] = TRIOS["of 4 classes"]


@cache
def trio(name: str) -> Ensemble:
    members = {m.name: m for m in map(member, TRIOS[name])}
    codes = tuple(range(1, len(scores(TRIOS[name][0]).base) + 1))
    if name != CALIBRATED:
        return Ensemble(codes, members)
    return Ensemble(
        codes,
        members,
        {"xgboost": Temperature(1.9), "catboost": Temperature(0.7)},
        {"xgboost": 0.5, "lightgbm": 0.3, "catboost": 0.2},
        0.93,
    )


def votes(name: str, kernel: Kernel | None = None) -> Votes:
    ensemble = trio(name)
    return Votes.of(ensemble.members, len(ensemble.codes), ensemble.poll, ensemble.counting, kernel)


@pytest.mark.parametrize("name", TRIOS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_probabilities_and_classes_are_those_of_the_libraries(name: str, seed: int) -> None:
    rows = adversaries(member(TRIOS[name][0]), 600, seed)
    expected = trio(name).predict_proba(rows)
    found = votes(name).predict_proba(np.ascontiguousarray(rows.T)).T
    assert np.abs(found - expected).max() < 1e-6
    ordered = np.sort(expected, axis=1)
    apart = ordered[:, -1] - ordered[:, -2] > 1e-6
    assert np.array_equal(found.argmax(axis=1)[apart], expected.argmax(axis=1)[apart])


@pytest.mark.parametrize("name", TRIOS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_all_kernels_give_the_same_bits(name: str, kernel: str) -> None:
    columns = np.ascontiguousarray(adversaries(member(TRIOS[name][0]), 2000, 5).T)
    first, other = votes(name), votes(name, KERNELS[kernel])
    assert other.engine == kernel
    assert not other.reason
    assert np.array_equal(first.predict_proba(columns), other.predict_proba(columns))
    one, two = first.decide(columns), other.decide(columns)
    assert np.array_equal(one.best, two.best)
    assert np.array_equal(one.sure, two.sure)
    assert np.array_equal(one.disagreement, two.disagreement)


@pytest.mark.parametrize("name", TRIOS)
def test_disagreement_is_that_of_the_libraries(name: str) -> None:
    rows = adversaries(member(TRIOS[name][0]), 3000, 9)
    _, gap = trio(name).poll(rows)
    found = votes(name).decide(np.ascontiguousarray(rows.T)).disagreement
    assert np.abs(found * confidence.SCALE - gap).max() <= confidence.SCALE / 2 + 1e-6
    if len(TRIOS[name]) == 1:
        assert not found.any()
    else:
        assert found.max() > found.min()


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pixel_s_answer_depends_on_neither_the_others_nor_the_threads(kernel: str) -> None:
    columns = np.ascontiguousarray(adversaries(member("xgboost"), 17_000, 6).T)
    asked = votes("of 4 classes", KERNELS[kernel])
    whole = asked.predict_proba(columns)
    assert np.array_equal(asked.predict_proba(columns, threads=3), whole)
    decided, shared = asked.decide(columns), asked.decide(columns, threads=2)
    assert np.array_equal(decided.best, shared.best)
    assert np.array_equal(decided.sure, shared.sure)
    assert np.array_equal(decided.disagreement, shared.disagreement)
    for start, stop in [(0, 1), (511, 1023), (8000, 8513), (16_999, 17_000)]:
        part = asked.predict_proba(columns[:, start:stop])
        assert np.array_equal(part, whole[:, start:stop])
        assert np.array_equal(asked.decide(columns[:, start:stop]).best, decided.best[start:stop])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", TRIOS)
def test_decisions_are_what_the_confidence_raster_stores(name: str, kernel: str) -> None:
    columns = np.ascontiguousarray(adversaries(member(TRIOS[name][0]), 5000, 7).T)
    asked = votes(name, KERNELS[kernel])
    probabilities = asked.predict_proba(columns).T
    decided = asked.decide(columns)
    assert np.array_equal(decided.best, probabilities.argmax(axis=1))
    assert np.array_equal(decided.sure, confidence.to_bytes(confidence.confidence(probabilities)))


@pytest.mark.parametrize("n", [0, 1])
def test_few_pixels_or_none_are_answered(n: int) -> None:
    columns = np.zeros((FEATURES, n), np.float32)
    asked = votes("of 4 classes")
    assert asked.predict_proba(columns).shape == (4, n)
    assert asked.decide(columns).best.shape == (n,)
    assert asked.decide(columns).sure.shape == (3, n)
    assert asked.decide(columns).disagreement.shape == (n,)


def test_an_ensemble_s_votes_are_made_once_and_by_the_fastest_kernel() -> None:
    ensemble = trio("of 4 classes")
    assert ensemble.votes is ensemble.votes
    assert ensemble.votes.engine == next(iter(KERNELS))


class Foreign(CatBoost):
    """A member of a kind that nobody reads."""

    name = "foreign"


def library_only() -> Ensemble:
    members = {m.name: m for m in map(member, TRIOS["of 4 classes"])}
    catboost_member = members["catboost"]
    assert isinstance(catboost_member, CatBoost)
    foreign = Foreign(catboost_member._classifier)
    return Ensemble(
        (1, 4, 7, 9), members | {"catboost": foreign}, {"catboost": Temperature(2)}, temperature=1.1
    )


def test_what_cannot_be_read_is_left_to_the_libraries_and_the_reason_told() -> None:
    ensemble = library_only()
    assert ensemble.votes.engine == "library"
    assert ensemble.votes.reason == "catboost: nothing reads foreign"
    rows = adversaries(member("xgboost"), 600, 8)
    columns = np.ascontiguousarray(rows.T)
    expected, gap = ensemble.poll(rows)
    assert np.array_equal(ensemble.votes.predict_proba(columns).T, expected)
    decided = ensemble.votes.decide(columns)
    assert np.array_equal(decided.best, expected.argmax(axis=1))
    assert np.array_equal(decided.sure, confidence.to_bytes(confidence.confidence(expected)))
    assert np.array_equal(decided.disagreement, confidence.to_bytes(gap))


class Changed(CatBoost):
    """A member that says something else than its bytes do."""

    def predict_proba(self, features: Features) -> Probabilities:
        return super().predict_proba(features)[:, ::-1]


def test_a_forest_that_answers_otherwise_than_its_library_is_left_to_it() -> None:
    original = member("catboost")
    assert isinstance(original, CatBoost)
    ensemble = Ensemble((1, 4, 7, 9), {"catboost": Changed(original._classifier)})
    assert ensemble.votes.engine == "library"
    assert ensemble.votes.reason == "catboost: its library answers otherwise"


@pytest.mark.parametrize("name", ZOO)
def test_every_supported_forest_passes_the_question_of_its_library(name: str) -> None:
    of = member(name)
    ensemble = Ensemble(tuple(range(len(scores(name).base))), {of.name: of})
    assert not ensemble.votes.reason


def test_members_that_do_not_fit_each_other_are_left_to_the_libraries() -> None:
    odd = Ensemble((1, 2, 3, 4), {"xgboost": member("xgboost of 2 classes")})
    assert odd.votes.engine == "library"
    assert "other numbers of classes" in odd.votes.reason
    with pytest.raises(UnusableModel, match="knows 2 classes, the ensemble 4"):
        odd.votes.predict_proba(np.zeros((FEATURES, 3), np.float32))


@pytest.mark.parametrize("ensemble", [lambda: trio("of 4 classes"), library_only])
def test_another_number_of_features_is_refused(ensemble: Callable[[], Ensemble]) -> None:
    for ask in (ensemble().votes.predict_proba, ensemble().votes.decide):
        with pytest.raises(UnusableModel, match="features"):
            ask(np.zeros((FEATURES - 1, 3), np.float32))


@pytest.mark.parametrize("features", [np.zeros((FEATURES, 3)), np.zeros(FEATURES, np.float32)])
def test_features_are_a_table_of_float32(features: Any) -> None:
    with pytest.raises(ValueError, match="Features are float32"):
        votes("of 4 classes").predict_proba(features)
