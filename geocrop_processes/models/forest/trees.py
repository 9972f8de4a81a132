"""Forests as plain arrays, whatever library grew them."""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

Leaves = npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""Values of leaves, in the precision in which the library sums them."""

_CLASSES = 255
"""What a byte can name beside no data."""
_FEATURES = 65535
_LARGEST = 1e30
"""A leaf beyond it could make sums infinite."""


class Unsupported(ValueError):
    """A forest of a kind that is left to its own library; the message says which kind."""


class Rule(IntFlag):
    """What a library makes of special values of a feature before it compares them."""

    NONE = 0
    """NaN is missing, and nothing else is special."""
    TINY_IS_ZERO = 1
    """Values within 1e-35 of zero are zero."""
    NAN_IS_ZERO = 2
    """NaN is zero, and nothing is missing."""
    ZERO_IS_MISSING = 4
    """Zero is missing, as NaN is."""
    MISSING_IS_RIGHT = 8
    """Most questions of the feature send what is missing to the right: not a library's rule, a column's."""


@dataclass(frozen=True)
class Questions:
    """Questions at nodes: does the value go right, that is, is it at least the threshold?"""

    feature: npt.NDArray[np.int64]
    """(questions,) which feature."""
    threshold: npt.NDArray[np.float32]
    """(questions,) NaN where no value goes right."""
    missing_right: npt.NDArray[np.bool_]
    """(questions,) whether a missing value goes right."""


@dataclass(frozen=True)
class Trees:
    """Trees of any shape; each adds one leaf to one class.

    Nodes of all trees stand in one row of arrays (nodes,).
    """

    rules: npt.NDArray[np.int32]
    """(features,) `Rule` of each feature."""
    questions: Questions
    """Of each node; at leaves they say nothing."""
    left: npt.NDArray[np.int64]
    """Node of the left child; -1 at leaves."""
    right: npt.NDArray[np.int64]
    """Node of the right child; -1 at leaves."""
    value: Leaves
    """What a leaf adds."""
    roots: npt.NDArray[np.int64]
    """(trees,) the node where each begins, in the order in which they are summed."""
    adds_to: npt.NDArray[np.int64]
    """(trees,) the class to which each adds."""
    base: Leaves
    """(classes,) where the sums begin."""

    def __post_init__(self) -> None:
        if not len(self.roots):
            raise Unsupported("it has no trees")
        nodes = len(self.left)
        inner = self.left >= 0
        for children in (self.left[inner], self.right[inner]):
            _within(children, nodes, "a node that there is not")
        _within(self.roots, nodes, "a root that there is not")
        # so every way down from a root ends
        named = np.concatenate([self.roots, self.left[inner], self.right[inner]])
        if np.bincount(named).max() > 1:
            raise Unsupported("it has nodes with two parents")
        _within(self.questions.feature[inner], len(self.rules), "a feature that there is not")
        _within(self.adds_to, len(self.base), "a class that there is not")
        check_values(self.value[~inner])
        check_values(self.base)


@dataclass(frozen=True)
class Oblivious:
    """Trees that ask one question per level; each adds a row of values, one per class."""

    rules: npt.NDArray[np.int32]
    """(features,) `Rule` of each feature."""
    questions: Questions
    """Of all levels of all trees, one after the other; the first of a tree is the index's lowest bit."""
    depth: npt.NDArray[np.int64]
    """(trees,) levels."""
    values: npt.NDArray[np.float64]
    """(leaves, classes) of all trees, one after the other, 2**depth each."""
    scale: float
    """What sums are multiplied by."""
    bias: npt.NDArray[np.float64]
    """(classes,) what is added then."""

    def __post_init__(self) -> None:
        if not len(self.depth):
            raise Unsupported("it has no trees")
        _within(self.questions.feature, len(self.rules), "a feature that there is not")
        _within(self.depth, 17, "more than 16 levels")
        if (
            len(self.questions.feature) != self.depth.sum()
            or len(self.values) != (2**self.depth).sum()
        ):
            raise Unsupported("its trees have other numbers of levels and leaves than they say")
        if self.values.shape[1:] != self.bias.shape:
            raise Unsupported("its leaves have another number of classes than its bias")
        check_values(self.values * self.scale)
        check_values(self.bias)


def _within(numbers: npt.NDArray[np.int64], count: int, what: str) -> None:
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise Unsupported(f"it names {what}")


def check_shape(classes: int, features: int) -> None:
    """Numbers that a map can have; others are those of a broken file.

    Raises:
        Unsupported: there are too many classes or features, or none.
    """
    if not (2 <= classes <= _CLASSES and 1 <= features <= _FEATURES):
        raise Unsupported(f"it has {classes} classes and {features} features")


def check_values(values: npt.NDArray[np.floating]) -> None:
    """Sums must stay finite.

    Raises:
        Unsupported: a value is NaN, infinite or huge.
    """
    if not (np.abs(values) < _LARGEST).all():
        raise Unsupported("it has leaves that are no ordinary numbers")


def above(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The least float32 that is greater than each threshold; NaN where there is none.

    Asking whether a float32 is at least that is asking whether it is greater than the threshold.
    """
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
        higher = np.nextafter(near, np.float32(np.inf))
    found = np.where(near > threshold, near, higher)
    return np.where(threshold == np.inf, np.float32(np.nan), found).astype(np.float32)
