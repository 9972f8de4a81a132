"""Which points of a map a person should label, so that `areas` can say how good the map is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample

TARGET_ERROR = 0.01
"""Standard error of overall accuracy to aim at; that of the example of Olofsson et al. 2014."""
LEAST = 50
"""Samples of a rare class, so that its user's accuracy means something; Olofsson et al. 2014 take 50 to 100."""


@dataclass(frozen=True)
class Points:
    """Pixels to label, in an order that tells nothing of their classes."""

    rows: npt.NDArray[np.int64]
    """(n,) rows of the raster."""
    columns: npt.NDArray[np.int64]
    """(n,) columns of the raster."""
    codes: npt.NDArray[np.int64]
    """(n,) what the map says of each: its stratum. Whoever labels should not see it."""


def sample_sizes(
    pixels: Mapping[int, int],
    users: Mapping[int, float],
    *,
    target_error: float = TARGET_ERROR,
    least: int = LEAST,
) -> dict[int, int]:
    """How many points to draw in each map class.

    The total is eq. 13 of Olofsson et al. 2014 (Cochran 1977, eq. 5.25):
    (sum W_i S_i)^2 / (S(O)^2 + (1/N) sum W_i S_i^2) with S_i = sqrt(U_i (1 - U_i)), rounded up. Classes whose
    proportional part of it is below `least` get `least`; the others share the rest by area, to whole points by the
    largest remainders. No class gets more points than it has pixels.

    Args:
        pixels: how many the map has of each class code.
        users: what user's accuracy is expected of each.
        target_error: the standard error of overall accuracy, S(O).
        least: points of a rare class; at least 2, or its variance is not defined.

    Raises:
        InvalidSample: the classes differ, nothing was mapped, an expected accuracy is not within 0..1, or the
            target or the least number makes no sense.
    """
    _check(pixels, users, target_error, least)
    total = sum(pixels.values())
    spread = {code: math.sqrt(users[code] * (1 - users[code])) for code in pixels}
    mean = sum(n * spread[code] for code, n in pixels.items()) / total
    square = sum(n * spread[code] ** 2 for code, n in pixels.items()) / total
    wanted = math.ceil(mean**2 / (target_error**2 + square / total))
    rare: set[int] = set()
    while True:
        common = {code: n for code, n in pixels.items() if code not in rare}
        left = max(0, wanted - least * len(rare))
        shares = _share(left, common)
        poor = {code for code, n in shares.items() if n < least}
        if not poor:
            break
        rare |= poor
    return {code: min(shares.get(code, least), n) for code, n in pixels.items()}


def draw(
    classes: npt.NDArray[np.integer], sizes: Mapping[int, int], *, seed: int, no_data: int = 0
) -> Points:
    """Draw pixels of each class, each as likely as any other of its class, none twice.

    What is drawn of one class does not depend on the others.

    Args:
        classes: class codes (y, x).
        sizes: points by class code.
        seed: the same seed draws the same points.
        no_data: the code of pixels that belong to no class.

    Raises:
        InvalidSample: a class has fewer pixels than points are asked for, or is no class.
    """
    drawn = []
    for code, size in sorted(sizes.items()):
        places = np.flatnonzero(classes == code)
        if code == no_data or code < 0 or not 0 <= size <= len(places):
            raise InvalidSample(
                f"{size} points of class {code} cannot be drawn: the map has {len(places)} pixels of it."
            )
        random = np.random.default_rng([seed, code])
        drawn.append(random.choice(places, size, replace=False))
    where = np.concatenate([np.empty(0, np.int64), *drawn])
    where = np.random.default_rng(seed).permutation(where)
    rows, columns = np.divmod(where, classes.shape[1])
    return Points(rows, columns, classes[rows, columns].astype(np.int64))


def _share(total: int, pixels: Mapping[int, int]) -> dict[int, int]:
    """Whole parts of a total by numbers of pixels; the largest remainders are rounded up, the first of equal ones."""
    everything = sum(pixels.values())
    parts = {code: divmod(total * n, everything) for code, n in pixels.items()}
    left = total - sum(whole for whole, _ in parts.values())
    up = sorted(parts, key=lambda code: -parts[code][1])[:left]
    return {code: whole + (code in up) for code, (whole, _) in parts.items()}


def _check(
    pixels: Mapping[int, int], users: Mapping[int, float], target_error: float, least: int
) -> None:
    """Raises: InvalidSample: as `sample_sizes`."""
    if set(pixels) != set(users) or not pixels:
        raise InvalidSample(
            f"The map has the classes {sorted(pixels)}, accuracies are expected of {sorted(users)}."
        )
    empty = [code for code, n in pixels.items() if n < 1]
    if empty:
        raise InvalidSample(f"The map has no pixel of the classes {empty}.")
    wrong = [code for code, u in users.items() if not 0 <= u <= 1]
    if wrong:
        raise InvalidSample(f"Expected user's accuracies are within 0..1; not so those of {wrong}.")
    if not 0 < target_error < 1 or least < 2:
        raise InvalidSample(
            f"A target error is within 0..1 and a least number 2 or more, not {target_error} and {least}."
        )
