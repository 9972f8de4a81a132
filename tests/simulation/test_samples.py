"""Samples, and whether the simulated task is as hard as a real one."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score

from geocrop_processes.domain.grid import Grid
from geocrop_processes.features.bands import harmonise
from geocrop_processes.features.compute import compute
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.until import known
from geocrop_processes.simulation import DEMO_AOI, DEMO_SEASON, LEGEND, Samples, training_samples
from geocrop_processes.simulation.demo import demo_landscape, demo_witness
from geocrop_processes.simulation.samples import samples_as_of, sites
from geocrop_processes.simulation.sampling import of_points


@pytest.fixture(scope="module")
def samples() -> Samples:
    said: list[float] = []
    drawn = training_samples(0, 200, lambda share, _: said.append(share), groups=4)
    assert said[0] == 0
    assert said[-1] == 1
    return drawn


def test_samples_have_features_labels_and_groups(samples: Samples) -> None:
    n = len(samples.labels)
    assert samples.features.shape == (n, 51)
    assert samples.features.dtype == np.float32
    assert np.isfinite(samples.features).all()
    assert set(samples.labels.tolist()) == set(LEGEND.codes)
    assert np.bincount(samples.labels)[1:].min() > 120
    assert np.unique(samples.groups).tolist() == list(range(4))
    assert DEMO_SEASON.year not in samples.seasons
    assert len(set(zip(samples.groups, samples.seasons, strict=True))) == 4


def test_the_same_seed_draws_the_same_samples_and_another_others() -> None:
    def draw(seed: int) -> Samples:
        return training_samples(seed, 6, lambda _, __: None, groups=1)

    one, again, other = draw(3), draw(3), draw(4)
    assert np.array_equal(one.features, again.features)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.features, other.features[: len(one.features)])


def test_the_same_pixels_are_seen_as_of_several_dates() -> None:
    dates = ("10-31", "02-28", "")
    samples = training_samples(3, 6, lambda _, __: None, groups=1)

    found = samples_as_of(sites(3, 1), 6, dates, lambda _, __: None)

    assert tuple(found) == dates
    assert np.array_equal(found[""].features, samples.features)
    assert np.array_equal(found[""].labels, samples.labels)
    for as_of, until in (("10-31", 6), ("02-28", 18)):
        of_date = found[as_of]
        assert np.isfinite(of_date.features[:, known(until)]).all()
        assert np.isnan(of_date.features[:, ~known(until)]).all()
        assert len(of_date.labels) <= len(samples.labels)
    # what was known by February is what it is as of February
    september = FEATURE_ORDER_V1.index("ndvi_sep")
    assert np.array_equal(found["02-28"].features[:, september], samples.features[:, september])
    assert np.array_equal(found["02-28"].labels, samples.labels)


@pytest.fixture(scope="module")
def forest(samples: Samples) -> RandomForestClassifier:
    forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=0, n_jobs=2)
    return forest.fit(samples.features, samples.labels)


Cube = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def demo() -> Cube:
    """Digital numbers, SCL and truth of 4,000 pixels of the demo's circle."""
    grid = Grid.of_aoi(DEMO_AOI, 32735)
    x, y = (a[grid.inside(DEMO_AOI)] for a in np.meshgrid(*grid.centres()))
    chosen = np.random.default_rng(5).choice(len(x), 4000, replace=False)
    sampling = of_points(demo_landscape(), 32735, x[chosen], y[chosen])
    dn, scl, _ = demo_witness().cube(sampling)
    return dn, scl, sampling.labels(demo_landscape())


def _agreement(
    forest: RandomForestClassifier,
    dn: npt.NDArray[np.uint16],
    scl: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.uint8],
) -> tuple[float, float]:
    dates = [a.when.date() for a in demo_witness().passes]
    values = compute(dn, scl, dates).values.T
    known = np.isfinite(values).all(axis=1)
    assert known.mean() > 0.99
    told = forest.predict(values[known])
    macro = f1_score(truth[known], told, average="macro", labels=LEGEND.codes, zero_division=0)
    return float((told == truth[known]).mean()), float(macro)


def test_the_demo_is_neither_too_easy_nor_too_hard_and_mistakes_cost(
    forest: RandomForestClassifier, demo: Cube
) -> None:
    dn, scl, truth = demo
    right, macro = _agreement(forest, dn, scl, truth)
    assert 0.75 <= right <= 0.93
    assert macro >= 0.65
    wrong_offset, _ = _agreement(forest, harmonise(dn, -1000), scl, truth)
    assert wrong_offset < right - 0.1
    no_mask, _ = _agreement(forest, dn, np.where(scl == 0, scl, 4).astype(np.uint8), truth)
    assert no_mask < right - 0.05
