"""How good a map is against a reference: confusion matrix, overall agreement, F1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
