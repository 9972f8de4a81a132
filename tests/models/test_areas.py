import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.areas import AreaEstimates, Estimate

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

CODES = (1, 2, 3, 4)
"""Deforestation, forest gain, stable forest, stable non-forest."""
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Olofsson et al. 2014, table 8."""
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09
"""Its mapped areas in hectares: pixels of 30 m."""

counts = hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 40)).map(
    lambda table: table + 2 * np.eye(3, dtype=np.int64)
)
areas = hnp.arrays(np.float64, 3, elements=st.floats(0.5, 1000))


def printed(estimate: Estimate, digits: int) -> tuple[float, float]:
    return round(estimate.value, digits), round(estimate.margin, digits)


def test_the_worked_example_of_the_paper_comes_out_to_its_digits() -> None:
    """Olofsson et al. 2014, section 5.2, p. 54.

    The paper prints 0.23 and 0.01 as margins of the second and the last producer's accuracy; its own eq. 7 gives
    0.254 and 0.018.
    """
    found = AreaEstimates.of(CODES, COUNTS, MAPPED)
    assert printed(found.overall, 2) == (0.95, 0.02)
    assert [printed(e, 2) for e in found.users.values()] == [
        (0.88, 0.07),
        (0.73, 0.10),
        (0.93, 0.04),
        (0.96, 0.02),
    ]
    assert [printed(e, 2) for e in found.producers.values()] == [
        (0.75, 0.21),
        (0.85, 0.25),
        (0.93, 0.03),
        (0.96, 0.02),
    ]
    assert [printed(e, 0) for e in found.areas.values()] == [
        (21_158, 6_158),
        (11_686, 3_756),
        (285_770, 15_510),
        (581_386, 16_282),
    ]


def ratio(
    numerator: list[Floats], denominator: list[Floats], size: Floats
) -> tuple[float, float, float]:
    """Numerator, ratio and its standard error, of variables that each sample of each stratum has.

    Stehman 2014 (International Journal of Remote Sensing 35: 4923-4939), eqs. 2, 25, 27, 28 and 29, without the
    finite population correction; the combined ratio estimator of Cochran 1977, section 6.11.
    """
    y = sum(n * v.mean() for n, v in zip(size, numerator, strict=True))
    x = sum(n * v.mean() for n, v in zip(size, denominator, strict=True))
    r = y / x
    variance = sum(
        n**2 * np.var(a - r * b, ddof=1) / len(a)
        for n, a, b in zip(size, numerator, denominator, strict=True)
    )
    return float(y), float(r), float(np.sqrt(variance)) / float(x)


def test_the_oracle_meets_the_worked_example_of_its_own_paper() -> None:
    """Stehman 2014, tables 2 and 3, pp. 4932 to 4936, whose strata are not the map's classes."""
    mapped = ["A" * 7 + "B" * 3, "A" + "B" * 9, "BB" + "C" * 6 + "BB", "D" * 10]
    reference = ["AAAAACBABC", "ABBBBBAABB", "CCCCCDDBBA", "DDDDDDDCCB"]
    size = np.array([40_000.0, 30_000, 20_000, 10_000])
    pairs = [
        [(m, r) for m, r in zip(ms, rs, strict=True)]
        for ms, rs in zip(mapped, reference, strict=True)
    ]

    def indicator(test: Callable[[str, str], bool]) -> list[Floats]:
        return [np.array([float(test(m, r)) for m, r in stratum]) for stratum in pairs]

    everywhere = indicator(lambda _m, _r: True)
    area = ratio(indicator(lambda _m, r: r == "A"), everywhere, size)
    assert (round(area[1], 2), round(area[2], 3)) == (0.35, 0.082)
    overall = ratio(indicator(lambda m, r: m == r), everywhere, size)
    assert (round(overall[1], 2), round(overall[2], 3)) == (0.63, 0.085)
    both = indicator(lambda m, r: m == r == "B")
    users = ratio(both, indicator(lambda m, _r: m == "B"), size)
    assert (round(users[1], 3), round(users[2], 3)) == (0.574, 0.125)
    producers = ratio(both, indicator(lambda _m, r: r == "B"), size)
    assert round(producers[1], 3) == 0.794


@given(counts, areas)
def test_estimates_are_those_of_ratios_of_indicators(table: Counts, mapped: Floats) -> None:
    found = AreaEstimates.of((5, 6, 7), table, mapped)
    reference = [np.repeat([5, 6, 7], row) for row in table]
    ones = [np.ones(len(r)) for r in reference]
    right = [(r == code).astype(float) for r, code in zip(reference, (5, 6, 7), strict=True)]

    def same(estimate: Estimate, value: float, error: float) -> bool:
        return bool(np.allclose([estimate.value, estimate.error], [value, error], atol=1e-9))

    _, value, error = ratio(right, ones, mapped)
    assert same(found.overall, value, error)
    for i, code in enumerate((5, 6, 7)):
        of_class = [(r == code).astype(float) for r in reference]
        total, share, share_error = ratio(of_class, ones, mapped)
        assert same(found.areas[code], total, share_error * mapped.sum())
        assert math.isclose(share * mapped.sum(), total)
        in_map = [o * (s == i) for s, o in enumerate(ones)]
        both = [o * (s == i) for s, o in enumerate(of_class)]
        assert same(found.users[code], *ratio(both, in_map, mapped)[1:])
        assert same(found.producers[code], *ratio(both, of_class, mapped)[1:])


def test_standard_errors_are_the_spread_of_estimates_over_many_samples() -> None:
    random = np.random.default_rng(3)
    truth = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.05, 0.05, 0.9]])
    mapped, n = np.array([10.0, 30, 60]), np.array([60, 80, 120])
    drawn = [
        AreaEstimates.of(
            (1, 2, 3),
            np.array([random.multinomial(k, p) for k, p in zip(n, truth, strict=True)]),
            mapped,
        )
        for _ in range(2000)
    ]
    picks: list[Callable[[AreaEstimates], Estimate]] = [
        lambda e: e.overall,
        lambda e: e.users[1],
        lambda e: e.producers[1],
        lambda e: e.producers[3],
        lambda e: e.areas[2],
    ]
    for pick in picks:
        values = np.array([pick(e).value for e in drawn])
        told = np.mean([pick(e).error for e in drawn])
        # 2,000 draws know a spread to about 1.6 %
        assert math.isclose(told, values.std(), rel_tol=0.08)
    assert math.isclose(
        np.mean([e.areas[2].value for e in drawn]), mapped @ truth[:, 1], rel_tol=0.01
    )


@given(counts, areas, st.floats(0.01, 1000))
def test_areas_follow_the_unit_and_accuracies_do_not_know_it(
    table: Counts, mapped: Floats, unit: float
) -> None:
    one, other = (AreaEstimates.of((1, 2, 3), table, mapped * u) for u in (1.0, unit))
    assert np.allclose(
        [(e.value * unit, e.error * unit) for e in one.areas.values()],
        [(e.value, e.error) for e in other.areas.values()],
    )
    assert math.isclose(one.overall.value, other.overall.value)
    assert math.isclose(sum(e.value for e in one.areas.values()), mapped.sum())


def test_a_map_without_errors_has_its_own_areas_and_no_doubt() -> None:
    found = AreaEstimates.of((1, 2), np.diag([9, 30]), [2.0, 8.0])
    assert (found.overall.value, found.overall.error) == (1, 0)
    assert [(e.value, e.error) for e in found.areas.values()] == [(2, 0), (8, 0)]
    assert found.areas[1].interval == (2, 2)


def test_a_class_that_only_the_reference_knows_has_an_area_and_no_users_accuracy() -> None:
    found = AreaEstimates.of((1, 2), np.array([[8, 2], [0, 0]]), [100.0, 0.0])
    assert math.isclose(found.areas[2].value, 20)
    assert math.isclose(found.areas[2].error, 100 * math.sqrt(0.2 * 0.8 / 9))
    assert math.isnan(found.users[2].value)
    assert math.isnan(found.users[2].error)
    assert found.producers[2].value == 0


def test_a_class_that_no_reference_is_of_has_no_producers_accuracy() -> None:
    found = AreaEstimates.of((1, 2), np.array([[8, 0], [4, 0]]), [100.0, 50.0])
    assert found.areas[2].value == 0
    assert found.users[2].value == 0
    assert math.isnan(found.producers[2].value)


def test_one_sample_in_a_class_leaves_errors_undefined_and_says_so() -> None:
    found = AreaEstimates.of((1, 2), np.array([[1, 0], [3, 17]]), [100.0, 50.0])
    assert found.single == (1,)
    assert found.users[1].value == 1
    assert math.isnan(found.users[1].error)
    assert math.isnan(found.overall.error)
    assert math.isnan(found.areas[2].error)
    assert math.isfinite(found.users[2].error)
    assert AreaEstimates.of(CODES, COUNTS, MAPPED).single == ()


@pytest.mark.parametrize(
    ("table", "mapped", "words"),
    [
        ([[1, 2], [0, 0]], [5.0, 5.0], r"No reference sample lies in the map classes \[9\]"),
        ([[1, 2], [3, 0]], [5.0, 0.0], r"classes \[9\], which have no mapped area"),
        ([[1, -2], [3, 1]], [5.0, 5.0], "from 0 up"),
        ([[1, math.nan], [3, 1]], [5.0, 5.0], "from 0 up"),
        ([[1, 2], [3, 1]], [5.0, -5.0], "areas are numbers from 0 up"),
        ([[1, 2], [3, 1]], [5.0, math.inf], "areas are numbers from 0 up"),
        ([[0, 0], [0, 0]], [0.0, 0.0], "not all 0"),
        ([[1, 2, 3], [3, 1, 3]], [5.0, 5.0], r"need counts \(2, 2\)"),
    ],
)
def test_what_is_no_sample_of_a_map_is_refused(
    table: list[list[float]], mapped: list[float], words: str
) -> None:
    with pytest.raises(InvalidSample, match=words):
        AreaEstimates.of((8, 9), np.array(table), mapped)
