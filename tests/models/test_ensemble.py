from typing import Protocol

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import MEMBERS, Course, Features, Member, Probabilities


class Table(Protocol):
    @property
    def features(self) -> npt.NDArray[np.float32]: ...
    @property
    def codes(self) -> npt.NDArray[np.uint8]: ...


class Fixed(Member):
    """Answers every row with the same probabilities."""

    name = "fixed"
    suffix = "none"

    def __init__(self, *row: float) -> None:
        self._row = row

    @classmethod
    def train(
        cls,
        features: Features,
        labels: npt.NDArray[np.integer],
        *,
        seed: int,
        threads: int,
        rounds: int = 1,
        course: Course | None = None,
    ) -> "Fixed":
        raise NotImplementedError

    def predict_proba(self, features: Features) -> Probabilities:
        return np.tile(np.array(self._row), (len(features), 1))

    def shortened(self, rounds: int) -> "Fixed":
        raise NotImplementedError

    def importances(self, features: int) -> npt.NDArray[np.float64]:
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, content: bytes) -> "Fixed":
        raise NotImplementedError


ROWS = np.zeros((3, 6), np.float32)


def test_the_vote_is_the_mean_of_what_the_libraries_say_themselves(
    ensemble: Ensemble, table: Table
) -> None:
    content = {name: member.to_bytes() for name, member in ensemble.members.items()}
    first = xgboost.XGBClassifier()
    first.load_model(bytearray(content["xgboost"]))
    second = lightgbm.Booster(model_str=content["lightgbm"].decode())
    third = catboost.CatBoostClassifier().load_model(blob=content["catboost"])
    mean = (
        first.predict_proba(table.features)
        + second.predict(table.features)
        + third.predict_proba(table.features)
    ) / 3
    assert np.allclose(ensemble.predict_proba(table.features), mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_a_row_s_vote_does_not_depend_on_the_rows_beside_it(
    chunk: int, ensemble: Ensemble, table: Table
) -> None:
    parts = [
        ensemble.predict_proba(table.features[start : start + chunk])
        for start in range(0, len(table.features), chunk)
    ]
    assert np.array_equal(np.concatenate(parts), ensemble.predict_proba(table.features))


def test_training_gives_every_member_and_the_codes_that_occur(table: Table) -> None:
    trained = Ensemble.train(table.features, table.codes, seed=3, rounds=5)
    assert trained.codes == (1, 4, 13)
    assert list(trained.members) == list(MEMBERS)
    assert (trained.predict(table.features) == table.codes).mean() > 0.8


def test_the_same_seed_trains_the_same_ensemble(table: Table) -> None:
    first, second = (
        Ensemble.train(table.features, table.codes, seed=3, rounds=5) for _ in range(2)
    )
    for name in MEMBERS:
        assert first.members[name].to_bytes() == second.members[name].to_bytes()


def test_a_class_is_its_code_not_its_column(ensemble: Ensemble, table: Table) -> None:
    predicted = ensemble.predict(table.features)
    assert predicted.dtype == np.uint8
    assert set(predicted.tolist()) <= {1, 4, 13}


def test_members_vote_in_the_order_of_members_whatever_order_they_are_given_in(
    ensemble: Ensemble, table: Table
) -> None:
    turned = Ensemble(ensemble.codes, dict(reversed(list(ensemble.members.items()))))
    assert np.array_equal(
        turned.predict_proba(table.features), ensemble.predict_proba(table.features)
    )


def test_where_classes_tie_the_lowest_code_wins() -> None:
    tied = Ensemble((2, 5, 9), {"xgboost": Fixed(0.2, 0.5, 0.3), "catboost": Fixed(0.2, 0.3, 0.5)})
    assert tied.predict_proba(ROWS)[0].tolist() == [0.2, 0.4, 0.4]
    assert tied.predict(ROWS).tolist() == [5, 5, 5]


def test_no_rows_give_no_votes(ensemble: Ensemble) -> None:
    nothing = np.zeros((0, 6), np.float32)
    assert ensemble.predict_proba(nothing).shape == (0, 3)
    assert ensemble.predict(nothing).shape == (0,)


@pytest.mark.parametrize("row", [(0.5, 0.5), (0.1, 0.2, 0.3, 0.4)])
def test_a_member_with_another_number_of_classes_is_refused(row: tuple[float, ...]) -> None:
    odd = Ensemble((1, 4, 13), {"lightgbm": Fixed(*row)})
    with pytest.raises(
        UnusableModel, match=f"lightgbm member knows {len(row)} classes, the ensemble 3"
    ):
        odd.predict_proba(ROWS)


def test_an_ensemble_has_at_least_one_member_of_a_known_kind() -> None:
    with pytest.raises(UnusableModel, match="An ensemble has members of"):
        Ensemble((1, 2), {})
    with pytest.raises(UnusableModel, match=r"not \['forest'\]"):
        Ensemble((1, 2), {"forest": Fixed(0.5, 0.5)})


@pytest.mark.parametrize("codes", [(4, 1), (1, 1), (1,), ()])
def test_codes_are_two_or_more_and_ascend(codes: tuple[int, ...]) -> None:
    with pytest.raises(UnusableModel, match="two ascending class codes or more"):
        Ensemble(codes, {"xgboost": Fixed(0.5, 0.5)})


def test_one_class_alone_cannot_be_learnt(table: Table) -> None:
    with pytest.raises(UnusableModel, match=r"two ascending class codes or more, not \[4\]"):
        Ensemble.train(table.features, np.full(len(table.codes), 4), seed=1)


def test_calibrations_and_weights_are_of_members_that_there_are() -> None:
    members = {"xgboost": Fixed(0.9, 0.1), "catboost": Fixed(0.5, 0.5)}
    for counted in (
        {"weights": {"lightgbm": 1.0}},
        {"calibration": {"lightgbm": Temperature(2)}},
    ):
        with pytest.raises(UnusableModel, match="counts votes of"):
            Ensemble((1, 2), members, **counted)
    with pytest.raises(UnusableModel, match="A temperature is within"):
        Ensemble((1, 2), members, temperature=0)


def test_the_vote_is_calibrated_and_weighed() -> None:
    members = {"xgboost": Fixed(0.9, 0.1), "catboost": Fixed(0.5, 0.5)}
    counted = Ensemble(
        (1, 2), members, {"xgboost": Temperature(2)}, {"xgboost": 0.75, "catboost": 0.25}
    )
    # the odds of 9 become 3
    vote, gap = counted.poll(ROWS)
    assert vote[0] == pytest.approx([0.75 * 0.75 + 0.25 * 0.5, 0.75 * 0.25 + 0.25 * 0.5])
    assert gap[0] == pytest.approx(0.75 * 0.0625 + 0.25 * 0.1875)
