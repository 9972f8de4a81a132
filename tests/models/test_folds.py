from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.folds import (
    blocks,
    ground,
    joined,
    lacking,
    random_folds,
    spatial_folds,
    straddling,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

seeds = st.integers(0, 10_000)


def place(seed: int, n: int = 300) -> tuple[Floats, Floats, Ints]:
    """Eastings, northings and classes of samples in a square of 100 km."""
    random = np.random.default_rng(seed)
    return (
        500_000 + 100_000 * random.random(n),
        8_000_000 + 100_000 * random.random(n),
        random.choice([1, 4, 9], n, p=[0.6, 0.3, 0.1]),
    )


@given(seeds, st.sampled_from([500.0, 10_000.0, 30_000.0]))
def test_samples_share_a_block_where_they_lie_in_one_square_of_the_grid(
    seed: int, side: float
) -> None:
    x, y, _ = place(seed, n=60)
    found = blocks(x, y, block_m=side)
    for i in range(60):
        for j in range(60):
            same = x[i] // side == x[j] // side and y[i] // side == y[j] // side
            assert (found[i] == found[j]) == same


def test_blocks_go_on_beyond_zero() -> None:
    found = blocks(np.array([-5.0, 5, 15]), np.zeros(3), block_m=10)
    assert found.tolist() == [0, 1, 2]


@given(seeds, st.integers(2, 6))
def test_no_block_is_in_two_folds_and_every_fold_has_samples(seed: int, folds: int) -> None:
    x, y, classes = place(seed)
    groups = blocks(x, y, block_m=20_000)
    found = spatial_folds(classes, groups, folds=folds, seed=seed)
    assert straddling(groups, found) == []
    assert set(found.tolist()) == set(range(folds))


@given(seeds)
def test_classes_are_spread_over_spatial_folds_as_far_as_possible(seed: int) -> None:
    x, y, classes = place(seed)
    found = spatial_folds(classes, blocks(x, y, block_m=10_000), seed=seed)
    for code in (1, 4, 9):
        share = np.bincount(found[classes == code], minlength=5) / (classes == code).sum()
        assert np.abs(share - 0.2).max() < 0.15
    assert lacking(classes, found) == {}


@given(seeds)
def test_random_folds_are_stratified_and_know_no_blocks(seed: int) -> None:
    x, y, classes = place(seed)
    found = random_folds(classes, seed=seed)
    for code in (1, 4, 9):
        assert np.ptp(np.bincount(found[classes == code], minlength=5)) <= 1
    assert straddling(blocks(x, y, block_m=20_000), found)


@pytest.mark.parametrize(
    "make",
    [
        lambda c, seed: random_folds(c, seed=seed),
        lambda c, seed: spatial_folds(c, np.arange(len(c)) // 5, seed=seed),
    ],
)
def test_the_seed_decides_the_folds(make: Callable[[Ints, int], Ints]) -> None:
    _, _, classes = place(1)
    assert np.array_equal(make(classes, 1), make(classes, 1))
    assert not np.array_equal(make(classes, 1), make(classes, 2))


def test_a_field_in_two_blocks_joins_them() -> None:
    block = np.array([0, 0, 1, 1, 2, 3])
    field = np.array([7, 8, 8, 9, 5, 6])
    assert joined(block, field).tolist() == [0, 0, 0, 0, 1, 2]


def test_fields_side_by_side_do_not_make_one_group_of_all() -> None:
    """Each border between blocks has a field on both sides."""
    x = np.arange(0, 4000, 50.0)
    fields = (x // 350).astype(int)
    y = np.zeros_like(x)
    assert len(np.unique(joined(blocks(x, y, block_m=1000), fields))) == 1
    found, rule = ground(x, y, fields, block_m=1000, folds=3)
    assert rule == "a field wholly in that of its centre"
    assert len(np.unique(found)) == 4
    assert straddling(fields, found) == []
    for group in np.unique(found):
        assert np.ptp(x[found == group]) < 1000 + 350


def test_no_block_is_cut_where_fields_leave_enough_groups() -> None:
    x = np.array([10, 990, 1010, 2500, 3500, 4500, 4600.0])
    fields = np.array([0, 1, 1, 2, 3, 4, 5])
    found, rule = ground(x, np.zeros(7), fields, block_m=1000, folds=4)
    assert rule == "joined where a field lies in several"
    assert found.tolist() == [0, 0, 0, 1, 2, 3, 3]


def test_one_place_stays_one_group() -> None:
    found, rule = ground(np.arange(5.0), np.zeros(5), np.arange(5), block_m=1000, folds=3)
    assert rule == "joined where a field lies in several"
    assert found.tolist() == [0] * 5


@given(seeds, st.integers(2, 40))
def test_joined_groups_split_neither_blocks_nor_fields_and_are_the_smallest_such(
    seed: int, several: int
) -> None:
    random = np.random.default_rng(seed)
    first, second = random.integers(0, several, 40), random.integers(0, several, 40)
    found = joined(first, second)
    assert straddling(first, found) == straddling(second, found) == []
    # the oracle: paint over until nothing changes
    paint = np.arange(40)
    for _ in range(40):
        for ids in (first, second):
            for i in np.unique(ids):
                paint[ids == i] = paint[ids == i].min()
    pairs = set(zip(paint.tolist(), found.tolist(), strict=True))
    assert len(pairs) == len(set(paint.tolist())) == len(set(found.tolist()))


def test_a_group_in_two_folds_is_found() -> None:
    assert straddling(np.array([3, 3, 5, 5, 9]), np.array([0, 1, 2, 2, 0])) == [3]


def test_classes_that_a_fold_lacks_are_told() -> None:
    """A class with fewer samples than folds."""
    classes = np.array([1] * 30 + [2] * 3)
    found = random_folds(classes, seed=1)
    missing = lacking(classes, found)
    assert list(missing.values()) == [[2], [2]]
    assert set(missing) == set(range(5)) - set(found[classes == 2].tolist())


@pytest.mark.parametrize(
    ("classes", "groups", "folds", "words"),
    [
        ([1] * 9, [0] * 9, 2, "1 groups of samples make no 2 folds"),
        ([1] * 9, range(9), 1, "two folds or more"),
        (range(9), range(9), 3, "No class has 3 samples"),
        ([1] * 9, range(8), 3, "do not fit together"),
        ([], [], 2, "0 groups"),
    ],
)
def test_samples_that_make_no_folds_are_refused(
    classes: list[int], groups: list[int], folds: int, words: str
) -> None:
    with pytest.raises(InvalidSample, match=words):
        spatial_folds(np.array(classes, int), np.array(groups, int), folds=folds, seed=1)


@pytest.mark.parametrize(
    ("x", "y", "side", "words"),
    [
        ([0.0, np.nan], [0.0, 0.0], 5.0, "finite"),
        ([0.0], [0.0, 0.0], 5.0, "pairs"),
        ([0.0], [0.0], 0.0, "above 0 m"),
        ([0.0], [0.0], np.nan, "above 0 m"),
    ],
)
def test_what_is_no_grid_is_refused(
    x: list[float], y: list[float], side: float, words: str
) -> None:
    with pytest.raises(InvalidSample, match=words):
        blocks(np.array(x), np.array(y), block_m=side)
