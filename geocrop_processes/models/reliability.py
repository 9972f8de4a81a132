"""How far probabilities can be believed: reliability curve, expected calibration error, Brier score, log loss.

Probabilities are float64 (n, classes), each row sums to 1; labels are columns, (n,).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]

BINS = 15
"""Bins of equal width between 0 and 1; as Guo et al. 2017."""
_LEAST = 1e-15
"""The least probability that a log loss believes, so that a single certain error is not infinite."""


@dataclass(frozen=True)
class Reliability:
    """What was promised and what was kept, of the predicted class, by bins of its probability."""

    promised: npt.NDArray[np.float64]
    """(bins,) the mean top probability of the samples of each bin; NaN where there is none."""
    kept: npt.NDArray[np.float64]
    """(bins,) the share of them whose predicted class is right; NaN where there is none."""
    samples: npt.NDArray[np.int64]
    """(bins,) how many there are. Bin i holds probabilities above i / bins, up to (i + 1) / bins."""

    @classmethod
    def of(cls, probabilities: Probabilities, labels: Labels, bins: int = BINS) -> "Reliability":
        """Count.

        Raises:
            InvalidSample: there is no sample, or the labels do not fit the probabilities.
        """
        check(probabilities, labels)
        top = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == labels
        place = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
        n = np.bincount(place, minlength=bins)

        def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            total = np.bincount(place, weights=values, minlength=bins)
            return np.asarray(np.divide(total, n, out=np.full(bins, np.nan), where=n > 0))

        return cls(mean(top), mean(right.astype(np.float64)), n.astype(np.int64))

    @property
    def expected_error(self) -> float:
        """The expected calibration error (ECE): the mean of |promised - kept| over the samples.

        Of the top probability, by bins of equal width: Guo et al. 2017 (ICML, PMLR 70: 1321-1330), eq. 3.
        """
        held = self.samples > 0
        gaps = np.abs(self.promised[held] - self.kept[held])
        return float((gaps * self.samples[held]).sum() / self.samples.sum())


def brier(probabilities: Probabilities, labels: Labels) -> float:
    """The mean over samples of sum_k (p_k - y_k)^2, 0 (best) to 2: Brier 1950, eq. 2.

    Raises:
        InvalidSample: as `check`.
    """
    check(probabilities, labels)
    own = probabilities[np.arange(len(labels)), labels]
    return float(((probabilities**2).sum(axis=1) - 2 * own + 1).mean())


def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """The mean over samples of -ln of the probability of the true class.

    Raises:
        InvalidSample: as `check`.
    """
    check(probabilities, labels)
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(own, _LEAST, 1)).mean())


def check(probabilities: Probabilities, labels: Labels) -> None:
    """See that labels fit probabilities.

    Raises:
        InvalidSample: there is no sample or no pair of classes, the lengths differ, a label is no column, or a row
            is no distribution.
    """
    if (
        probabilities.ndim != 2
        or probabilities.shape[1] < 2
        or labels.shape != probabilities.shape[:1]
    ):
        raise InvalidSample(
            f"Probabilities {probabilities.shape} and labels {labels.shape} do not fit together."
        )
    if not len(labels):
        raise InvalidSample("There is no sample.")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise InvalidSample(
            f"Labels are columns 0..{probabilities.shape[1] - 1}, not {labels.min()}..{labels.max()}."
        )
    # NaN is caught too: no comparison with it is true; XGBoost's rows are float32
    sums = probabilities.sum(axis=1)
    if not ((probabilities >= 0).all() and (np.abs(sums - 1) < 1e-4).all()):
        raise InvalidSample("Probabilities are from 0 up, and those of each sample sum to 1.")
