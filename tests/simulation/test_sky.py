"""Passes, clouds, and what the sensor delivers."""

from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import is_clear
from geocrop_processes.simulation import sky
from geocrop_processes.simulation.demo import demo_landscape, demo_witness
from geocrop_processes.simulation.passes import Acquisition, dos, passes
from geocrop_processes.simulation.sampling import Sampling, of_points
from geocrop_processes.simulation.weather import month


def _season(seed: int) -> list[Acquisition]:
    return passes(Season(2021), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def points() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, y = np.meshgrid(np.arange(-1500.0, 1500, 100), np.arange(-1500.0, 1500, 100))
    return x.ravel(), y.ravel()


def test_an_orbit_returns_every_five_days_but_for_missing_passes() -> None:
    found = _season(1)
    assert [a.when for a in found] == sorted(a.when for a in found)
    assert 95 <= len(found) <= 110
    for orbit in (92, 135):
        days = [a.when.date() for a in found if a.orbit == orbit]
        gaps = {(b - a).days for a, b in pairwise(days)}
        assert 5 in gaps
        assert all(gap % 5 == 0 for gap in gaps)
        assert len(days) < 55
    assert all(8 * 60 <= a.when.hour * 60 + a.when.minute <= 8 * 60 + 30 for a in found)


@pytest.mark.parametrize(
    ("day", "season", "expected"),
    [
        (date(2022, 9, 1), 2022, 0),
        (date(2023, 5, 31), 2022, 272),
        (date(2024, 2, 28), 2023, 180),
        (date(2024, 2, 29), 2023, 180),
        (date(2024, 3, 1), 2023, 181),
        (date(2024, 5, 31), 2023, 272),
    ],
)
def test_days_are_counted_without_the_leap_day(day: date, season: int, expected: int) -> None:
    assert dos(day, Season(season)) == expected


def test_months_begin_where_they_begin() -> None:
    days = np.array([0, 29, 30, 121, 122, 241, 242, 272])
    assert month(days).tolist() == [0, 0, 1, 3, 4, 7, 8, 8]


def test_clear_shares_follow_the_months_and_are_bimodal() -> None:
    clear: list[list[float]] = [[] for _ in range(9)]
    neighbours = []
    for seed in range(60):
        found = _season(seed)
        drawn = sky.draw((seed,), 2000, found).clear
        values = [drawn[a.number] for a in found]
        neighbours.append(np.corrcoef(values[:-1], values[1:])[0, 1])
        for a, value in zip(found, values, strict=True):
            clear[int(month(np.array(a.dos)))].append(value)
    means = np.array([np.mean(values) for values in clear])
    assert np.allclose(means, sky.CLEAR_BY_MONTH, atol=0.06)
    january = np.array(clear[4])
    assert ((january < 0.15) | (january > 0.85)).mean() > 0.5
    # the memory of real cubes is 0.3 to 0.35; the season's own course adds to it
    assert 0.3 < np.mean(neighbours) < 0.6


def test_clouds_cover_what_the_pass_says(
    points: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    found = _season(2)
    misses = []
    for seed in range(8):
        climate = sky.draw((seed,), 2000, found)
        for a in found[::6]:
            above = sky.over(climate, a, *points)
            cloudy = (~np.isnan(above.cloud)).mean()
            misses.append(cloudy - 0.9 * (1 - climate.clear[a.number]))
            assert not (above.shadow & ~np.isnan(above.cloud)).any()
    assert abs(np.mean(misses)) < 0.05


def test_the_second_orbit_sees_a_part(
    points: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    found = _season(3)
    part = next(a for a in found if a.partial)
    whole = next(a for a in found if not a.partial)
    shares = [
        sky.over(sky.draw((seed,), 2000, found), part, *points).seen.mean() for seed in range(20)
    ]
    assert np.mean(shares) == pytest.approx(0.4, abs=0.04)
    assert sky.over(sky.draw((0,), 2000, found), whole, *points).seen.all()


@pytest.fixture(scope="module")
def sampling() -> Sampling:
    landscape = demo_landscape()
    x, y = landscape.place.origin
    rng = np.random.default_rng(11)
    east, north = rng.uniform(-1500, 1500, (2, 1500))
    return of_points(landscape, 32735, x + east, y + north)


def test_a_cube_has_clouds_noise_and_mistakes(sampling: Sampling) -> None:
    witness = demo_witness()
    dn, scl, dates = witness.cube(sampling)
    assert dn.shape == (len(witness.passes), 10, 1500)
    assert dates == [a.when.date() for a in witness.passes]
    whole = np.array([not a.partial for a in witness.passes])
    # no data is DN 0 in all bands and SCL 0, and only outside the second orbit's swath
    unseen = scl == 0
    assert np.array_equal(unseen, (dn == 0).all(axis=1))
    assert np.array_equal(unseen, (dn == 0).any(axis=1))
    assert not unseen[whole].any()
    assert unseen[~whole].mean() == pytest.approx(0.6, abs=0.1)
    clear = is_clear(scl)
    assert 0.4 < clear[whole].mean() < 0.75
    classes = set(np.unique(scl).tolist())
    assert {0, 3, 4, 5, 6, 7, 8, 9, 10, 11} <= classes
    # B02 of cloud is bright, and some cloud stays among the clear views
    assert np.median(dn[:, 0][scl == 9]) > 4000
    leaks = (dn[:, 0][clear] > 1600).mean()
    assert 0.01 < leaks < 0.12


def test_copies_of_a_pass_share_all_but_the_noise(sampling: Sampling) -> None:
    witness = demo_witness()
    seen = sampling.plots(witness.fields)
    a = witness.passes[0]
    one, again, other = (witness.scene(a, sampling, seen, copy) for copy in (0, 0, 1))
    assert np.array_equal(one.fine, again.fine)
    assert np.array_equal(one.scl, again.scl)
    assert not np.array_equal(one.fine, other.fine)
    ratio = one.fine[3].astype(float) / np.maximum(other.fine[3], 1)
    assert np.median(np.abs(ratio - 1)) < 0.05
