import io
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from geocrop_processes.errors import InvalidSample, UnusableModel
from geocrop_processes.models.applicability import Applicability

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Folds = npt.NDArray[np.int64]

seeds = st.integers(0, 10_000)


def sample(seed: int, n: int = 40, features: int = 5) -> tuple[Features, Floats, Folds]:
    """Training samples (features, n), importances, folds."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(features, 3)) @ random.normal(size=(3, n))
    table = mixed + 0.3 * random.normal(size=(features, n)) + random.normal(size=(features, 1))
    return table.astype(np.float32), random.random(features), np.arange(n) % 4


def slowly(
    train: Features, importance: Floats, folds: Folds, pixels: Features
) -> tuple[list[float], float]:
    """The DI of pixels and the threshold, as section 2 of Meyer & Pebesma 2021 tells it, number by number."""
    count = train.shape[1]
    middle = [float(np.mean(row.astype(float))) for row in train]
    spread = [float(np.std(row.astype(float), ddof=1)) for row in train]

    def placed(column: Features) -> list[float]:
        return [
            w * (float(v) - m) / s
            for v, m, s, w in zip(column, middle, spread, importance, strict=True)
        ]

    points = [placed(train[:, i]) for i in range(count)]
    pairs = {
        (i, j): math.dist(points[i], points[j])
        for i in range(count)
        for j in range(count)
        if i != j
    }
    mean = sum(pairs.values()) / len(pairs)
    own = [
        min(pairs[i, j] for j in range(count) if folds[i] != folds[j]) / mean for i in range(count)
    ]
    low, high = np.percentile(own, [25, 75])
    threshold = max(d for d in own if d <= high + 1.5 * (high - low))
    found = [
        min(math.dist(placed(pixels[:, k]), p) for p in points) / mean
        for k in range(pixels.shape[1])
    ]
    return found, threshold


@given(seeds)
def test_index_and_threshold_are_those_of_the_paper_number_by_number(seed: int) -> None:
    train, importance, folds = sample(seed)
    pixels = sample(seed + 1, n=15)[0]
    index, threshold = slowly(train, importance, folds, pixels)
    ours = Applicability.fit(train, importance, folds)
    assert np.allclose(ours.index(pixels), index, rtol=1e-6)
    assert math.isclose(ours.threshold, threshold, rel_tol=1e-12)
    assert ours.inside(pixels).tolist() == [i <= threshold for i in index]


def test_the_nearest_sample_is_the_one_that_a_tree_finds_among_many_features() -> None:
    train, importance, folds = sample(1, n=500, features=51)
    pixels = sample(2, n=400, features=51)[0]
    ours = Applicability.fit(train, importance, folds)
    at = (pixels - ours.mean[:, None]) * ours.weight[:, None]
    distances, _ = cKDTree(ours.points.T).query(at.T)
    assert np.allclose(ours.index(pixels), distances / ours.mean_distance, rtol=1e-6)


@given(seeds)
def test_a_training_sample_is_like_itself(seed: int) -> None:
    train, importance, folds = sample(seed)
    ours = Applicability.fit(train, importance, folds)
    assert not ours.index(train).any()
    assert ours.inside(train).all()


@given(seeds, st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([-8.0, 0.0, 64.0]))
def test_the_unit_and_the_zero_of_a_feature_do_not_matter(
    seed: int, unit: float, zero: float
) -> None:
    train, importance, folds = sample(seed)
    pixels = sample(seed + 1)[0]
    ours = Applicability.fit(train, importance, folds)
    expected = ours.index(pixels)
    train[2], pixels[2] = train[2] * unit + zero, pixels[2] * unit + zero
    other = Applicability.fit(train, importance, folds)
    # a shift rounds float32 values
    assert np.allclose(other.index(pixels), expected, rtol=1e-3, atol=1e-4)
    assert math.isclose(other.threshold, ours.threshold, rel_tol=1e-3)


@given(seeds, st.floats(0.01, 100))
def test_only_the_ratios_of_importances_matter(seed: int, factor: float) -> None:
    train, importance, folds = sample(seed)
    pixels = sample(seed + 1)[0]
    one, other = (Applicability.fit(train, importance * f, folds) for f in (1, factor))
    assert np.allclose(one.index(pixels), other.index(pixels), rtol=1e-5)


@pytest.mark.parametrize("value", [7, np.nan])
def test_a_feature_without_importance_does_not_count(value: float) -> None:
    """Nor need it have a value: an as-of date cuts features off."""
    train, importance, folds = sample(3)
    importance[1] = 0
    train[1] = value
    ours = Applicability.fit(train, importance, folds)
    pixels = sample(4)[0]
    pixels[1] = np.nan
    rest = [0, 2, 3, 4]
    alone = Applicability.fit(train[rest], importance[rest], folds)
    assert np.array_equal(ours.index(pixels), alone.index(pixels[rest]))
    assert np.array_equal(Applicability.from_bytes(ours.to_bytes()).mean, ours.mean)


@given(seeds, st.integers(1, 60))
def test_a_pixel_does_not_depend_on_those_beside_it(seed: int, cut: int) -> None:
    train, importance, folds = sample(seed, features=51)
    pixels = sample(seed + 1, n=61, features=51)[0]
    ours = Applicability.fit(train, importance, folds)
    parts = [ours.index(pixels[:, :cut]), ours.index(pixels[:, cut:])]
    assert np.array_equal(np.concatenate(parts), ours.index(pixels))


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    train, importance, folds = sample(5)
    pixels = sample(6, n=99)[0]
    whole = Applicability.fit(train, importance, folds)
    expected = whole.index(pixels)
    monkeypatch.setattr("geocrop_processes.models.applicability._CELLS", 100)
    small = Applicability.fit(train, importance, folds)
    assert math.isclose(small.mean_distance, whole.mean_distance, rel_tol=1e-12)
    assert np.array_equal(whole.index(pixels), expected)


def test_farther_is_more_unlike_and_at_last_outside() -> None:
    train, importance, folds = sample(7)
    ours = Applicability.fit(train, importance, folds)
    away = np.array([10, 100, 1e4, 1e30], np.float32)
    index = ours.index(np.tile(away, (5, 1)))
    assert (np.diff(index) > 0).all()
    assert not ours.inside(np.tile(away, (5, 1))).any()
    assert not ours.inside(np.full((5, 1), 3e38, np.float32)).any()


def test_what_was_not_seen_is_neither_like_nor_inside() -> None:
    train, importance, folds = sample(8)
    ours = Applicability.fit(train, importance, folds)
    pixels = train[:, :4].copy()
    pixels[3, 1], pixels[0, 2] = np.nan, np.inf
    assert np.isnan(ours.index(pixels)).tolist() == [False, True, True, False]
    assert ours.inside(pixels).tolist() == [True, False, False, True]
    assert ours.index(pixels[:, :0]).shape == (0,)


def test_an_outlier_among_the_samples_does_not_open_the_threshold() -> None:
    train, importance, folds = sample(9)
    train[:, 0] += 50
    ours = Applicability.fit(train, importance, folds)
    assert not ours.inside(train[:, :1] + np.float32(50)).any()
    index, threshold = slowly(train, importance, folds, train[:, :1])
    assert index == [0]
    assert math.isclose(ours.threshold, threshold, rel_tol=1e-12)


def test_folds_that_hold_neighbours_together_widen_the_threshold() -> None:
    """A sample's twin in another fold makes the model look applicable nowhere else; in its own it does not."""
    train, importance, _ = sample(10, n=30)
    twins = np.repeat(train, 2, axis=1)
    apart = Applicability.fit(twins, importance, np.arange(60) % 2)
    together = Applicability.fit(twins, importance, np.arange(60) // 2 % 3)
    assert apart.threshold == 0
    assert together.threshold > 0.05


@given(seeds)
def test_what_is_stored_comes_back_to_the_last_bit(seed: int) -> None:
    train, importance, folds = sample(seed)
    ours = Applicability.fit(train, importance, folds)
    content = ours.to_bytes()
    back = Applicability.from_bytes(content)
    assert back.to_bytes() == content
    pixels = sample(seed + 1)[0]
    assert np.array_equal(back.index(pixels), ours.index(pixels))
    assert back.threshold == ours.threshold


def stored(**changes: object) -> bytes:
    ours = Applicability.fit(*sample(11))
    stream = io.BytesIO()
    np.savez(stream, **{**vars(ours), **changes})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 nothing", "cannot be read"),
        (stored()[:-40], "cannot be read"),
        (stored(mean=np.array([{}, {}], dtype=object)), "cannot be read"),
        (stored(threshold=np.zeros(2)), "cannot be read"),
        (stored(mean=np.zeros(4)), "do not fit together"),
        (stored(points=np.zeros((4, 9))), "do not fit together"),
        (stored(points=np.zeros((5, 0))), "do not fit together"),
        (stored(mean=np.full(5, np.nan)), "not finite"),
        (stored(mean_distance=0.0), "not finite"),
    ],
)
def test_what_is_no_area_of_applicability_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(UnusableModel, match=words):
        Applicability.from_bytes(content)


def test_samples_that_tell_nothing_are_refused() -> None:
    train, importance, folds = sample(12)
    constant = train.copy()
    constant[2] = 0.1
    nan = train.copy()
    nan[0, 0] = np.nan
    for arguments, words in (
        ((train, importance, np.zeros_like(folds)), "two folds"),
        ((constant, importance, folds), r"features \[2\] have one value"),
        ((nan, importance, folds), "finite"),
        ((train, -importance, folds), "from 0 up"),
        ((train, 0 * importance, folds), "not all 0"),
        ((train, importance[:-1], folds), "do not fit together"),
    ):
        with pytest.raises(InvalidSample, match=words):
            Applicability.fit(*arguments)


def test_other_features_than_those_of_the_training_are_refused() -> None:
    ours = Applicability.fit(*sample(13))
    with pytest.raises(UnusableModel, match=r"trained on 5 features; these are \(4, 2\)"):
        ours.index(np.zeros((4, 2), np.float32))
