"""Counts: blocks add up to the whole, and figures equal numpy's on the whole map."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.publish.tally import Tally

Bytes = npt.NDArray[np.uint8]


@settings(max_examples=20, deadline=None)
@given(size=st.integers(6, 70), seed=st.integers(0, 9))
def test_blocks_of_any_size_in_any_order_sum_to_the_whole(size: int, seed: int) -> None:
    rng = np.random.default_rng(size)
    grid = Grid(32736, 200_000, 8_080_000, 60, 50)
    classes = rng.integers(0, 5, grid.shape, dtype=np.uint8)
    confidence = rng.integers(0, 256, (7, *grid.shape), dtype=np.uint8)
    inside = rng.random(grid.shape) < 0.7
    blocks = [b.slices for b in grid.blocks(size)]
    np.random.default_rng(seed).shuffle(blocks)
    parts = (Tally.of_block(classes[b], confidence[(..., *b)], inside[b]) for b in blocks)
    assert Tally.total(parts) == Tally.of_block(classes, confidence, inside)


def test_figures_equal_those_of_the_whole_arrays(
    classes: Bytes, confidence: Bytes, aoi: Aoi, grid: Grid
) -> None:
    inside = grid.inside(aoi)
    tally = Tally.of_block(classes, confidence, inside)
    assert tally.inside == inside.sum()
    assert tally.mapped == (classes > 0).sum()
    assert tally.pixels[0] == (inside & (classes == 0)).sum()
    for code in (1, 2, 5):
        assert tally.share(code) == pytest.approx((classes == code).sum() / (classes > 0).sum())
        top = confidence[0][classes == code] * 0.005
        assert tally.mean_top(code) == pytest.approx(top.mean())
    assert tally.mean_n_valid() == pytest.approx(confidence[3][inside].mean())
    mapped = classes > 0
    assert tally.mean_disagreement() == pytest.approx(0.005 * confidence[5][mapped].mean())
    assert tally.share_outside() == pytest.approx((confidence[6][mapped] > 100).mean())
    for code in (1, 2, 5):
        outside = confidence[6][classes == code] > 100
        assert tally.outside[code] == outside.sum()
        assert tally.share_outside(code) == pytest.approx(outside.mean())


def test_pixels_that_nothing_judged_are_neither_inside_nor_outside() -> None:
    classes = np.array([[1, 1, 1, 2, 0]], np.uint8)
    confidence = np.full((7, 1, 5), 255, np.uint8)
    confidence[6, 0] = (100, 101, 255, 255, 200)
    tally = Tally.of_block(classes, confidence, np.ones((1, 5), bool))
    assert (tally.judged[1], tally.outside[1]) == (2, 1)
    assert (tally.share_outside(), tally.share_outside(1), tally.share_outside(2)) == (
        0.5,
        0.5,
        None,
    )
    assert tally.mean_disagreement() is None


@pytest.mark.parametrize("q", [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
def test_quantiles_of_clear_views_are_numpys_inverted_cdf(
    confidence: Bytes, classes: Bytes, aoi: Aoi, grid: Grid, q: float
) -> None:
    inside = grid.inside(aoi)
    expected = np.quantile(confidence[3][inside], q, method="inverted_cdf")
    assert Tally.of_block(classes, confidence, inside).quantile_n_valid(q) == expected


def test_pixels_outside_the_aoi_count_nowhere(classes: Bytes, confidence: Bytes) -> None:
    tally = Tally.of_block(classes, confidence, np.zeros(classes.shape, bool))
    assert tally == Tally() == Tally.total([])


def test_an_empty_tally_has_no_figures_rather_than_a_division_by_zero() -> None:
    tally = Tally()
    assert (tally.share(1), tally.mean_top(1)) == (0.0, None)
    assert (tally.mean_n_valid(), tally.quantile_n_valid(0.5)) == (None, None)
    assert (tally.mean_disagreement(), tally.share_outside()) == (None, None)


def test_pixels_without_a_number_of_clear_views_do_not_enter_its_mean() -> None:
    classes = np.array([[1, 1, 0]], np.uint8)
    confidence = np.full((7, 1, 3), 255, np.uint8)
    confidence[0, 0, 0] = 200
    confidence[3, 0, :2] = (10, 20)
    tally = Tally.of_block(classes, confidence, np.ones((1, 3), bool))
    assert (tally.mean_n_valid(), tally.quantile_n_valid(0.5)) == (15, 10)
