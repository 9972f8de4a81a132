import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.areas import AreaEstimates
from geocrop_processes.models.sampling import draw, sample_sizes

PIXELS = {1: 200_000, 2: 150_000, 3: 3_200_000, 4: 6_450_000}
USERS = {1: 0.70, 2: 0.60, 3: 0.90, 4: 0.95}

designs = st.dictionaries(
    st.integers(1, 20),
    st.tuples(st.integers(1, 10**7), st.floats(0.3, 0.99)),
    min_size=1,
    max_size=6,
)


def test_the_total_is_that_of_the_papers_example() -> None:
    """Olofsson et al. 2014, section 5.1.1 and table 5: 641 samples."""
    assert sum(sample_sizes(PIXELS, USERS, target_error=0.01, least=2).values()) == 641


@given(st.integers(100, 10_000))
def test_of_a_small_map_fewer_points_are_enough(pixels: int) -> None:
    """n0 / (1 + n0 / N), Cochran 1977, eq. 4.2, with n0 of a map without end."""
    endless = 0.5 * 0.5 / 0.02**2
    expected = math.ceil(endless / (1 + endless / pixels) - 1e-9)
    assert sample_sizes({1: pixels}, {1: 0.5}, target_error=0.02) == {1: expected}


def test_rare_classes_get_the_least_number_and_the_others_share_by_area() -> None:
    assert sample_sizes(PIXELS, USERS, least=75) == {1: 75, 2: 75, 3: 163, 4: 328}


@given(designs, st.integers(2, 90), st.floats(0.005, 0.1))
def test_every_class_has_its_least_and_none_more_than_its_pixels(
    design: dict[int, tuple[int, float]], least: int, error: float
) -> None:
    pixels = {code: n for code, (n, _) in design.items()}
    users = {code: u for code, (_, u) in design.items()}
    sizes = sample_sizes(pixels, users, target_error=error, least=least)
    assert set(sizes) == set(pixels)
    assert all(min(least, n) <= sizes[code] <= n for code, n in pixels.items())


@given(designs)
def test_a_larger_class_never_gets_fewer(design: dict[int, tuple[int, float]]) -> None:
    pixels = {code: n for code, (n, _) in design.items()}
    sizes = sample_sizes(pixels, {code: u for code, (_, u) in design.items()})
    ordered = sorted(pixels, key=lambda code: pixels[code])
    # two equal remainders may differ by the one point that only one of them can get
    assert all(sizes[a] <= sizes[b] + 1 for a, b in itertools.pairwise(ordered))


def test_a_sample_of_that_size_has_the_standard_error_that_was_asked_for() -> None:
    sizes = sample_sizes(PIXELS, USERS, target_error=0.02, least=2)
    n = np.array(list(sizes.values()))
    right = np.rint(n * list(USERS.values())).astype(np.int64)
    counts = np.diag(right)
    counts[np.arange(4), (np.arange(4) + 1) % 4] = n - right
    found = AreaEstimates.of((1, 2, 3, 4), counts, list(PIXELS.values()))
    # eq. 13 is of the best allocation (Neyman's); a proportional one is a little worse
    assert 0.019 < found.overall.error < 0.0235


def test_points_lie_in_their_class_and_none_is_drawn_twice() -> None:
    classes = np.random.default_rng(1).integers(0, 4, (40, 30)).astype(np.uint8)
    points = draw(classes, {1: 20, 3: 50}, seed=5)
    assert np.array_equal(classes[points.rows, points.columns], points.codes)
    assert np.bincount(points.codes).tolist() == [0, 20, 0, 50]
    assert len(set(zip(points.rows.tolist(), points.columns.tolist(), strict=True))) == 70


def test_the_order_of_points_tells_nothing_of_their_classes() -> None:
    classes = np.repeat([1, 2], 500).reshape(10, 100)
    codes = draw(classes, {1: 100, 2: 100}, seed=2).codes
    # the median rank of either class is in the middle
    assert stats.mannwhitneyu(np.flatnonzero(codes == 1), np.flatnonzero(codes == 2)).pvalue > 0.01


def test_the_seed_decides_what_is_drawn_and_other_classes_do_not() -> None:
    classes = np.random.default_rng(1).integers(1, 4, (40, 30))

    def places(seed: int, sizes: dict[int, int]) -> set[tuple[int, int]]:
        p = draw(classes, sizes, seed=seed)
        return {
            (int(r), int(c))
            for r, c, code in zip(p.rows, p.columns, p.codes, strict=True)
            if code == 2
        }

    assert places(1, {2: 9}) == places(1, {1: 30, 2: 9})
    assert places(1, {2: 9}) != places(2, {2: 9})
    one, other = (draw(classes, {1: 5, 2: 5}, seed=3) for _ in range(2))
    assert np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.columns, other.columns)


def test_every_pixel_of_a_class_is_as_likely_as_any_other() -> None:
    classes = np.ones((4, 5), np.uint8)
    hits = np.zeros((4, 5))
    for seed in range(600):
        points = draw(classes, {1: 5}, seed=seed)
        hits[points.rows, points.columns] += 1
    assert stats.chisquare(hits.ravel()).pvalue > 0.001


def test_a_whole_class_can_be_drawn_and_no_more() -> None:
    classes = np.array([[1, 1, 2]])
    assert sorted(draw(classes, {1: 2}, seed=0).columns) == [0, 1]
    assert len(draw(classes, {}, seed=0).rows) == 0
    with pytest.raises(InvalidSample, match="3 points of class 1 cannot be drawn: the map has 2"):
        draw(classes, {1: 3}, seed=0)
    with pytest.raises(InvalidSample, match="class 0"):
        draw(np.zeros((2, 2), np.uint8), {0: 1}, seed=0)


@pytest.mark.parametrize(
    ("pixels", "users", "options", "words"),
    [
        ({1: 5}, {2: 0.5}, {}, r"classes \[1\], accuracies are expected of \[2\]"),
        ({}, {}, {}, "classes"),
        ({1: 5, 7: 0}, {1: 0.5, 7: 0.5}, {}, r"no pixel of the classes \[7\]"),
        ({1: 5}, {1: 1.5}, {}, r"within 0..1; not so those of \[1\]"),
        ({1: 5}, {1: math.nan}, {}, r"within 0..1; not so those of \[1\]"),
        ({1: 5}, {1: 0.5}, {"target_error": 0.0}, "target error"),
        ({1: 5}, {1: 0.5}, {"least": 1}, "2 or more"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(
    pixels: dict[int, int], users: dict[int, float], options: dict[str, float], words: str
) -> None:
    with pytest.raises(InvalidSample, match=words):
        sample_sizes(pixels, users, **options)  # type: ignore[arg-type]
