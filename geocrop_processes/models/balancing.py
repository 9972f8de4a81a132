"""How much each sample counts in a training, so that rare classes are learnt and frequent ones not forgotten."""

import numpy as np
import numpy.typing as npt

POWER = 0.5
"""Of the inverse frequency: 0 leaves the samples as they are, 1 makes all classes count alike."""
MOST = 5.0
"""How many times as much a sample of a rare class counts as one of the most frequent, at most."""


def class_weights(
    labels: npt.NDArray[np.integer], *, power: float = POWER, most: float = MOST
) -> npt.NDArray[np.float64]:
    """The weight of each sample, float64 (n,), of mean 1: (most frequent class / its class) ** power, limited.

    Args:
        labels: (n,) from 0 up.
        power: of the inverse frequency, 0..1.
        most: the limit, from 1 up.
    """
    counts = np.bincount(labels)
    own = np.minimum((counts.max() / counts[labels]) ** power, most)
    return np.asarray(own / own.mean())
