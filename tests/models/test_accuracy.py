import csv
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from geocrop_processes.models.accuracy import Accuracy, Share

CODES = (1, 4, 9, 13)
Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

pairs = st.lists(
    st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=60
).map(lambda rows: (np.array(rows, np.uint8)[:, 0], np.array(rows, np.uint8)[:, 1]))


@given(pairs)
def test_figures_are_those_of_scikit_learn(pair: Pair) -> None:
    reference, predicted = pair
    ours = Accuracy.of(reference, predicted, CODES)
    assert np.array_equal(ours.matrix[:, :-1], confusion_matrix(reference, predicted, labels=CODES))
    assert math.isclose(ours.overall, accuracy_score(reference, predicted))
    assert math.isclose(ours.macro_f1, f1_score(reference, predicted, average="macro"))


@given(pairs)
def test_f1_is_told_of_the_classes_that_occur(pair: Pair) -> None:
    reference, predicted = pair
    occurring = sorted({*reference.tolist(), *predicted.tolist()})
    theirs = f1_score(reference, predicted, average=None, labels=occurring)
    ours = Accuracy.of(reference, predicted, CODES).f1
    assert list(ours) == occurring
    assert np.allclose(list(ours.values()), theirs)


@given(pairs)
def test_the_shape_of_the_arrays_does_not_matter(pair: Pair) -> None:
    reference, predicted = pair
    flat = Accuracy.of(reference, predicted, CODES)
    square = Accuracy.of(reference[None, :, None], predicted[None, :, None], CODES)
    assert np.array_equal(flat.matrix, square.matrix)


def test_a_prediction_of_no_class_counts_against_the_reference() -> None:
    found = Accuracy.of(np.array([1, 1, 4]), np.array([1, 0, 99]), CODES)
    assert found.matrix[:, -1].tolist() == [1, 1, 0, 0]
    assert found.overall == 1 / 3
    assert found.f1 == {1: 2 / 3, 4: 0.0}


def test_a_reference_of_no_class_is_not_counted() -> None:
    found = Accuracy.of(np.array([0, 255, 4]), np.array([1, 4, 4]), CODES)
    assert found.matrix.sum() == 1
    assert found.overall == 1


def test_without_any_pair_there_is_no_figure() -> None:
    nothing = Accuracy.of(np.array([0]), np.array([1]), CODES)
    assert math.isnan(nothing.overall)
    assert math.isnan(nothing.macro_f1)
    assert nothing.f1 == {}


def test_a_small_matrix_by_hand() -> None:
    found = Accuracy.of(np.array([1, 1, 1, 4, 4]), np.array([1, 1, 4, 4, 1]), (1, 4))
    assert found.matrix.tolist() == [[2, 1, 0], [1, 1, 0]]
    assert found.overall == 0.6
    assert found.f1 == {1: 4 / 6, 4: 0.5}


@given(pairs)
def test_users_and_producers_accuracies_are_precision_and_recall(pair: Pair) -> None:
    reference, predicted = pair
    ours = Accuracy.of(reference, predicted, CODES)
    mapped, occurring = np.unique(predicted).tolist(), np.unique(reference).tolist()
    assert list(ours.users) == mapped
    assert list(ours.producers) == occurring
    precision = precision_score(reference, predicted, average=None, labels=mapped)
    recall = recall_score(reference, predicted, average=None, labels=occurring)
    assert np.allclose([s.value for s in ours.users.values()], precision)
    assert np.allclose([s.value for s in ours.producers.values()], recall)


def test_a_prediction_of_no_class_is_missed_by_the_producer_and_not_counted_by_the_user() -> None:
    found = Accuracy.of(np.array([1, 1, 4]), np.array([1, 0, 99]), CODES)
    assert found.users == {1: Share(1, 1)}
    assert found.producers == {1: Share(1, 2), 4: Share(0, 1)}


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_wilsons(share: tuple[int, int]) -> None:
    low, high = Share(*share).interval
    theirs = stats.binomtest(*share).proportion_ci(method="wilson")
    assert math.isclose(low, theirs.low, abs_tol=1e-12)
    assert math.isclose(high, theirs.high, abs_tol=1e-12)


REGIONS = (
    "Central",
    "Eastern",
    "Indian_ocean",
    "Northern",
    "Sahel",
    "Southeast",
    "Southern",
    "Western",
)


@pytest.mark.parametrize("region", REGIONS)
def test_published_matrices_of_a_cropland_map_have_their_printed_figures(
    shared: Path, region: str
) -> None:
    """Digital Earth Africa's cropland extent map: https://github.com/digitalearthafrica/crop-mask."""
    path = shared / "data" / "deafrica_cropmask" / f"{region}_10m_confusion_matrix.csv"
    with path.open(newline="") as file:
        printed = {row["Actual"]: row for row in csv.DictReader(file)}
    names = ("Non-crop", "Crop")
    counts = np.array([[int(float(printed[r][c])) for c in names] for r in names])
    reference, predicted = (
        np.repeat([0, 0, 1, 1], counts.ravel()),
        np.repeat([0, 1, 0, 1], counts.ravel()),
    )
    found = Accuracy.of(reference, predicted, (0, 1))
    assert found.matrix[:, :-1].tolist() == counts.tolist()

    def same(ours: float, theirs: str, decimals: int) -> bool:
        # they are rounded to so many decimals
        return abs(ours - float(theirs)) <= 0.5 * 10.0**-decimals + 1e-9

    for code, name in enumerate(names):
        assert same(100 * found.users[code].value, printed["User's"][name], 2)
        assert same(100 * found.producers[code].value, printed[name]["Producer's"], 2)
        assert same(found.f1[code], printed["F-score"][name], 2)
        assert found.producers[code].of == float(printed[name]["Total"])
        assert found.users[code].of == float(printed["Total"][name])
    assert same(100 * found.overall, printed["User's"]["Producer's"], 2)
