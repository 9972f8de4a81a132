"""How good a map is against a reference: confusion matrix, user's, producer's, overall accuracy and F1.

These are shares of the samples as they are. Where samples were drawn by map class, `areas` weighs them by what was
mapped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Z_95 = 1.959963984540054
"""Standard normal deviate of a two-sided 95 % interval."""


@dataclass(frozen=True)
class Share:
    """How many of some independent samples are right."""

    right: int
    """Those that are."""
    of: int
    """All of them, at least 1."""

    @property
    def value(self) -> float:
        """The share that is right, 0..1."""
        return self.right / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of Wilson 1927 (JASA 22: 209-212), within 0..1.

        It supposes that the samples are independent: pixels of one field are not, and their interval is wider.
        """
        z = _Z_95**2
        centre = (self.right + z / 2) / (self.of + z)
        spread = math.sqrt(self.right * (self.of - self.right) / self.of + z / 4)
        half = _Z_95 * spread / (self.of + z)
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Accuracy:
    """Agreement of predicted with reference classes; Congalton 1991, Powers 2011."""

    codes: tuple[int, ...]
    """The class codes of rows and columns."""
    matrix: npt.NDArray[np.int64]
    """Counts (classes, classes + 1): rows are the reference, columns the prediction; the last column counts
    predictions of no class."""

    @classmethod
    def of(
        cls,
        reference: npt.NDArray[np.integer],
        predicted: npt.NDArray[np.integer],
        codes: Sequence[int],
    ) -> "Accuracy":
        """Count pairs of codes; both arrays have the same shape.

        A prediction that is none of `codes` counts against the reference, in no column; a reference that is
        none of them is not counted at all.
        """
        known = np.isin(reference, codes)
        rows = np.searchsorted(codes, reference[known])
        columns = np.searchsorted(codes, predicted[known])
        columns[~np.isin(predicted[known], codes)] = len(codes)
        width = len(codes) + 1
        counts = np.bincount(rows * width + columns, minlength=len(codes) * width)
        matrix = counts.reshape(len(codes), width).astype(np.int64)
        return cls(tuple(codes), matrix)

    @property
    def overall(self) -> float:
        """The share of reference pixels with the right class; NaN without any."""
        total = int(self.matrix.sum())
        return float(np.trace(self.matrix)) / total if total else float("nan")

    @property
    def users(self) -> dict[int, Share]:
        """Per class code that was predicted, the predictions of it that are right (precision)."""
        return self._shares(self.matrix.sum(axis=0)[:-1])

    @property
    def producers(self) -> dict[int, Share]:
        """Per class code of the reference, its samples that were found (recall)."""
        return self._shares(self.matrix.sum(axis=1))

    def _shares(self, totals: npt.NDArray[np.int64]) -> dict[int, Share]:
        return {
            code: Share(int(self.matrix[i, i]), int(total))
            for i, (code, total) in enumerate(zip(self.codes, totals, strict=True))
            if total
        }

    @property
    def f1(self) -> dict[int, float]:
        """Per class code 2TP / (2TP + FP + FN), of the classes that occur in reference or prediction."""
        scores = {}
        for i, code in enumerate(self.codes):
            errors = self.matrix[i].sum() + self.matrix[:, i].sum()
            if errors:
                scores[code] = float(2 * self.matrix[i, i] / errors)
        return scores

    @property
    def macro_f1(self) -> float:
        """The mean of `f1` over the classes that occur; NaN without any."""
        scores = list(self.f1.values())
        return float(np.mean(scores)) if scores else float("nan")
