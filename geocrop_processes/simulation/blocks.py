"""The layout of a farming landscape: blocks of land, cut into strips and fields.

Blocks are the cells of a jittered lattice. Commercial blocks hold few large fields or a centre pivot,
communal ones many small fields in rotated strips, wild ones irregular patches of bush and grass, villages
small stands.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPACING_M = 430.0
"""Between the centres of blocks: about 18 ha each, the size of a commercial field."""
_REACH_M = 520.0
"""A block ends nearer to its centre than this."""
_KEY = 4096.0
"""More than twice the reach: strips of different blocks cannot meet when they are laid end to end."""

KINDS = ("commercial", "pivot", "communal", "wild", "forest", "village")
"""Kinds of block."""
FIELD_SIZES = {
    "commercial": (330.0, 420.0, 0.3),
    "pivot": (3000.0, 3000.0, 0.0),
    "communal": (60.0, 90.0, 0.3),
    "wild": (3000.0, 3000.0, 0.0),
    "forest": (3000.0, 3000.0, 0.0),
    "village": (55.0, 70.0, 0.25),
}
"""Median width and length of fields in metres and their spread (of the logarithm).

Smallholders' fields have a median of 0.53 ha (fields of Mozambique, FAO and Digital Earth Africa).
"""
_PIVOT_RADIUS_M = 185.0


@dataclass(frozen=True)
class Blocks:
    """Blocks and the fields in them."""

    centres: Floats
    """Metres from the place; shape (n, 2)."""
    kind: Ints
    """Index in `KINDS`; shape (n,)."""
    angle: Floats
    """Direction of the strips, radians; shape (n,)."""
    strip_ends: Floats
    """Where strips end, all blocks end to end; ascending."""
    field_ends: Floats
    """Where fields end, all strips end to end; ascending."""
    field_block: Ints
    """The block of every field; shape (fields,)."""

    def find(self, x: Floats, y: Floats) -> tuple[Ints, Ints, Floats]:
        """The block and field at points, and how far (m) the nearest other block is; shapes (n,)."""
        tree = KDTree(self.centres)
        distance, nearest = tree.query(np.column_stack([x, y]), k=2)
        block = nearest[:, 0].astype(np.int64)
        between = np.linalg.norm(self.centres[nearest[:, 1]] - self.centres[block], axis=1)
        margin = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * between)
        u, v = self._turned(block, x, y)
        strip = np.searchsorted(self.strip_ends, block * _KEY + v, side="right")
        field = np.searchsorted(self.field_ends, strip * _KEY + u, side="right")
        return block, np.minimum(field, len(self.field_block) - 1).astype(np.int64), margin

    def in_pivot(self, block: Ints, x: Floats, y: Floats) -> Ints:
        """The half of a centre pivot's circle that points lie in: 0 or 1, and -1 outside; shape (n,)."""
        u, v = self._turned(block, x, y)
        inside = (self.kind[block] == KINDS.index("pivot")) & (np.hypot(u, v) < _PIVOT_RADIUS_M)
        return np.where(inside, (v > 0).astype(np.int64), -1)

    def _turned(self, block: Ints, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        dx, dy = x - self.centres[block, 0], y - self.centres[block, 1]
        cos, sin = np.cos(self.angle[block]), np.sin(self.angle[block])
        reach = _REACH_M
        return (
            np.clip(dx * cos + dy * sin, -reach, reach),
            np.clip(dy * cos - dx * sin, -reach, reach),
        )


def lay_out(reach_m: float, rng: np.random.Generator) -> Blocks:
    """Lay out the blocks of a square of twice `reach_m` about the place."""
    steps = np.arange(-reach_m - SPACING_M, reach_m + SPACING_M, SPACING_M)
    lattice = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    turn = rng.uniform(0, np.pi / 2)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centres = lattice @ rotation.T + rng.uniform(-0.25, 0.25, lattice.shape) * SPACING_M
    kind = _kinds(centres, rng)
    quarter = rng.choice([0.0, np.pi / 2], len(kind))
    strips: list[Floats] = []
    fields: list[Floats] = []
    field_block: list[int] = []
    for block, k in enumerate(kind):
        width, length, spread = FIELD_SIZES[KINDS[k]]
        scale = np.exp(0.2 * rng.standard_normal())
        strips.append(block * _KEY + _ends(width * scale, spread, rng))
        for _ in strips[-1]:
            fields.append(len(fields) * _KEY + _ends(length * scale, spread, rng))
            field_block += [block] * len(fields[-1])
    return Blocks(
        centres=centres,
        kind=kind,
        angle=turn + quarter + 0.12 * rng.standard_normal(len(kind)),
        strip_ends=np.concatenate(strips),
        field_ends=np.concatenate(fields),
        field_block=np.array(field_block),
    )


def _kinds(centres: Floats, rng: np.random.Generator) -> Ints:
    """Commercial farms on one side of the place, a communal area on the other, bush in both."""
    towards = rng.uniform(0, 2 * np.pi)
    side = (centres[:, 0] * np.cos(towards) + centres[:, 1] * np.sin(towards)) / 700
    side += 0.45 * rng.standard_normal(len(centres))
    chance = rng.random(len(centres))
    farms = np.select([chance < 0.1, chance < 0.2, chance < 0.45], [4, 3, 1], 0)
    communal = np.select([chance < 0.3, chance < 0.38], [3, 5], 2)
    return np.where(side > 0, farms, communal)


def _ends(median: float, spread: float, rng: np.random.Generator) -> Floats:
    """Ends of consecutive pieces from one side of a block's reach to the other."""
    count = int(2 * _REACH_M / median * 2) + 2
    pieces = median * np.exp(spread * rng.standard_normal(count))
    ends = np.cumsum(pieces) - _REACH_M - median * rng.random()
    return np.append(ends[(ends > -_REACH_M) & (ends < _REACH_M)], _REACH_M + 1)
