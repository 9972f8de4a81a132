import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.models import confidence
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.forest import groups
from geocrop_processes.models.forest.columns import FIRST_MASK, Columns
from geocrop_processes.models.forest.groups import Group, groups_of
from geocrop_processes.models.forest.kernels import Compiled, Kernel, kernels
from geocrop_processes.models.forest.trees import Oblivious, Questions, Rule, Trees, Unsupported

KERNELS = {kernel.name: kernel for kernel in kernels()}


def oblivious() -> Oblivious:
    """Two trees over two features: 2 levels and 1."""
    return Oblivious(
        rules=np.zeros(2, np.int32),
        questions=Questions(
            np.array([0, 1, 0]),
            np.array([0.5, -1, 2], np.float32),
            np.array([False, True, False]),
        ),
        depth=np.array([2, 1]),
        values=np.arange(12.0).reshape(6, 2),
        scale=1.0,
        bias=np.zeros(2),
    )


def trees(n: int = 5, seed: int = 0, depth: int = 4) -> Trees:
    """Random trees of 2 classes over 3 features."""
    random = np.random.default_rng(seed)
    left: list[int] = []
    right: list[int] = []

    def grow(level: int) -> int:
        node = len(left)
        left.append(-1)
        right.append(-1)
        if level < depth and random.random() < 0.9:
            left[node] = grow(level + 1)
            right[node] = grow(level + 1)
        return node

    roots = np.array([grow(0) for _ in range(n)])
    count = len(left)
    questions = Questions(
        random.integers(0, 3, count),
        random.normal(size=count).astype(np.float32),
        random.random(count) < 0.5,
    )
    return Trees(
        rules=np.array([Rule.NONE, Rule.NAN_IS_ZERO, Rule.ZERO_IS_MISSING], np.int32),
        questions=questions,
        left=np.array(left),
        right=np.array(right),
        value=random.normal(size=count),
        roots=roots,
        adds_to=np.arange(n) % 2,
        base=np.zeros(2),
    )


def walked(forest: Trees, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """One row and one node after the other: what the kernels must say, (classes, n)."""
    found = np.zeros((len(forest.base), len(rows)))
    asked = forest.questions
    for at, row in enumerate(rows):
        for root, adds_to in zip(forest.roots, forest.adds_to, strict=True):
            node = root
            while forest.left[node] >= 0:
                value, rule = row[asked.feature[node]], forest.rules[asked.feature[node]]
                if rule & Rule.NAN_IS_ZERO and np.isnan(value):
                    value = np.float32(0)
                missing = np.isnan(value) or (bool(rule & Rule.ZERO_IS_MISSING) and value == 0)
                right = asked.missing_right[node] if missing else value >= asked.threshold[node]
                node = (forest.right if right else forest.left)[node]
            found[adds_to, at] += forest.value[node]
    return found


def scored(kernel: str, forest: Trees | Oblivious, rows: npt.NDArray[np.float32]) -> Any:
    parts = groups_of(forest)
    sums = np.zeros((parts[0].classes, len(rows)), parts[0].leaves.dtype)
    for group in parts:
        KERNELS[kernel].score(group, np.ascontiguousarray(rows.T), 0, sums)
    return sums


def rows_around(forest: Trees, n: int, seed: int) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    pool = np.append(forest.questions.threshold, [0, -0.0, np.nan, np.inf, -np.inf])
    return random.choice(pool.astype(np.float32), (n, 3))


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), depth=st.integers(0, 12))
def test_random_trees_are_what_a_plain_walk_says(kernel: str, seed: int, depth: int) -> None:
    forest = trees(3, seed, min(depth, 7) if seed % 3 else depth)
    rows = rows_around(forest, 40, seed)
    assert np.array_equal(scored(kernel, forest, rows), walked(forest, rows))


@pytest.mark.parametrize("kernel", KERNELS)
def test_levels_of_an_oblivious_tree_are_the_bits_of_its_leaf_lowest_first(kernel: str) -> None:
    rows = np.array([[0, -2], [0.5, -2], [0, -1], [2, np.nan], [np.nan, np.nan]], np.float32)
    leaf = np.array([0, 1, 2, 3, 2]), np.array([4, 4, 4, 5, 4])
    expected = oblivious().values[leaf[0]] + oblivious().values[leaf[1]]
    assert np.array_equal(scored(kernel, oblivious(), rows).T, expected)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("limit", [60, 120])
def test_a_forest_of_too_many_thresholds_is_split_and_says_the_same(
    kernel: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    forest = trees(12)
    rows = rows_around(forest, 600, 1)
    whole = scored(kernel, forest, rows)
    monkeypatch.setattr(groups, "_OPERANDS", limit)
    assert len(groups_of(forest)) > 1
    assert np.array_equal(scored(kernel, forest, rows), whole)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("left", 0, "nodes with two parents"),
        ("right", 1, "nodes with two parents"),
        ("right", 99_999, "a node that there is not"),
        ("adds_to", 2, "a class that there is not"),
        ("roots", -1, "a root that there is not"),
        ("value", np.nan, "no ordinary numbers"),
    ],
)
def test_trees_that_lead_astray_are_never_made(name: str, value: float, reason: str) -> None:
    forest = trees(1, 1)
    assert forest.left[0] == 1
    with pytest.raises(Unsupported, match=reason):
        replace(forest, **altered(getattr(forest, name), -1 if name == "value" else 0, value, name))


def test_a_forest_without_trees_is_left_to_its_library() -> None:
    with pytest.raises(Unsupported, match="no trees"):
        trees(0)
    with pytest.raises(Unsupported, match="no trees"):
        replace(oblivious(), depth=np.zeros(0, np.int64))


def test_a_single_tree_that_is_too_large_is_left_to_its_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "_OPERANDS", 3)
    for forest in (trees(2), oblivious()):
        with pytest.raises(Unsupported, match="a tree of too many thresholds"):
            groups_of(forest)


@given(
    thresholds=st.lists(st.floats(width=32), min_size=1, max_size=40),
    right=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_each_question_has_a_mask_and_equal_questions_share_it(
    thresholds: list[float], right: list[bool]
) -> None:
    n = len(thresholds)
    values = np.array(thresholds, np.float32)
    asked = Questions(np.zeros(n, np.int64), values, np.array(right[:n]))
    columns = Columns.of(asked, np.zeros(1, np.int32))
    same = {
        (float(t) + 0.0 if t == t else None, r)  # noqa: PLR0124 - NaN is not itself
        for t, r in zip(values, right, strict=False)
    }
    assert len(set(columns.operands.tolist())) == len(same)
    assert columns.operands.min() >= FIRST_MASK
    assert columns.operands.max() < columns.end
    count = columns.table[0, 2]
    ordered = columns.thresholds[:count]
    assert np.array_equal(np.sort(ordered), ordered, equal_nan=True)
    assert np.isnan(columns.thresholds[count:]).all()


BROKEN: dict[str, Any] = {
    "feature": lambda g: altered(g.columns, (0, 0), 3),
    "start of thresholds": lambda g: altered(g.columns, (0, 1), 10_000),
    "number of thresholds": lambda g: altered(g.columns, (0, 2), 5000),
    "bits": lambda g: altered(g.columns, (0, 3), 0),
    "operand": lambda g: altered(g.columns, (0, 4), 1),
    "others": lambda g: altered(g.columns, (0, 6), 10_000),
    "step": lambda g: altered(g.trees, (0, 1), 10_000, "trees"),
    "bit": lambda g: altered(g.trees, (1, 2), -1, "trees"),
    "width": lambda g: altered(g.trees, (1, 3), 17, "trees"),
    "leaf": lambda g: altered(g.trees, (1, 4), 10_000, "trees"),
    "class": lambda g: altered(g.trees, (1, 5), 2, "trees"),
    "mask of a step": lambda g: altered(g.steps, (0, 0), 65_535, "steps"),
    "choice of a step": lambda g: altered(g.steps, (0, 1), g.first_step, "steps"),
    "mask of a bit": lambda g: altered(g.bits, 0, 65_535, "bits"),
    "mask of another direction": lambda g: altered(g.others, 0, 1, "others"),
    "masks": lambda _: {"first_step": 5},
}


def altered(array: Any, where: Any, value: float, name: str = "columns") -> dict[str, Any]:
    changed = array.copy()
    changed[where] = value
    return {name: changed}


@pytest.mark.parametrize("name", BROKEN)
def test_a_group_whose_indices_lead_astray_is_never_made(name: str) -> None:
    (group,) = groups_of(trees(5))
    with pytest.raises(Unsupported, match="do not fit together"):
        replace(group, **BROKEN[name](group))


def group_and_arrays() -> tuple[Group, npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    (group,) = groups_of(trees(5))
    return group, np.zeros((3, 10), np.float32), np.zeros((2, 10))


@pytest.mark.parametrize("kernel", KERNELS)
def test_arrays_that_do_not_fit_a_group_are_refused(kernel: str) -> None:
    group, features, margins = group_and_arrays()
    cases: list[tuple[Any, int, Any]] = [
        (features[:2], 0, margins),
        (features.astype(np.float64), 0, margins),
        (features[:, ::2], 0, margins[:, :5]),
        (features, 1, margins),
        (features, -1, margins),
        (features, 0, margins[:1]),
        (features, 0, margins.astype(np.float32)),
        (features, 0, np.zeros((2, 11))),
    ]
    for other_features, start, other_margins in cases:
        with pytest.raises(ValueError, match="do not fit"):
            KERNELS[kernel].score(group, other_features, start, other_margins)


@pytest.mark.skipif("c" not in KERNELS, reason="the extension was not compiled here")
def test_the_kernel_in_c_checks_the_lengths_of_buffers_itself() -> None:
    from geocrop_processes.models import _forest  # type: ignore[attr-defined, unused-ignore] # noqa: PLC0415 - it may be absent

    with pytest.raises(ValueError, match="buffers do not fit"):
        _forest.vote(0, np.zeros((2, 3)), np.zeros((2, 2)), 2, -708, 1, 1)
    with pytest.raises(ValueError, match="buffers do not fit"):
        _forest.part(0, np.zeros((2, 3)), np.zeros((2, 3)), 2, 1, np.zeros(4))
    with pytest.raises(ValueError, match="buffers do not fit"):
        _forest.part(0, np.zeros((2, 3)), np.zeros((2, 2)), 2, 1, np.zeros(3))
    with pytest.raises(ValueError, match="buffers do not fit"):
        _forest.temper(0, np.zeros((2, 3)), 4, 1e-12, 1)
    with pytest.raises(ValueError, match="buffers do not fit"):
        _forest.decide(0, np.zeros((2, 3)), 2, 1.0, np.zeros(4, np.uint8), np.zeros(9, np.uint8))
    group, features, margins = group_and_arrays()
    arrays = (group.columns, group.thresholds, group.others, group.trees, group.steps, group.bits)
    numbers = (group.first_other, group.first_step, group.operands, group.classes, True)
    for level, start, count in [(0, 5, 3), (0, 0, 4), (0, -1, 3), (0, 0, 0), (9, 0, 3), (-1, 0, 3)]:
        with pytest.raises(ValueError, match=r"buffers do not fit|no such level"):
            _forest.score(level, *arrays, group.leaves, *numbers, features, count, start, margins)
    assert isinstance(KERNELS["c"], Compiled)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40, deadline=None)
@given(
    classes=st.integers(2, 40), n=st.sampled_from([1, 600]), seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0, 1e-3, 1, 30, 2000]),
)  # fmt: skip
def test_votes_are_the_softmax_and_decisions_the_confidence(
    kernel: str, classes: int, n: int, seed: int, spread: float
) -> None:
    margins = np.random.default_rng(seed).normal(size=(classes, n)) * spread
    total = np.zeros((classes, n))
    KERNELS[kernel].vote(margins.copy(), total)
    powers = np.exp(margins - margins.max(axis=0))
    assert np.allclose(total, powers / powers.sum(axis=0), rtol=1e-14, atol=1e-300)
    first = np.zeros((classes, n))
    KERNELS["numba"].vote(margins.copy(), first)
    assert np.array_equal(total, first)
    best, sure = np.zeros(n, np.uint8), np.zeros((3, n), np.uint8)
    KERNELS[kernel].decide(total, best, sure)
    assert np.array_equal(best, total.argmax(axis=0))
    value = confidence.confidence(total.T)
    tie = np.abs(value / confidence.SCALE % 1 - 0.5) < 1e-9
    assert np.array_equal(sure[~tie], confidence.to_bytes(value)[~tie])


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40, deadline=None)
@given(
    classes=st.integers(2, 40), n=st.sampled_from([1, 600]), seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0, 1e-3, 1, 30, 2000]), temperature=st.floats(0.05, 20),
    weight=st.floats(0, 3),
)  # fmt: skip
def test_votes_are_calibrated_and_weighed_as_the_calibrator_says(
    kernel: str, classes: int, n: int, seed: int, spread: float, temperature: float, weight: float
) -> None:
    margins = np.random.default_rng(seed).normal(size=(classes, n)) * spread
    powers = np.exp(margins - margins.max(axis=0))
    plain = powers / powers.sum(axis=0)
    expected = Temperature(temperature).apply(plain.T).T

    def counted(at: Kernel) -> Any:
        said, total, gap = margins.copy(), np.full((classes, n), 0.25), np.full(n, 0.5)
        at.vote(said, total, temperature, weight)
        at.part(said, total, weight, gap)
        last = said.copy()
        at.temper(last, temperature)
        return said, total, gap, last

    found = counted(KERNELS[kernel])
    said, total, gap, last = found
    assert np.allclose(said, expected, rtol=1e-11, atol=1e-15)
    assert np.allclose(total, 0.25 + weight * said, rtol=1e-15, atol=0)
    assert np.allclose(gap, 0.5 + weight * np.abs(said - total).sum(axis=0), rtol=1e-13, atol=0)
    again = Temperature(temperature).apply(said.T).T
    assert np.allclose(last, again, rtol=1e-9, atol=1e-15)
    for one, two in zip(found, counted(KERNELS["numba"]), strict=True):
        assert np.array_equal(one, two)


def test_an_extension_of_earlier_sources_is_not_used() -> None:
    code = (
        "import sys, types; import geocrop_processes.models as models;"
        "old = types.ModuleType('_forest'); old.levels = lambda: ['c'];"
        "sys.modules['geocrop_processes.models._forest'] = models._forest = old;"
        "from geocrop_processes.models.forest.kernels import kernels;"
        "print([k.name for k in kernels()])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['numba']"


def test_equal_probabilities_give_the_lowest_class_no_margin_and_full_entropy() -> None:
    for kernel in KERNELS.values():
        best, sure = np.full(3, 9, np.uint8), np.zeros((3, 3), np.uint8)
        kernel.decide(np.full((4, 3), 0.25), best, sure)
        assert best.tolist() == [0, 0, 0]
        assert sure.tolist() == [[50] * 3, [0] * 3, [200] * 3]


def test_without_the_extension_numba_is_at_work() -> None:
    code = (
        "import sys; sys.modules['geocrop_processes.models._forest'] = None;"
        "from geocrop_processes.models.forest.kernels import kernels;"
        "print([k.name for k in kernels()])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "['numba']"
