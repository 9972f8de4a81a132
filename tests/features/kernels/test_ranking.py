import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.features.kernels.ranking import exchanges


def exchanged(values: list[float], pairs: npt.NDArray[np.int64]) -> list[float]:
    values = list(values)
    for low, high in pairs:
        values[low], values[high] = sorted((values[low], values[high]))
    return values


@pytest.mark.parametrize("size", range(1, 11))
def test_all_ranks_sort_every_row_of_zeros_and_ones_and_so_every_row(size: int) -> None:
    pairs = exchanges(size, range(size))

    for row in itertools.product([0.0, 1.0], repeat=size):
        assert exchanged(list(row), pairs) == sorted(row)


@pytest.mark.parametrize("size", [5, 6, 9])
def test_each_rank_alone_comes_to_its_place_with_no_more_exchanges(size: int) -> None:
    for rank in range(size):
        pairs = exchanges(size, [rank])

        assert len(pairs) <= len(exchanges(size, range(size)))
        for row in itertools.product([0.0, 1.0], repeat=size):
            assert exchanged(list(row), pairs)[rank] == sorted(row)[rank]


@given(st.lists(st.floats(-2, 20), min_size=27, max_size=27))
def test_the_median_of_a_season_comes_to_its_place(row: list[float]) -> None:
    assert exchanged(row, exchanges(27, [13]))[13] == np.median(row)
