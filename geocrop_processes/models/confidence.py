"""How sure the vote is: top probability, margin, entropy; as bytes of a confidence raster."""

import numpy as np
import numpy.typing as npt

SCALE = 0.005
"""The step of a stored value: 200 means 1."""
NO_DATA = 255
"""The stored value of pixels without a class."""


def confidence(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Top probability, margin and entropy, float64 (3, n), each 0..1.

    The margin is the distance between the two highest probabilities. The entropy is Shannon's, divided by
    that of a uniform vote over all classes (Shannon 1948), so 0 is certain and 1 is undecided.

    Args:
        probabilities: float64 (n, classes), at least two classes, each row sums to 1.
    """
    ordered = np.sort(probabilities, axis=1)
    entropy = np.zeros(len(probabilities))
    for column in range(probabilities.shape[1]):
        p = np.ascontiguousarray(probabilities[:, column])
        entropy -= p * np.log(np.where(p > 0, p, 1.0))
    entropy /= np.log(probabilities.shape[1])
    return np.stack([ordered[:, -1], ordered[:, -1] - ordered[:, -2], np.clip(entropy, 0, 1)])


def to_bytes(value: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Values 0..1 in steps of `SCALE`, rounded to the nearest; any shape."""
    return np.rint(value / SCALE).astype(np.uint8)
