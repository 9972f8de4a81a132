"""The nearest point: as plain sums over all points say, to the last bit, however the points lie."""

import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from geocrop_processes.models.neighbours import Neighbours
from geocrop_processes.models.searching import LEAF

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]


def plainly(points: Floats, features: Features, mean: Floats, weight: Floats) -> Floats:
    """Squared distances of all to all, summed feature by feature; the least of each place."""
    places = (features - mean[:, None]) * weight[:, None]
    total = np.zeros((places.shape[1], points.shape[1]))
    for place, point in zip(places, points, strict=True):
        total += (place[:, None] - point[None, :]) ** 2
    return total.min(axis=1)


def cloud(seed: int, features: int, n: int, spread: float) -> tuple[Features, Floats, Floats]:
    """Features (features, n) of few causes, and a mean and a weight that place them."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(features, 3)) @ random.normal(size=(3, n))
    table = spread * (mixed + 0.2 * random.normal(size=(features, n))) + 5
    return table.astype(np.float32), random.normal(size=features), random.random(features) + 1e-3


def placed(table: Features, mean: Floats, weight: Floats) -> Floats:
    return np.asarray((table - mean[:, None]) * weight[:, None])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 9999),
    features=st.sampled_from([1, 2, 3, 4, 7, 9, 51]),
    n=st.integers(1, 200),
    spread=st.sampled_from([1e-12, 1e-3, 1.0, 1e3, 1e12]),
)
def test_it_is_what_plain_sums_over_all_points_say_to_the_last_bit(
    seed: int, features: int, n: int, spread: float
) -> None:
    table, mean, weight = cloud(seed, features, n, spread)
    asked = cloud(seed + 1, features, 40, spread)[0]
    asked[:, 0] = table[:, -1]
    points = placed(table, mean, weight)
    found = Neighbours.of(points).squared(asked, mean, weight)
    assert np.array_equal(found, plainly(points, asked, mean, weight))
    assert found[0] == 0


def test_it_finds_what_a_tree_finds_among_thousands() -> None:
    table, mean, weight = cloud(3, 51, 3000, 1.0)
    asked = cloud(4, 51, 500, 1.2)[0]
    points = placed(table, mean, weight)
    distances, _ = cKDTree(points.T).query(placed(asked, mean, weight).T)
    found = Neighbours.of(points).squared(asked, mean, weight)
    assert np.allclose(np.sqrt(found), distances, rtol=1e-12)


def test_points_that_float32_cannot_tell_apart_are_told_apart() -> None:
    """They differ in the ninth digit: in float32 any of them may seem the nearest."""
    random = np.random.default_rng(5)
    points = 1 + 1e-9 * random.normal(size=(6, 500))
    asked = np.ones((6, 3), np.float32)
    zero, one = np.zeros(6), np.ones(6)
    found = Neighbours.of(points).squared(asked, zero, one)
    assert np.array_equal(found, plainly(points, asked, zero, one))


@pytest.mark.parametrize("away", [1e3, 1e10, 1e14, 1e16, 1e25, 3e38])
def test_places_far_away_have_a_nearest_point_too(away: float) -> None:
    table, mean, weight = cloud(6, 5, 100, 1.0)
    points = placed(table, mean, weight)
    asked = np.full((5, 2), away, np.float32)
    asked[0, 1] *= -1
    found = Neighbours.of(points).squared(asked, mean, weight)
    assert np.isfinite(found).all()
    assert np.array_equal(found, plainly(points, asked, mean, weight))


def test_a_place_that_is_not_finite_has_none_and_does_not_spoil_the_next() -> None:
    table, mean, weight = cloud(7, 4, 50, 1.0)
    points = placed(table, mean, weight)
    asked = table[:, :5].copy()
    asked[1, 0], asked[2, 2], asked[3, 3] = np.nan, np.inf, -np.inf
    found = Neighbours.of(points).squared(asked, mean, weight)
    assert np.isnan(found).tolist() == [True, False, True, True, False]
    assert found[[1, 4]].tolist() == [0, 0]


def test_equal_points_and_a_single_one_are_no_trouble() -> None:
    for n in (1, 2, LEAF, LEAF + 1, 5 * LEAF):
        points = np.ones((3, n))
        found = Neighbours.of(points).squared(
            np.array([[1, 0]] * 3, np.float32), np.zeros(3), np.ones(3)
        )
        assert found.tolist() == [0, 3]
        assert Neighbours.of(np.zeros((3, n))).unit == 1


def test_places_in_any_order_by_any_threads_give_the_same() -> None:
    table, mean, weight = cloud(8, 20, 700, 1.0)
    asked = cloud(9, 20, 999, 1.5)[0]
    known = Neighbours.of(placed(table, mean, weight))
    whole = known.squared(asked, mean, weight)
    order = np.random.default_rng(1).permutation(999)
    assert np.array_equal(known.squared(asked[:, order], mean, weight), whole[order])
    parts: dict[int, Floats] = {}

    def work(start: int) -> None:
        parts[start] = known.squared(asked[:, start : start + 111], mean, weight)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 999, 111)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(np.concatenate([parts[start] for start in sorted(parts)]), whole)
