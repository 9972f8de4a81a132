"""Cropland of a map against that of a land-cover baseline: counts of pixels, which add up over blocks."""

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Comparison:
    """Pixels where both the map and the baseline have a class."""

    both: int = 0
    """Cropland in both."""
    map_only: int = 0
    """Cropland in the map alone."""
    baseline_only: int = 0
    """Cropland in the baseline alone."""
    neither: int = 0
    """Cropland in none."""

    @classmethod
    def of_block(
        cls,
        in_map: npt.NDArray[np.bool_],
        in_baseline: npt.NDArray[np.bool_],
        compared: npt.NDArray[np.bool_],
    ) -> "Comparison":
        """Count one block; all arrays are bool (height, width).

        Args:
            in_map: where the map shows cropland.
            in_baseline: where the baseline does.
            compared: where both have a class; all else is left out.
        """
        pairs = 2 * ~in_map[compared] + 1 * ~in_baseline[compared]
        return cls(*(int(n) for n in np.bincount(pairs, minlength=4)))

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def compared(self) -> int:
        """All pixels."""
        return self.both + self.map_only + self.baseline_only + self.neither

    @property
    def agreement(self) -> float | None:
        """The share of pixels that are cropland in both or in none, 0..1; None where nothing is compared."""
        return (self.both + self.neither) / self.compared if self.compared else None
