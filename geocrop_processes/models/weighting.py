"""How much each member's vote counts, by what it was worth on samples that it had not seen."""

import math

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.reliability import Labels, Probabilities, check

LEAST = 1e-15
"""The least probability of a true class, as in a log loss."""
TOLERANCE = 1e-5
"""How far from the least log loss the weights may be."""


def vote_weights(
    members: list[Probabilities], labels: Labels, *, tolerance: float = TOLERANCE
) -> npt.NDArray[np.float64]:
    """Weights (members,), from 0 up and of sum 1, of the soft vote with the least log loss.

    The log loss of a mixture is convex in its weights. They are found by expectation maximisation (Dempster, Laird &
    Rubin 1977) from equal weights, so that the same input gives the same weights, until the loss is at most
    `tolerance` above the least. It never is further than ln max_m mean_i(p_mi / mixture_i), by Jensen's inequality,
    and after t rounds not further than ln(members) / t.

    Args:
        members: of each, calibrated probabilities (n, classes), out of fold.
        labels: (n,) columns.
        tolerance: of the log loss.

    Raises:
        InvalidSample: there is no member, or as `reliability.check`.
    """
    if not members:
        raise InvalidSample("There is no member to weigh.")
    for probabilities in members:
        check(probabilities, labels)
    rows = np.arange(len(labels))
    own = np.maximum(np.stack([p[rows, labels] for p in members]), LEAST)
    weights = np.full(len(members), 1 / len(members))
    for _ in range(math.ceil(math.log(len(members)) / tolerance)):
        # each member's mean share of the mixture, by its weight: all are 1 at most where the loss is least
        gain = (own / (weights @ own)).mean(axis=1)
        if np.log(gain.max()) <= tolerance:
            break
        weights *= gain
    return np.asarray(weights / weights.sum())
