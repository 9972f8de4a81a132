"""The shape of a landscape: which field, and which patch of it, lies at any point of the ground."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from geocrop_processes.simulation.blocks import KINDS, Blocks, Floats, Ints, lay_out

CELL_M = 120.0
"""Between the centres of wild patches: about 1.4 ha each."""
_PATCH_M = 45.0
"""The side of the patches within a field."""
_PATCHES = 1 << 10
"""Patches along one axis before their numbers repeat: 46 km."""
_VERGE_M = 4.0
"""Half the width of the grass tracks between blocks."""
_RIVER_M, _BANK_M = 13.0, 45.0
"""Half the widths of the river and of the trees along it."""
_DAM_M = 265.0
"""Mean radius of the dam."""


@dataclass(frozen=True)
class Terrain:
    """Fields as a function of metres east and north of the place, numbered from 0.

    First come the fields in the blocks' strips, then two halves of a centre pivot per block, a verge per
    block, the wild patches, the trees along the river, and the water.
    """

    blocks: Blocks
    """The blocks and the fields in their strips."""
    cells: Floats
    """Centres of wild patches; shape (n, 2)."""
    waves: Floats
    """Bends of everything that is straight; shape (n, 5): kx, ky, phase, metres in x, metres in y."""
    river: tuple[float, float, float]
    """Direction in radians, distance from the place in metres, phase of its bends."""
    dam: tuple[float, float]
    """The dam's place along the river in metres, and the phase of its shore."""

    @property
    def size(self) -> int:
        """How many fields there are."""
        return self._first_cell + len(self.cells) + 2

    @property
    def _first_pivot(self) -> int:
        return len(self.blocks.field_block)

    @property
    def _first_cell(self) -> int:
        return self._first_pivot + 3 * len(self.blocks.kind)

    def kinds(self) -> tuple[list[str], Ints]:
        """What every field is: its kind of block, `verge`, `bank` or `water`; and the block it lies in."""
        blocks = self.blocks
        nearest = KDTree(blocks.centres).query(self.cells)[1].astype(np.int64)
        every = np.arange(len(blocks.kind))
        block = np.concatenate([blocks.field_block, np.repeat(every, 2), every, nearest, [0, 0]])
        kinds = [KINDS[k] for k in blocks.kind[block]]
        # a pivot's corners are strips; they and the verges are left to grass
        corners = np.flatnonzero(blocks.kind[blocks.field_block] == KINDS.index("pivot"))
        verges = np.arange(self._first_cell - len(every), self._first_cell)
        for field in (*corners, *verges):
            kinds[field] = "verge"
        kinds[-2:] = ["bank", "water"]
        return kinds, block

    def field(self, x: Floats, y: Floats) -> Ints:
        """The field at points; shape (n,)."""
        bent_x, bent_y = self._bend(x, y)
        block, field, margin = self.blocks.find(bent_x, bent_y)
        wild = np.isin(self.blocks.kind[block], (KINDS.index("wild"), KINDS.index("forest")))
        cell = KDTree(self.cells).query(np.column_stack([bent_x, bent_y])[wild])[1]
        field[wild] = self._first_cell + cell
        half = self.blocks.in_pivot(block, bent_x, bent_y)
        field = np.where(half >= 0, self._first_pivot + 2 * block + half, field)
        verge = (margin < _VERGE_M) & ~wild
        field = np.where(verge, self._first_cell - len(self.blocks.kind) + block, field)
        river = self._to_river(x, y)
        field = np.where(river < _BANK_M, self.size - 2, field)
        return np.where((river < _RIVER_M) | self._in_dam(x, y), self.size - 1, field)

    def patch(self, x: Floats, y: Floats) -> Ints:
        """A number of the patch of ground at points, 0 to 2**20 - 1; shape (n,)."""
        bent_x, bent_y = self._bend(x, y)
        column = np.floor(bent_x / _PATCH_M).astype(np.int64) % _PATCHES
        row = np.floor(bent_y / _PATCH_M).astype(np.int64) % _PATCHES
        return column * _PATCHES + row

    def _bend(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        bent_x, bent_y = x.copy(), y.copy()
        for kx, ky, phase, in_x, in_y in self.waves:
            wave = np.sin(kx * x + ky * y + phase)
            bent_x += in_x * wave
            bent_y += in_y * wave
        return bent_x, bent_y

    def _meander(self, along: Floats) -> Floats:
        phase = self.river[2]
        bends: Floats = 90 * np.sin(along / 330 + phase) + 35 * np.sin(along / 120 + 3 * phase)
        return bends

    def _to_river(self, x: Floats, y: Floats) -> Floats:
        """Metres from the middle of the river, across its general direction."""
        direction, distance, _ = self.river
        along = x * np.cos(direction) + y * np.sin(direction)
        across = y * np.cos(direction) - x * np.sin(direction)
        away: Floats = np.abs(across - distance - self._meander(along))
        return away

    def _in_dam(self, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
        direction, distance, _ = self.river
        place, phase = self.dam
        along = x * np.cos(direction) + y * np.sin(direction) - place
        across = y * np.cos(direction) - x * np.sin(direction) - distance
        across = across - float(self._meander(np.array(place)))
        angle = np.arctan2(across, along)
        shore = 1 + 0.25 * np.sin(2 * angle + phase) + 0.15 * np.sin(3 * angle + 2 * phase)
        shore += 0.05 * np.sin(9 * angle)
        inside: npt.NDArray[np.bool_] = np.hypot(along, across) < _DAM_M * shore
        return inside


def shape(reach_m: float, rng: np.random.Generator) -> Terrain:
    """Draw the terrain of a square of twice `reach_m` about the place."""
    blocks = lay_out(reach_m, rng)
    steps = np.arange(-reach_m - CELL_M, reach_m + 2 * CELL_M, CELL_M)
    cells = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    length = np.array([2100.0, 900.0, 420.0, 310.0])
    heading = rng.uniform(0, 2 * np.pi, 4)
    aside = rng.uniform(0, 2 * np.pi, 4)
    metres = length * 0.012
    waves = [
        2 * np.pi * np.cos(heading) / length,
        2 * np.pi * np.sin(heading) / length,
        rng.uniform(0, 2 * np.pi, 4),
        metres * np.cos(aside),
        metres * np.sin(aside),
    ]
    far = rng.uniform(350, 650) * rng.choice([-1.0, 1.0])
    return Terrain(
        blocks=blocks,
        cells=cells + rng.uniform(-0.45, 0.45, cells.shape) * CELL_M,
        waves=np.stack(waves, axis=-1),
        river=(rng.uniform(0, np.pi), far, rng.uniform(0, 2 * np.pi)),
        dam=(rng.uniform(-600, 600), rng.uniform(0, 2 * np.pi)),
    )
