"""Counts of a map's pixels, block by block: integers only, so that any order of blocks sums to the same."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.legend import NO_DATA
from geocrop_processes.models import confidence as stored

_BYTES = 256
"""A byte's values."""
_TOP, _N_VALID = 0, 3
"""Where the two lie among the bands of a confidence raster."""


@dataclass(frozen=True)
class Tally:
    """What was counted on some pixels; tallies of distinct blocks add up."""

    pixels: tuple[int, ...] = (0,) * _BYTES
    """Pixels inside the AOI per class code, 256 of them; index 0 counts those without a class."""
    top: tuple[int, ...] = (0,) * _BYTES
    """Sum of the stored top probability (steps of 0.005) per class code, 256."""
    n_valid: tuple[int, ...] = (0,) * _BYTES
    """Pixels inside the AOI per number of valid dekads, 256; index 255 counts those without a number."""

    @classmethod
    def of_block(
        cls,
        classes: npt.NDArray[np.uint8],
        confidence: npt.NDArray[np.uint8],
        inside: npt.NDArray[np.bool_],
    ) -> "Tally":
        """Count one block.

        Args:
            classes: uint8 (height, width), the class map.
            confidence: uint8 (5, height, width), the confidence raster.
            inside: bool (height, width), which pixels lie in the AOI; all others are left out.
        """
        code, top, n_valid = classes[inside], confidence[_TOP][inside], confidence[_N_VALID][inside]
        sure = np.where((code == NO_DATA) | (top == stored.NO_DATA), 0, top)
        return cls(
            _whole(np.bincount(code, minlength=_BYTES)),
            # sums of bytes are exact in float64 up to 2**53
            _whole(np.bincount(code, weights=sure, minlength=_BYTES)),
            _whole(np.bincount(n_valid, minlength=_BYTES)),
        )

    @classmethod
    def total(cls, tallies: Iterable["Tally"]) -> "Tally":
        """The sum of all tallies; of none: nothing counted."""
        return sum(tallies, cls())

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            tuple(a + b for a, b in zip(self.pixels, other.pixels, strict=True)),
            tuple(a + b for a, b in zip(self.top, other.top, strict=True)),
            tuple(a + b for a, b in zip(self.n_valid, other.n_valid, strict=True)),
        )

    @property
    def inside(self) -> int:
        """Pixels inside the AOI."""
        return sum(self.pixels)

    @property
    def mapped(self) -> int:
        """Pixels with a class."""
        return self.inside - self.pixels[NO_DATA]

    def share(self, code: int) -> float:
        """The class's share of the mapped pixels, 0..1; 0 where nothing is mapped."""
        return self.pixels[code] / self.mapped if self.mapped else 0.0

    def mean_top(self, code: int) -> float | None:
        """The mean probability of a class where it is mapped, 0..1; None where it is nowhere."""
        return self.top[code] * stored.SCALE / self.pixels[code] if self.pixels[code] else None

    def mean_n_valid(self) -> float | None:
        """The mean number of valid dekads; None where no pixel has one."""
        counts = self.n_valid[: stored.NO_DATA]
        return sum(n * c for n, c in enumerate(counts)) / sum(counts) if any(counts) else None

    def quantile_n_valid(self, q: float) -> int | None:
        """The smallest number of valid dekads that at least `q` of the pixels do not exceed; None as above."""
        counts = np.cumsum(self.n_valid[: stored.NO_DATA])
        return int(np.searchsorted(counts, max(1, q * counts[-1]))) if counts[-1] else None


def _whole(counts: npt.NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(int(c) for c in counts)
