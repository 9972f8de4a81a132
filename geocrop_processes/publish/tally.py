"""Counts of a map's pixels, block by block: integers only, so that any order of blocks sums to the same."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import add

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.legend import NO_DATA
from geocrop_processes.models import confidence as stored

_BYTES = 256
"""A byte's values."""
_TOP, _N_VALID, _DISAGREEMENT, _DISSIMILARITY = 0, 3, 5, 6
"""Where they lie among the bands of a confidence raster."""


@dataclass(frozen=True)
class Tally:
    """What was counted on some pixels; tallies of distinct blocks add up."""

    pixels: tuple[int, ...] = (0,) * _BYTES
    """Pixels inside the AOI per class code, 256 of them; index 0 counts those without a class."""
    top: tuple[int, ...] = (0,) * _BYTES
    """Sum of the stored top probability (steps of 0.005) per class code, 256."""
    n_valid: tuple[int, ...] = (0,) * _BYTES
    """Pixels inside the AOI per number of valid dekads, 256; index 255 counts those without a number."""
    disagreement: tuple[int, ...] = (0,) * _BYTES
    """Pixels with a class per stored disagreement of the members (steps of 0.005), 256; index 255 as above."""
    judged: tuple[int, ...] = (0,) * _BYTES
    """Pixels with a class and a dissimilarity per class code, 256."""
    outside: tuple[int, ...] = (0,) * _BYTES
    """Those of them outside the model's area of applicability per class code, 256."""

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
            confidence: uint8 (7, height, width), the confidence raster.
            inside: bool (height, width), which pixels lie in the AOI; all others are left out.
        """
        code, top, n_valid = classes[inside], confidence[_TOP][inside], confidence[_N_VALID][inside]
        sure = np.where((code == NO_DATA) | (top == stored.NO_DATA), 0, top)
        mapped = code != NO_DATA
        unlike = confidence[_DISSIMILARITY][inside]
        judged = mapped & (unlike != stored.NO_DATA)
        outside = judged & (unlike > stored.AT_THRESHOLD)
        disagreement = confidence[_DISAGREEMENT][inside][mapped]
        return cls(
            _whole(np.bincount(code, minlength=_BYTES)),
            # sums of bytes are exact in float64 up to 2**53
            _whole(np.bincount(code, weights=sure, minlength=_BYTES)),
            _whole(np.bincount(n_valid, minlength=_BYTES)),
            _whole(np.bincount(disagreement, minlength=_BYTES)),
            _whole(np.bincount(code[judged], minlength=_BYTES)),
            _whole(np.bincount(code[outside], minlength=_BYTES)),
        )

    @classmethod
    def total(cls, tallies: Iterable["Tally"]) -> "Tally":
        """The sum of all tallies; of none: nothing counted."""
        return sum(tallies, cls())

    def __add__(self, other: "Tally") -> "Tally":
        # integers, not copies of their tuples: a map has thousands of blocks
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Tally(*(tuple(map(add, *pair)) for pair in pairs))

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

    def share_outside(self, code: int | None = None) -> float | None:
        """The share of judged pixels, of a class or of all, that lie outside the area of applicability, 0..1.

        None where none was judged: the class is nowhere, or the model has no area of applicability.
        """
        codes = slice(None) if code is None else slice(code, code + 1)
        judged = sum(self.judged[codes])
        return sum(self.outside[codes]) / judged if judged else None

    def mean_disagreement(self) -> float | None:
        """The mean disagreement of the members, 0..1; None where no pixel has one."""
        mean = _mean(self.disagreement)
        return None if mean is None else mean * stored.SCALE

    def mean_n_valid(self) -> float | None:
        """The mean number of valid dekads; None where no pixel has one."""
        return _mean(self.n_valid)

    def quantile_n_valid(self, q: float) -> int | None:
        """The smallest number of valid dekads that at least `q` of the pixels do not exceed; None as above."""
        counts = np.cumsum(self.n_valid[: stored.NO_DATA])
        return int(np.searchsorted(counts, max(1, q * counts[-1]))) if counts[-1] else None


def _mean(counts: tuple[int, ...]) -> float | None:
    """Of counted bytes, without no data; None where there are no others."""
    known = counts[: stored.NO_DATA]
    return sum(n * c for n, c in enumerate(known)) / sum(known) if any(known) else None


def _whole(counts: npt.NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(int(c) for c in counts)
