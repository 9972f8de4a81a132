"""How sure the vote is: top probability, margin, entropy, and what it rests on; as bytes of a confidence raster."""

import numpy as np
import numpy.typing as npt

SCALE = 0.005
"""The step of a stored value: 200 means 1."""
NO_DATA = 255
"""The stored value of pixels without a class."""
DISSIMILARITY_SCALE = 0.01
"""The step of a stored dissimilarity: a hundredth of the model's threshold."""
AT_THRESHOLD = 100
"""The highest stored dissimilarity of a pixel in the area of applicability."""
_FARTHEST = 254
"""The stored dissimilarity of 2.54 times the threshold or more."""


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


def dissimilarity_to_bytes(
    index: npt.NDArray[np.float32], threshold: float
) -> npt.NDArray[np.uint8]:
    """The dissimilarity index by its threshold, in steps of 0.01, rounded to the nearest.

    Rounding takes no pixel over the threshold: whoever lies in the area of applicability (index not above the
    threshold, both as float32) is at most 100, whoever does not is at least 101. 254 is 2.54 or more.

    Args:
        index: float32 of any shape, from 0 up; NaN, where there is none, becomes no data.
        threshold: from 0 up; where it is 0, inside is 100 and outside 254.
    """
    inside = index <= np.float32(threshold)
    if threshold > 0:
        with np.errstate(over="ignore"):
            steps = np.rint(index.astype(np.float64) * (AT_THRESHOLD / threshold))
    else:
        steps = np.where(inside, AT_THRESHOLD, np.inf)
    low, high = np.where(inside, 0, AT_THRESHOLD + 1), np.where(inside, AT_THRESHOLD, _FARTHEST)
    found = np.clip(steps, low, high)
    return np.where(np.isnan(index), NO_DATA, found).astype(np.uint8)
