from typing import Protocol

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.members import MEMBERS, Course, Member, library_versions
from geocrop_processes.models.reliability import log_loss

NAMES = ["xgboost", "lightgbm", "catboost"]


class Table(Protocol):
    @property
    def features(self) -> npt.NDArray[np.float32]: ...
    @property
    def labels(self) -> npt.NDArray[np.int64]: ...


def test_the_members_are_three_and_vote_in_a_fixed_order() -> None:
    assert list(MEMBERS) == NAMES
    assert {kind.suffix for kind in MEMBERS.values()} == {"ubj", "txt", "cbm"}


@pytest.mark.parametrize("name", NAMES)
def test_a_member_read_from_its_native_bytes_votes_bit_for_bit_the_same(
    name: str, forests: dict[str, Member], table: Table
) -> None:
    content = forests[name].to_bytes()
    again = MEMBERS[name].from_bytes(content)
    assert np.array_equal(
        again.predict_proba(table.features), forests[name].predict_proba(table.features)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_another_seed_others(
    name: str, forests: dict[str, Member], table: Table
) -> None:
    content = forests[name].to_bytes()
    same, other = (
        MEMBERS[name].train(table.features, table.labels, seed=seed, threads=2, rounds=5)
        for seed in (20_221_101, 1)
    )
    assert same.to_bytes() == content
    assert other.to_bytes() != content


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_the_watched_rows_after_each_round(name: str, table: Table) -> None:
    learnt, watched = slice(0, 150), slice(150, 200)
    of = MEMBERS[name].train(
        table.features[learnt],
        table.labels[learnt],
        seed=1,
        threads=1,
        rounds=6,
        course=Course(watched=(table.features[watched], table.labels[watched])),
    )
    assert len(of.losses) == 6
    for rounds in (1, 4, 6, 99):
        answer = of.shortened(rounds).predict_proba(table.features[watched])
        expected = log_loss(answer / answer.sum(axis=1, keepdims=True), table.labels[watched])
        assert of.losses[min(rounds, 6) - 1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_training_without_a_gain_stops_and_keeps_all_that_it_did(name: str, table: Table) -> None:
    noise = np.random.default_rng(4).integers(0, 3, 50)
    of = MEMBERS[name].train(
        table.features[:150],
        table.labels[:150],
        seed=1,
        threads=1,
        rounds=200,
        course=Course(watched=(table.features[150:], noise), patience=5),
    )
    assert 5 <= len(of.losses) < 100
    assert len(of.losses) - 1 - of.losses.argmin() in range(4, 7)
    whole = of.predict_proba(table.features)
    assert np.array_equal(of.shortened(999).predict_proba(table.features), whole)
    again = MEMBERS[name].train(
        table.features[:150], table.labels[:150], seed=1, threads=1, rounds=len(of.losses)
    )
    told = of.shortened(len(of.losses)).predict_proba(table.features)
    assert np.array_equal(again.predict_proba(table.features), told)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_watched_changes_nothing_of_the_forest(name: str, table: Table) -> None:
    course = Course(watched=(table.features[:20], table.labels[:20]))
    plain, watching = (
        MEMBERS[name].train(table.features, table.labels, seed=1, threads=1, rounds=4, course=c)
        for c in (Course(), course)
    )
    assert np.array_equal(
        plain.predict_proba(table.features), watching.predict_proba(table.features)
    )


@pytest.mark.parametrize("name", NAMES)
def test_weights_move_the_answer_towards_what_counts_more(name: str, table: Table) -> None:
    heavy = np.where(table.labels == 2, 10.0, 1.0)
    plain, weighed = (
        MEMBERS[name].train(table.features, table.labels, seed=1, threads=1, rounds=3, course=c)
        for c in (Course(), Course(weights=heavy / heavy.mean()))
    )
    means = [m.predict_proba(table.features)[:, 2].mean() for m in (plain, weighed)]
    assert means[1] > means[0] + 0.05


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("xgboost", {"eta": 0.5}), ("lightgbm", {"learning_rate": 0.5}), ("catboost", {"depth": 2})],
)
def test_parameters_of_the_library_replace_the_usual_ones(
    name: str, parameters: dict[str, float], table: Table
) -> None:
    plain, other = (
        MEMBERS[name].train(table.features, table.labels, seed=1, threads=1, rounds=3, course=c)
        for c in (Course(), Course(parameters=parameters))
    )
    assert not np.array_equal(
        plain.predict_proba(table.features), other.predict_proba(table.features)
    )


@pytest.mark.parametrize("name", NAMES)
def test_importances_are_shares_and_a_missing_column_has_none(name: str, table: Table) -> None:
    features = table.features.copy()
    features[:, 4] = np.nan
    of = MEMBERS[name].train(features, table.labels, seed=1, threads=1, rounds=5)
    found = of.importances(6)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0
    assert found[4] == 0
    assert found[:3].sum() > 0.7
    assert np.isfinite(of.predict_proba(features)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_a_row_s_probabilities_do_not_depend_on_the_rows_beside_it(
    name: str, chunk: int, forests: dict[str, Member], table: Table
) -> None:
    whole = forests[name].predict_proba(table.features)
    parts = [
        forests[name].predict_proba(table.features[start : start + chunk])
        for start in range(0, len(table.features), chunk)
    ]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_one_column_per_class_and_sum_to_one(
    name: str, forests: dict[str, Member], table: Table
) -> None:
    probabilities = forests[name].predict_proba(table.features)
    assert probabilities.shape == (len(table.features), 3)
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_even_five_rounds_learn_what_can_be_learnt(
    name: str, forests: dict[str, Member], table: Table
) -> None:
    right = forests[name].predict_proba(table.features).argmax(axis=1) == table.labels
    assert right.mean() > 0.75


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("broken", ["nothing", "text", "zeros", "half", "another's format"])
def test_bytes_that_are_no_whole_member_are_refused_and_the_process_lives(
    name: str, broken: str, forests: dict[str, Member]
) -> None:
    """XGBoost on an empty buffer and LightGBM on half a tree end the process unless they are kept from it."""
    content = forests[name].to_bytes()
    another = NAMES[NAMES.index(name) - 1]
    cases = {
        "nothing": b"",
        "text": b"not a model",
        "zeros": bytes(512),
        "half": content[: len(content) // 2],
        "another's format": forests[another].to_bytes(),
    }
    with pytest.raises(UnusableModel, match=f"The {MEMBERS[name].__name__} member cannot be read"):
        MEMBERS[name].from_bytes(cases[broken])


@pytest.mark.parametrize("missing", [1, 3, 100, 1000])
def test_a_text_of_lightgbm_that_was_cut_off_anywhere_is_refused(
    missing: int, forests: dict[str, Member]
) -> None:
    with pytest.raises(UnusableModel, match="LightGBM"):
        MEMBERS["lightgbm"].from_bytes(forests["lightgbm"].to_bytes()[:-missing])


@pytest.mark.parametrize("content", [b"CBM1 but no more", b"CBM1\xff\xff\xff\x7f" + bytes(99)])
def test_catboost_bytes_that_are_shorter_than_they_say_are_refused(content: bytes) -> None:
    """The library reads on beyond their end, which ends the process or not."""
    with pytest.raises(UnusableModel, match="CatBoost"):
        MEMBERS["catboost"].from_bytes(content)


@pytest.mark.parametrize("missing", [1, 8, 100])
def test_bytes_of_catboost_that_were_cut_off_anywhere_are_refused(
    missing: int, forests: dict[str, Member]
) -> None:
    with pytest.raises(UnusableModel, match="CatBoost"):
        MEMBERS["catboost"].from_bytes(forests["catboost"].to_bytes()[:-missing])


def test_catboost_bytes_with_a_broken_description_are_refused(forests: dict[str, Member]) -> None:
    content = forests["catboost"].to_bytes()
    at = content.index(b'"boosting_options"')
    with pytest.raises(UnusableModel, match="CatBoost"):
        MEMBERS["catboost"].from_bytes(content[:at] + b"\xff" + content[at + 1 :])


def test_xgboost_votes_as_its_own_classifier_does(forests: dict[str, Member], table: Table) -> None:
    classifier = xgboost.XGBClassifier()
    classifier.load_model(bytearray(forests["xgboost"].to_bytes()))
    assert np.array_equal(
        forests["xgboost"].predict_proba(table.features), classifier.predict_proba(table.features)
    )


def test_lightgbm_learns_and_votes_as_its_own_classifier_does(
    forests: dict[str, Member], table: Table
) -> None:
    classifier = lightgbm.LGBMClassifier(
        n_estimators=5,
        num_leaves=32,
        learning_rate=0.1,
        colsample_bytree=0.6,
        subsample=0.8,
        subsample_freq=1,
        min_child_samples=10,
        random_state=20_221_101,
        n_jobs=2,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
        # the classifier's own defaults differ from the library's
        min_child_weight=1e-3,
        subsample_for_bin=200_000,
    ).fit(table.features, table.labels)
    assert np.allclose(
        forests["lightgbm"].predict_proba(table.features),
        classifier.booster_.predict(table.features),
        atol=1e-12,
    )


def test_the_versions_of_the_libraries_are_told() -> None:
    versions = library_versions()
    assert set(versions) == set(NAMES)
    assert versions["xgboost"] == xgboost.__version__
