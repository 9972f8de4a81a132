"""LightGBM's text as plain trees.

A value goes left where it is at most the threshold, both float64. Values within 1e-35 of zero are zero; NaN is
zero, or missing, or missing as zero is, as the feature's type of missing values says. Leaves are float64 and are
summed from zero in the order of the trees.
Rules: `Tree::NumericalDecision` in LightGBM's include/LightGBM/tree.h and `RowPairFunctionFromDenseMatric` in
src/c_api.cpp.
"""

import re

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.trees import (
    Questions,
    Rule,
    Trees,
    Unsupported,
    above,
    check_shape,
)

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING = np.array([Rule.NAN_IS_ZERO, Rule.ZERO_IS_MISSING, Rule.NONE, -1], np.int32)
"""What the types of missing values mean: none, zero, NaN; there is no fourth."""


def read(content: bytes) -> Trees:
    """The trees of a softmax classifier.

    Raises:
        Unsupported: it is something else, or cannot be understood.
    """
    try:
        return _trees(content.decode())
    except Unsupported:
        raise
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise Unsupported(f"its text cannot be understood ({type(error).__name__})") from error


def _trees(text: str) -> Trees:
    body, _, _ = text.partition("\nend of trees")
    head, *blocks = re.split(r"\n(?=Tree=)", body)
    header, found = _entries(head), [_entries(block) for block in blocks]
    classes = _check(head, header, found)
    leaves = np.array([int(tree["num_leaves"]) for tree in found], np.int64)
    if (leaves < 1).any():
        raise Unsupported("it has trees without leaves")
    inner = leaves - 1
    features = int(header["max_feature_idx"]) + 1
    check_shape(classes, features)
    decision = _joined(found, "decision_type", np.int64)
    threshold = _joined(found, "threshold", np.float64)
    split = _joined(found, "split_feature", np.int64)
    value = _joined(found, "leaf_value", np.float64)
    children = [_joined(found, side, np.int64) for side in ("left_child", "right_child")]
    if len(value) != leaves.sum() or any(
        len(array) != inner.sum() for array in (decision, threshold, split, *children)
    ):
        raise Unsupported("its arrays have different lengths")
    if np.isnan(threshold).any():
        raise Unsupported("it has thresholds that are no numbers")
    left, right = (_nodes(child, leaves) for child in children)
    blank = np.zeros(len(value), np.int64)
    questions = Questions(
        np.concatenate([split, blank]),
        np.concatenate([above(threshold), blank.astype(np.float32)]),
        np.concatenate([(decision & _DEFAULT_LEFT) == 0, blank.astype(np.bool_)]),
    )
    first, first_leaf = np.cumsum(inner) - inner, np.cumsum(leaves) - leaves
    return Trees(
        rules=_rules(split, decision, features),
        questions=questions,
        left=np.concatenate([left, blank - 1]),
        right=np.concatenate([right, blank - 1]),
        value=np.concatenate([np.zeros(len(split)), value]),
        roots=np.where(inner > 0, first, inner.sum() + first_leaf),
        adds_to=np.arange(len(found)) % classes,
        base=np.zeros(classes),
    )


def _check(head: str, header: dict[str, str], trees: list[dict[str, str]]) -> int:
    """The number of classes."""
    objective = header["objective"].split()
    if objective[0] != "multiclass":
        raise Unsupported(f"its objective is {objective[0]}, not multiclass")
    classes = int(header["num_class"])
    if int(header["num_tree_per_iteration"]) != classes or classes < 1 or len(trees) % classes:
        raise Unsupported("it has another number of trees than classes in a round")
    if "\naverage_output" in head:
        raise Unsupported("it averages its trees")
    if any(int(tree.get("num_cat", "0")) for tree in trees):
        raise Unsupported("it has categorical splits")
    if any(int(tree.get("is_linear", "0")) for tree in trees):
        raise Unsupported("its leaves are linear functions")
    return classes


def _entries(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _joined[T: np.generic](
    trees: list[dict[str, str]], name: str, dtype: type[T]
) -> npt.NDArray[T]:
    """An array of all trees, one after the other; a tree of a single leaf has no questions."""
    words = " ".join(tree.get(name, "") for tree in trees).split()
    return np.array(words, np.float64 if dtype is np.float64 else np.int64).astype(dtype)


def _nodes(child: npt.NDArray[np.int64], leaves: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Children as nodes: first all inner nodes of all trees, then all leaves; a leaf l is ~l in the text."""
    inner = leaves - 1
    count, total = np.repeat(inner, inner), int(inner.sum())
    first = np.repeat(np.cumsum(inner) - inner, inner)
    first_leaf = np.repeat(np.cumsum(leaves) - leaves, inner)
    if (child >= count).any() or (~child >= count + 1).any():
        raise Unsupported("it names a node that there is not")
    return np.where(child >= 0, first + child, total + first_leaf + ~child)


def _rules(
    split: npt.NDArray[np.int64], decision: npt.NDArray[np.int64], features: int
) -> npt.NDArray[np.int32]:
    if (decision & _CATEGORICAL).any():
        raise Unsupported("it has categorical splits")
    if split.size and not 0 <= split.min() <= split.max() < features:
        raise Unsupported("it names a feature that there is not")
    of_test = _MISSING[(decision >> 2) & 3]
    rules = np.zeros(features, np.int32)
    rules[split] = of_test
    if (rules[split] != of_test).any() or (of_test < 0).any():
        raise Unsupported("a feature has several types of missing values")
    return rules | Rule.TINY_IS_ZERO
