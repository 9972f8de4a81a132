"""Where a model may be asked: the area of applicability of Meyer & Pebesma 2021.

Methods in Ecology and Evolution 12: 1620-1633. A pixel's dissimilarity index (DI) is the distance to the nearest
training sample, in features that are standardised and weighted by their importance, divided by the mean distance
between training samples. The model has seen nothing like a pixel whose DI is above that of the training samples
in cross-validation.
"""

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from geocrop_processes.errors import InvalidSample, UnusableModel
from geocrop_processes.models.confidence import dissimilarity_to_bytes
from geocrop_processes.models.neighbours import Neighbours

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

_CELLS = 1 << 21
"""Distances between samples that are held at a time: 16 MB."""


@dataclass(frozen=True)
class Applicability:
    """What is known of the training samples, to say how unlike them a pixel is."""

    mean: Floats
    """(features,) of the training samples."""
    weight: Floats
    """(features,): importance by standard deviation; 0 for a feature that does not count."""
    points: Floats
    """(features that count, n): the training samples, standardised and weighted."""
    mean_distance: float
    """The mean distance between two different training samples."""
    threshold: float
    """The DI beyond which the model does not apply."""

    @classmethod
    def fit(
        cls,
        features: Features,
        importance: npt.NDArray[np.floating],
        folds: npt.NDArray[np.integer],
    ) -> Self:
        """Learn what the training samples are like.

        The threshold is the highest DI of a training sample that is not above the third quartile by more than
        1.5 times the distance between the quartiles (section 2.3 of the paper), each sample's nearest neighbour
        being looked for in other folds than its own. Time grows with the square of n.

        Args:
            features: float32 (features, n) of the training samples; finite where their importance is above 0.
            importance: (features,) from 0 up, in any unit.
            folds: (n,) the fold of each sample in the cross-validation.

        Raises:
            InvalidSample: values are not finite or do not fit together, there is only one fold, all samples
                are the same, or a feature counts that has one value only.
        """
        _check(features, importance, folds)
        # what an as-of date cuts off has no value in any sample, and no importance
        table = np.where((importance > 0)[:, None], features, 0).astype(np.float64)
        # sums of a constant column may round: its spread is 0 all the same
        varies = table.min(axis=1) < table.max(axis=1)
        constant = np.flatnonzero((importance > 0) & ~varies)
        if len(constant):
            raise InvalidSample(
                f"The features {constant.tolist()} have one value in all training samples, yet an importance."
            )
        spread = np.where(varies, table.std(axis=1, ddof=1), 1)
        weight = np.asarray(importance, np.float64) / np.sum(importance, dtype=np.float64) / spread
        mean = table.mean(axis=1)
        points = _place(table, mean, weight)
        mean_distance, nearest = _distances(np.ascontiguousarray(points.T), folds)
        if mean_distance == 0:
            raise InvalidSample("All training samples are the same.")
        index = nearest / mean_distance
        low, high = np.quantile(index, (0.25, 0.75))
        threshold = float(index[index <= high + 1.5 * (high - low)].max())
        return cls(mean, weight, points, mean_distance, threshold)

    def index(self, features: Features) -> npt.NDArray[np.float32]:
        """The DI of each pixel, float32 (n,); NaN where a feature that counts is not finite.

        It depends on a pixel's own features alone, to the last bit: not on those beside it, nor on threads, any
        number of which may ask at a time.

        Args:
            features: float32 (features, n).

        Raises:
            UnusableModel: these are other features than those of the training samples.
        """
        if features.ndim != 2 or len(features) != len(self.mean):
            raise UnusableModel(
                f"The model was trained on {len(self.mean)} features; these are {features.shape}."
            )
        counts = self.weight > 0
        squared = self._neighbours.squared(
            features if counts.all() else features[counts], self.mean[counts], self.weight[counts]
        )
        with np.errstate(over="ignore"):
            return (np.sqrt(squared) / self.mean_distance).astype(np.float32)

    @cached_property
    def _neighbours(self) -> Neighbours:
        return Neighbours.of(self.points)

    def inside(self, features: Features) -> npt.NDArray[np.bool_]:
        """Whether the model applies, bool (n,): the DI is not above the threshold; false where it is NaN.

        Args:
            features: as in `index`.

        Raises:
            UnusableModel: as in `index`.
        """
        # both as they are stored, so that a map of the index tells the same
        return np.asarray(self.index(features) <= np.float32(self.threshold))

    def dissimilarity(self, features: Features) -> npt.NDArray[np.uint8]:
        """The DI by the threshold, uint8 (n,), as a confidence raster has it: above 100 the model does not apply.

        Args:
            features: as in `index`.

        Raises:
            UnusableModel: as in `index`.
        """
        return dissimilarity_to_bytes(self.index(features), self.threshold)

    def to_bytes(self) -> bytes:
        """As an npz archive of arrays, the same bytes for the same values."""
        stream = io.BytesIO()
        np.savez(
            stream,
            mean=self.mean,
            weight=self.weight,
            points=self.points,
            mean_distance=self.mean_distance,
            threshold=self.threshold,
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The inverse of `to_bytes`; runs no code of the content.

        Raises:
            UnusableModel: the content is no such archive.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                mean, weight, points = (arrays[n] for n in ("mean", "weight", "points"))
                numbers = [float(arrays[n].item()) for n in ("mean_distance", "threshold")]
        except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise UnusableModel("The area of applicability cannot be read as npz.") from error
        known = mean.shape == weight.shape == (len(mean),) and points.ndim == 2
        if not known or len(points) != np.count_nonzero(weight) or not points.size:
            raise UnusableModel("The arrays of the area of applicability do not fit together.")
        if (
            not all(np.isfinite(a).all() for a in (mean, weight, points, numbers))
            or numbers[0] <= 0
        ):
            raise UnusableModel("The area of applicability has values that are not finite.")
        return cls(mean, weight, points, *numbers)


def _place(features: npt.NDArray[np.floating], mean: Floats, weight: Floats) -> Floats:
    """Features that count, standardised and weighted: (features that count, n)."""
    counts = weight > 0
    return (features[counts] - mean[counts, None]) * weight[counts, None]


def _distances(points: Floats, folds: npt.NDArray[np.integer]) -> tuple[float, Floats]:
    """The mean distance between different samples, and of each to the nearest one of another fold (n,).

    Args:
        points: (n, features).
        folds: (n,).
    """
    n = len(points)
    total, nearest = 0.0, np.empty(n)
    step = max(1, _CELLS // n)
    for start in range(0, n, step):
        part = slice(start, start + step)
        apart = cdist(points[part], points)
        total += float(apart.sum())
        apart[folds[part, None] == folds[None, :]] = np.inf
        nearest[part] = apart.min(axis=1)
    return total / (n * (n - 1)), nearest


def _check(
    features: Features,
    importance: npt.NDArray[np.floating],
    folds: npt.NDArray[np.integer],
) -> None:
    """Raises: InvalidSample: as `Applicability.fit`."""
    if (
        features.ndim != 2
        or importance.shape != features.shape[:1]
        or folds.shape != features.shape[1:]
    ):
        raise InvalidSample(
            f"Features {features.shape}, importances {importance.shape} and folds {folds.shape} do not fit together."
        )
    if not (np.isfinite(importance).all() and (importance >= 0).all() and importance.any()):
        raise InvalidSample("Importances of features are numbers from 0 up, not all 0.")
    if not np.isfinite(features[importance > 0]).all():
        raise InvalidSample("Features of training samples that have an importance are finite.")
    if len(np.unique(folds)) < 2:
        raise InvalidSample("A threshold needs training samples in two folds or more.")
