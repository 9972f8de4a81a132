"""The nearest of some thousand points, for millions of places: exact, and the same whatever is asked beside it.

Points are turned so that the first axes tell most of their differences (the axes of a principal component analysis),
and gathered in leaves of neighbours (a k-d tree's). Of each place, leaves whose box is too far are passed over;
of the others, 64 points at a time are measured in float32, axis after axis, until all of them are too far. "Too far"
leaves room for whatever float32 may have rounded, so that the nearest point is never passed over; whoever is near
enough is measured in float64, in the features themselves. The smallest of those distances does not depend on the order
in which points are met.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rough = npt.NDArray[np.float32]

_BOX_AXES = 6
"""Axes that a leaf's box has, an even number; more tell little, and each costs time."""


@dataclass(frozen=True)
class Neighbours:
    """Points, in leaves."""

    turn: Floats
    """(features, axes) to axes, a multiple of 4, in units of the farthest point's distance from 0."""
    unit: float
    """One by that distance."""
    boxes: Rough
    """(2, axes of a box, leaves): the lowest and the highest of each leaf's points."""
    leaves: Rough
    """(leaves, axes, 64): their points on the axes; a leaf of fewer has its first one several times."""
    points: Floats
    """(leaves * 64, features): the points as they are, in the order of the leaves."""

    @classmethod
    def of(cls, points: Floats) -> Self:
        """Gather points.

        Args:
            points: float64 (features, n), finite; at least one.
        """
        _, axes = np.linalg.eigh(np.atleast_2d(np.cov(points, bias=True)))
        farthest = float(np.sqrt(np.einsum("ij,ij->j", points, points).max()))
        unit = 1 / farthest if farthest > 0 else 1.0
        # axes that say nothing make them a multiple of the step
        turn = np.pad(axes[:, ::-1] * unit, ((0, 0), (0, -len(axes) % _kernel().STEP)))
        turned = (points.T @ turn).astype(np.float32)
        size: int = _kernel().LEAF
        split = _split(turned, np.arange(len(turned)), size)
        # a leaf of fewer has its first point several times
        members = np.array([[*leaf, *leaf[:1].repeat(size - len(leaf))] for leaf in split])
        leaves = np.ascontiguousarray(turned[members].transpose(0, 2, 1))
        of_boxes = leaves[:, :_BOX_AXES].transpose(1, 0, 2)
        boxes = np.stack([of_boxes.min(axis=2), of_boxes.max(axis=2)])
        return cls(turn, unit, boxes, leaves, np.ascontiguousarray(points.T)[members.ravel()])

    def squared(self, features: Rough, mean: Floats, weight: Floats) -> Floats:
        """The squared distance of each place to the nearest point, float64 (n,); NaN where the place is not finite.

        Args:
            features: float32 (features, n); the places are (features - mean) * weight, as float64.
            mean: (features,).
            weight: (features,).
        """
        found = np.empty(features.shape[1])
        columns = np.ascontiguousarray(features, np.float32)
        tree = (self.boxes, self.leaves, self.points)
        _kernel().search(columns, (mean, weight, self.turn), self.unit, tree, found)
        return found


def warm_up() -> None:
    """Compile, or load what was compiled before, so that the first block does not wait for it."""
    Neighbours.of(np.eye(2)).squared(np.eye(2, dtype=np.float32), np.zeros(2), np.ones(2))


def _split(turned: Rough, members: npt.NDArray[np.intp], size: int) -> list[npt.NDArray[np.intp]]:
    """Halve points along their widest axis until each part fits a leaf; parts but the last are whole leaves."""
    if len(members) <= size:
        return [members]
    of = turned[members]
    widest = int((of.max(axis=0) - of.min(axis=0)).argmax())
    half = size * -(-len(members) // (2 * size))
    order = members[np.argsort(of[:, widest], kind="stable")]
    return _split(turned, order[:half], size) + _split(turned, order[half:], size)


def _kernel() -> Any:
    # numba takes long to import
    return import_module("geocrop_processes.models.searching")
