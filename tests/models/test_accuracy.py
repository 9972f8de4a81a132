import math

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from geocrop_processes.models.accuracy import Accuracy

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
