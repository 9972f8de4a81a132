"""The 10 m pixel grid of a product, aligned to the Sentinel-2 grid, and the blocks it is computed in."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from affine import Affine

from geocrop_processes.domain.aoi import Aoi

PIXEL_M = 10
"""The side of a pixel in metres: that of Sentinel-2's visible bands."""
ALIGNMENT_M = 20
"""Origins are multiples of it, as those of all Sentinel-2 tiles are: a 20 m pixel covers 2 x 2 of ours."""
PIXEL_HA = PIXEL_M * PIXEL_M / 10_000
"""Hectares of a pixel."""


@dataclass(frozen=True)
class Block:
    """A rectangle of a grid that is computed at once."""

    row: int
    """The grid's row of its first pixel."""
    col: int
    """The grid's column of its first pixel."""
    height: int
    """Rows of pixels."""
    width: int
    """Columns of pixels."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where the block lies in an array (y, x) of the whole grid."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    @property
    def name(self) -> str:
        """A name that is unique within the grid."""
        return f"{self.row:06d}-{self.col:06d}"


@dataclass(frozen=True)
class Grid:
    """A north-up raster of 10 m pixels in a UTM zone."""

    epsg: int
    """The CRS."""
    left: int
    """Easting of the left side in metres."""
    top: int
    """Northing of the upper side in metres."""
    width: int
    """Columns of pixels."""
    height: int
    """Rows of pixels."""

    @classmethod
    def of_aoi(cls, aoi: Aoi, epsg: int) -> "Grid":
        """The smallest aligned grid that covers the circle."""
        x, y = aoi.centre(epsg)
        left = math.floor((x - aoi.radius_m) / ALIGNMENT_M) * ALIGNMENT_M
        right = math.ceil((x + aoi.radius_m) / ALIGNMENT_M) * ALIGNMENT_M
        bottom = math.floor((y - aoi.radius_m) / ALIGNMENT_M) * ALIGNMENT_M
        top = math.ceil((y + aoi.radius_m) / ALIGNMENT_M) * ALIGNMENT_M
        return cls(epsg, left, top, (right - left) // PIXEL_M, (top - bottom) // PIXEL_M)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        """From (column, row) to (x, y) in metres."""
        return Affine(PIXEL_M, 0, self.left, 0, -PIXEL_M, self.top)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        return (
            float(self.left),
            float(self.top - self.height * PIXEL_M),
            float(self.left + self.width * PIXEL_M),
            float(self.top),
        )

    def blocks(self, size: int, anchor: tuple[int, int] = (0, 0)) -> Iterator[Block]:
        """Cut the grid into blocks of at most `size` x `size` pixels, row by row.

        Args:
            size: the side of a whole block in pixels, at least 1.
            anchor: (x, y) in metres of a corner of the lines along which it is cut; with the corner of
                the scenes' own tile, blocks meet as few of the scenes' internal tiles as can be.
        """
        rows = _cuts(self.height, size, (self.top - anchor[1]) // PIXEL_M)
        cols = _cuts(self.width, size, (anchor[0] - self.left) // PIXEL_M)
        for row, row_end in rows:
            for col, col_end in cols:
                yield Block(row, col, row_end - row, col_end - col)

    def block(self, name: str, size: int, anchor: tuple[int, int] = (0, 0)) -> Block:
        """One of `blocks` by its name, without going through the others.

        Raises:
            ValueError: there is none of that name.
        """
        rows = dict(_cuts(self.height, size, (self.top - anchor[1]) // PIXEL_M))
        cols = dict(_cuts(self.width, size, (anchor[0] - self.left) // PIXEL_M))
        row, _, col = name.partition("-")
        try:
            found = Block(int(row), int(col), rows[int(row)] - int(row), cols[int(col)] - int(col))
        except (ValueError, KeyError) as error:
            raise ValueError(f"There is no block {name!r} of the grid.") from error
        return found

    def window(self, block: Block) -> "Grid":
        """The block as a grid of its own."""
        return Grid(
            self.epsg,
            self.left + block.col * PIXEL_M,
            self.top - block.row * PIXEL_M,
            block.width,
            block.height,
        )

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The pixels' centres: x of shape (width,) and y of shape (height,), metres."""
        x = self.left + PIXEL_M * (np.arange(self.width, dtype=np.float64) + 0.5)
        y = self.top - PIXEL_M * (np.arange(self.height, dtype=np.float64) + 0.5)
        return x, y

    def inside(self, aoi: Aoi) -> npt.NDArray[np.bool_]:
        """Which pixels' centres lie in the circle; shape (height, width)."""
        x, y = self.centres()
        centre_x, centre_y = aoi.centre(self.epsg)
        return (x[None, :] - centre_x) ** 2 + (y[:, None] - centre_y) ** 2 <= aoi.radius_m**2


def _cuts(length: int, size: int, anchor: int) -> list[tuple[int, int]]:
    """Cut 0..length at every place that is `anchor` plus a multiple of `size`."""
    first = anchor % size
    edges = sorted({0, *range(first, length, size), length})
    return list(pairwise(edges))
