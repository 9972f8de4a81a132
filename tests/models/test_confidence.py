import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import entropy

from geocrop_processes.models.confidence import (
    AT_THRESHOLD,
    DISSIMILARITY_SCALE,
    NO_DATA,
    SCALE,
    confidence,
    dissimilarity_to_bytes,
    to_bytes,
)

votes = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12),
    elements=st.floats(0, 1),
).map(lambda a: (a + 1e-9) / (a + 1e-9).sum(axis=1, keepdims=True))


@given(votes)
def test_every_measure_lies_between_nothing_and_one(p: npt.NDArray[np.float64]) -> None:
    measures = confidence(p)
    assert measures.shape == (3, len(p))
    assert (measures >= 0).all()
    assert (measures <= 1 + 1e-12).all()


@given(votes)
def test_the_entropy_is_scipy_s_over_that_of_a_uniform_vote(p: npt.NDArray[np.float64]) -> None:
    assert np.allclose(
        confidence(p)[2], entropy(p, axis=1) / np.log(p.shape[1]), rtol=0, atol=1e-12
    )


@given(votes)
def test_top_and_margin_are_those_of_the_two_best(p: npt.NDArray[np.float64]) -> None:
    top, margin, _ = confidence(p)
    assert np.array_equal(top, p.max(axis=1))
    rest = p.copy()
    rest[np.arange(len(p)), p.argmax(axis=1)] = -1
    assert np.array_equal(margin, top - rest.max(axis=1))


@given(votes, st.randoms(use_true_random=False))
def test_the_order_of_the_classes_does_not_matter(
    p: npt.NDArray[np.float64], random: np.random.Generator
) -> None:
    order = list(range(p.shape[1]))
    random.shuffle(order)
    assert np.allclose(confidence(p[:, order]), confidence(p), rtol=0, atol=1e-12)


@given(st.integers(2, 20))
def test_a_uniform_vote_is_undecided_and_a_unanimous_one_certain(classes: int) -> None:
    uniform = confidence(np.full((1, classes), 1 / classes))[:, 0]
    assert np.allclose(uniform, [1 / classes, 0, 1])
    assert confidence(np.eye(1, classes))[:, 0].tolist() == [1, 1, 0]


@given(arrays(np.float64, array_shapes(), elements=st.floats(0, 1)))
def test_a_stored_value_is_within_half_a_step_and_never_no_data(
    value: npt.NDArray[np.float64],
) -> None:
    stored = to_bytes(value)
    assert stored.dtype == np.uint8
    assert (np.abs(stored * SCALE - value) <= SCALE / 2 + 1e-12).all()
    assert (stored != NO_DATA).all()


def test_a_value_of_one_is_stored_as_200() -> None:
    assert to_bytes(np.array([0.0, 0.5, 0.9974, 1.0])).tolist() == [0, 100, 199, 200]


def test_a_vote_of_half_three_tenths_and_a_fifth() -> None:
    top, margin, undecided = confidence(np.array([[0.5, 0.3, 0.2]]))[:, 0]
    assert top == 0.5
    assert margin == 0.2
    assert round(float(undecided), 6) == 0.937231


thresholds = st.floats(1e-30, 1e30)


@given(thresholds, arrays(np.float64, array_shapes(), elements=st.floats(0, 1e3)))
def test_rounding_takes_no_pixel_over_the_threshold(
    threshold: float, times: npt.NDArray[np.float64]
) -> None:
    index = (times * threshold).astype(np.float32)
    stored = dissimilarity_to_bytes(index, threshold)
    assert stored.dtype == np.uint8
    assert (stored != NO_DATA).all()
    assert np.array_equal(stored <= AT_THRESHOLD, index <= np.float32(threshold))


@given(thresholds, st.floats(0.99999, 1.00001))
def test_just_at_the_threshold_is_on_the_right_side_of_it(threshold: float, times: float) -> None:
    near = np.float32(threshold * times)
    around = np.array(
        [near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(np.inf))]
    )
    inside = around <= np.float32(threshold)
    assert dissimilarity_to_bytes(around, threshold).tolist() == np.where(inside, 100, 101).tolist()


@given(thresholds, st.floats(0, 2.5))
def test_a_stored_dissimilarity_is_near_its_value(threshold: float, times: float) -> None:
    index = np.array([times * threshold], np.float32)
    stored = dissimilarity_to_bytes(index, threshold)[0]
    # half a step, and near the threshold the half that rounding must not take
    assert abs(stored * DISSIMILARITY_SCALE - times) <= 0.01 + 1e-6


def test_dissimilarities_far_and_unknown_and_where_the_threshold_is_nothing() -> None:
    index = np.array([0, 0.5, 1, 1.004, 2.533, 99, np.inf, np.nan], np.float32)
    assert dissimilarity_to_bytes(index, 1).tolist() == [0, 50, 100, 101, 253, 254, 254, 255]
    assert dissimilarity_to_bytes(index[[0, 1, 7]], 0).tolist() == [100, 254, 255]
