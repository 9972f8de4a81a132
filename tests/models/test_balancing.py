import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from geocrop_processes.models.balancing import class_weights

LABELS = np.repeat([0, 1, 2], [800, 200, 2])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 1), st.floats(1, 50))
def test_weights_are_above_0_of_mean_1_and_at_most_so_many_times_another(
    labels: list[int], power: float, most: float
) -> None:
    found = class_weights(np.array(labels), power=power, most=most)
    assert found.mean() == pytest.approx(1)
    assert found.min() > 0
    assert found.max() / found.min() <= most * (1 + 1e-9)


def test_the_whole_inverse_frequency_is_what_scikit_learn_calls_balanced() -> None:
    theirs = compute_sample_weight("balanced", LABELS)
    found = class_weights(LABELS, power=1, most=1e9)
    assert np.allclose(found, theirs / theirs.mean())


def test_a_class_four_times_as_rare_counts_twice_and_the_rarest_no_more_than_the_limit() -> None:
    found = class_weights(LABELS)
    assert found[800] / found[0] == pytest.approx(2)
    assert found[1000] / found[0] == pytest.approx(5)


def test_without_power_all_count_alike() -> None:
    assert class_weights(LABELS, power=0).tolist() == [1] * len(LABELS)
