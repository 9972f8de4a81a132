"""Trees as programs: steps that choose between masks, until masks are the bits of a leaf's index."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.trees import Trees, Unsupported

_DEEPEST = 16
"""Bits of a leaf's index."""

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Walk:
    """Trees level by level from their roots, with their leaves numbered from the left."""

    levels: list[tuple[Nodes, Nodes]]
    """Of each level, its nodes and the trees to which they belong, tree by tree."""
    leaves: Nodes
    """(nodes,) how many leaves each node has below it; 1 at a leaf."""
    first: Nodes
    """(nodes,) the index of the leftmost of them within its tree."""

    @classmethod
    def through(cls, trees: Trees, chosen: slice) -> "Walk":
        """Some of the trees.

        Raises:
            Unsupported: a tree has too many leaves.
        """
        nodes = trees.roots[chosen]
        owners = np.arange(len(nodes))
        levels = []
        while len(nodes):
            levels.append((nodes, owners))
            inner = trees.left[nodes] >= 0
            parents = nodes[inner]
            nodes = np.stack([trees.left[parents], trees.right[parents]], axis=1).ravel()
            owners = np.repeat(owners[inner], 2)
        leaves, first = np.ones(len(trees.left), np.int64), np.zeros(len(trees.left), np.int64)
        for nodes, _ in reversed(levels):
            parents = nodes[trees.left[nodes] >= 0]
            leaves[parents] = leaves[trees.left[parents]] + leaves[trees.right[parents]]
        for nodes, _ in levels:
            parents = nodes[trees.left[nodes] >= 0]
            first[trees.left[parents]] = first[parents]
            first[trees.right[parents]] = first[parents] + leaves[trees.left[parents]]
        if (leaves[trees.roots[chosen]] > 2**_DEEPEST).any():
            raise Unsupported("it has trees with more than 65536 leaves")
        return cls(levels, leaves, first)


@dataclass(frozen=True)
class Programs:
    """A step gives "right where the mask is set, else left"; its result is an operand too."""

    steps: npt.NDArray[np.int64]
    """(steps, 3): operands of the mask, left and right; steps of all trees, one tree after the other."""
    counts: Nodes
    """(trees,) steps of each."""
    bits: npt.NDArray[np.int64]
    """The operands that are the bits of the leaf's index, lowest first; of all trees."""
    widths: Nodes
    """(trees,) bits of each."""

    @classmethod
    def of(
        cls, trees: Trees, chosen: slice, walk: Walk, masks: Nodes, first_step: int
    ) -> "Programs":
        """The programs of some trees.

        A leaf's bits are known: operands 0 and 1. A node's bit is its mask where the left child's is 0 and the
        right child's 1, what both are where they are the same, and else a step.

        Args:
            trees: all.
            chosen: which of them.
            walk: through these.
            masks: (nodes,) the operand of each node's test.
            first_step: the operand of a tree's first step.
        """
        roots = trees.roots[chosen]
        widths = np.frexp(walk.leaves[roots] - 0.5)[1].astype(np.int64)
        wide = int(widths.max(initial=0))
        bits = (walk.first[:, None] >> np.arange(wide)) & 1
        used = np.zeros(len(roots), np.int64)
        found = []
        for nodes, owners in reversed(walk.levels):
            inner = trees.left[nodes] >= 0
            parents, of = nodes[inner], owners[inner]
            left, right = bits[trees.left[parents]], bits[trees.right[parents]]
            own = np.broadcast_to(masks[parents][:, None], left.shape)
            plain = (left == 0) & (right == 1)
            row, bit = np.nonzero((left != right) & ~plain)
            each = np.bincount(of[row], minlength=len(roots))
            number = used[of[row]] + np.arange(len(row)) - (np.cumsum(each) - each)[of[row]]
            result = np.where(plain, own, left)
            result[row, bit] = first_step + number
            bits[parents] = result
            found.append(
                np.stack([of[row], number, own[row, bit], left[row, bit], right[row, bit]], 1)
            )
            used += each
        all_steps = np.concatenate(found)
        steps = np.empty((len(all_steps), 3), np.int64)
        steps[(np.cumsum(used) - used)[all_steps[:, 0]] + all_steps[:, 1]] = all_steps[:, 2:]
        kept = np.arange(wide) < widths[:, None]
        return cls(steps, used, bits[roots][kept], widths)
