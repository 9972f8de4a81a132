"""Counts of cropland in a map and in a baseline: complete, additive, and the agreement that others compute."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score

from geocrop_processes.publish.comparison import Comparison

Bools = npt.NDArray[np.bool_]
_three = st.integers(1, 30).flatmap(lambda n: st.tuples(*(arrays(bool, (n, 3)) for _ in range(3))))


def test_the_four_cases_are_told_apart() -> None:
    in_map = np.array([[True, True, False, False, True]])
    in_baseline = np.array([[True, False, True, False, True]])
    compared = np.array([[True, True, True, True, False]])
    assert Comparison.of_block(in_map, in_baseline, compared) == Comparison(1, 1, 1, 1)


@given(_three)
def test_halves_add_up_to_the_whole(three: tuple[Bools, Bools, Bools]) -> None:
    parts = [Comparison.of_block(*(a[rows] for a in three)) for rows in (slice(2), slice(2, None))]
    assert parts[0] + parts[1] == Comparison.of_block(*three)
    assert Comparison.of_block(*three).compared == three[2].sum()


@given(_three)
def test_the_agreement_is_scikit_learns_accuracy(three: tuple[Bools, Bools, Bools]) -> None:
    in_map, in_baseline, compared = three
    ours = Comparison.of_block(*three).agreement
    if compared.any():
        assert ours == pytest.approx(accuracy_score(in_baseline[compared], in_map[compared]))
    else:
        assert ours is None
