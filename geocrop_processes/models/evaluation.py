"""What an ensemble is worth on samples that it had not seen, by one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.counting import AS_THEY_ARE, count_held_out
from geocrop_processes.models.reliability import (
    Labels,
    Probabilities,
    Reliability,
    brier,
    log_loss,
)


@dataclass(frozen=True)
class Evaluation:
    """Out-of-fold results of one protocol."""

    protocol: str
    """How the folds were made, as a sentence."""
    folds: int
    """How many there were."""
    accuracy: Accuracy
    """Of the ensemble, as it is registered."""
    members: Mapping[str, Accuracy]
    """Of each member alone, by name."""
    before: Reliability
    """Of the plain mean of the members' probabilities."""
    after: Reliability
    """Of the vote, each fold's counted as the other folds teach."""
    brier: float
    """Brier score of that vote, 0 (best) to 2."""
    log_loss: float
    """Log loss of that vote, of the samples whose class occurs outside their fold."""
    probabilities: Probabilities
    """(n, classes) of that vote."""
    labels: npt.NDArray[np.int64]
    """(n,) columns of the probabilities: the true classes."""

    @classmethod
    def of(
        cls,
        protocol: str,
        said: Mapping[str, Probabilities],
        labels: Labels,
        folds: npt.NDArray[np.integer],
        codes: Sequence[int],
    ) -> "Evaluation":
        """Judge the members' out-of-fold probabilities.

        Args:
            protocol: how the folds were made.
            said: by member, (n, classes); 0 for classes that the other folds do not know.
            labels: (n,) columns.
            folds: (n,).
            codes: of the columns.

        Raises:
            InvalidSample: as `count_held_out`.
        """
        known = known_outside(labels, folds)
        plain, _ = AS_THEY_ARE.count(said)
        vote = plain.copy()
        vote[known] = count_held_out(
            {name: p[known] for name, p in said.items()}, labels[known], folds[known]
        )
        table = np.asarray(codes)
        truth = table[labels]

        def judged(probabilities: Probabilities) -> Accuracy:
            return Accuracy.of(truth, table[probabilities.argmax(axis=1)], codes)

        return cls(
            protocol=protocol,
            folds=len(np.unique(folds)),
            accuracy=judged(vote),
            members={name: judged(p) for name, p in said.items()},
            before=Reliability.of(plain, labels),
            after=Reliability.of(vote, labels),
            brier=brier(vote, labels),
            log_loss=log_loss(vote[known], labels[known]),
            probabilities=vote,
            labels=np.asarray(labels, np.int64),
        )


def known_outside(labels: Labels, folds: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Whether a sample's class has samples in other folds than its own, (n,): if not, nobody could have learnt it."""
    found = np.zeros(len(labels), np.bool_)
    for fold in np.unique(folds):
        own = folds == fold
        found[own] = np.isin(labels[own], labels[~own])
    return found
