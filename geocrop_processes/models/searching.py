"""The search for the nearest point, compiled: `neighbours` tells how it goes.

There is no fast mathematics: sums run in one order, and no multiplication is contracted with an addition.
"""

# what is kept is compiled anew when this file changes: no constant of it comes from another
# what is compiled is not seen by the coverage; the tests compare it with a tree and with plain sums
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rough = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

LEAF = 64
"""Points that are measured together: four to sixteen of a processor's registers."""
STEP = 4
"""Axes between one look at whether a leaf is too far and the next."""
_FAR = 1e15
"""Of places so many times as far away as the farthest point, float32 has no squares: all points are measured."""
_ROUNDING = 2.0**-24
"""Of one operation in float32, as a share of its result."""


def _compile[F: Callable[..., Any]](function: F) -> F:
    result: Any = numba.njit(function, nogil=True, error_model="numpy")
    return cast(F, result)


def _compile_kept[F: Callable[..., Any]](function: F) -> F:
    """Kept on disk where there is a folder for it."""
    try:
        result: Any = numba.njit(function, nogil=True, error_model="numpy", cache=True)
    except RuntimeError:
        return _compile(function)
    return cast(F, result)


@_compile
def _apart(place: Floats, points: Floats, point: int) -> float:
    """The squared distance, summed feature by feature."""
    total = 0.0
    for f in range(len(place)):
        gap = place[f] - points[point, f]
        total += gap * gap
    return total


@_compile
def _place(
    features: Rough, pixel: int, placing: tuple[Floats, Floats, Floats], place: Floats
) -> float:
    """Write where a pixel is; gives its distance from 0, not finite where the place is not."""
    mean, weight, _ = placing
    total = 0.0
    for f in range(len(place)):
        place[f] = (features[f, pixel] - mean[f]) * weight[f]
        total += place[f] * place[f]
    return float(np.sqrt(total))


@_compile
def _turn(place: Floats, turn: Floats, exact: Floats, turned: Rough) -> None:
    """Write where a place is on the axes."""
    exact[:] = 0.0
    for f in range(len(place)):
        at = place[f]
        for axis in range(len(exact)):
            exact[axis] += at * turn[f, axis]
    for axis in range(len(exact)):
        turned[axis] = np.float32(exact[axis])


@_compile
def _bounds(turned: Rough, boxes: Rough, bounds: Rough) -> None:
    """Write how near a place can be to each leaf, squared."""
    bounds[:] = np.float32(0)
    none = np.float32(0)
    # two axes at a time: what is written and read again is what takes time
    for axis in range(0, boxes.shape[1], 2):
        at, beside = turned[axis], turned[axis + 1]
        for leaf in range(len(bounds)):
            # numba's max asks about NaN, which keeps the loop from being done in a processor's registers
            below, above = boxes[0, axis, leaf] - at, at - boxes[1, axis, leaf]
            gap = below if below > above else above  # noqa: FURB136
            gap = gap if gap > none else none  # noqa: FURB136
            below, above = boxes[0, axis + 1, leaf] - beside, beside - boxes[1, axis + 1, leaf]
            other = below if below > above else above  # noqa: FURB136
            other = other if other > none else none  # noqa: FURB136
            bounds[leaf] += gap * gap + other * other


@_compile
def _least(bounds: Rough) -> int:
    """Where the least of some numbers from 0 up is."""
    # such numbers are in the order of their bits, and whole numbers are compared many at a time
    bits = bounds.view(np.int32)
    least = bits[0]
    for leaf in range(len(bits)):
        least = min(least, bits[leaf])
    leaf = 0
    while bits[leaf] != least:
        leaf += 1
    return leaf


@_compile
def _candidates(bounds: Rough, limit: np.float32, first: int, leaves: Numbers) -> int:
    """Write the leaves that are not too far, one of them first; gives how many."""
    leaves[0] = first
    count = 1
    for leaf in range(len(bounds)):
        leaves[count] = leaf
        count += (bounds[leaf] <= limit) & (leaf != first)
    return count


@_compile
def _any_near(turned: Rough, leaves: Rough, leaf: int, limit: np.float32, rough: Rough) -> bool:
    """Whether any point of a leaf may be near enough; writes their squared distances in float32 if so."""
    rough[:] = np.float32(0)
    for axis in range(0, len(turned), STEP):
        a, b, c, d = turned[axis], turned[axis + 1], turned[axis + 2], turned[axis + 3]
        for lane in range(LEAF):
            p = a - leaves[leaf, axis, lane]
            q = b - leaves[leaf, axis + 1, lane]
            r = c - leaves[leaf, axis + 2, lane]
            s = d - leaves[leaf, axis + 3, lane]
            rough[lane] += (p * p + q * q) + (r * r + s * s)
        near = 0
        for lane in range(LEAF):
            near += rough[lane] <= limit
        if near == 0:
            return False
    return True


@_compile
def _limit(nearest: float, unit: float, reach: float, axes: int) -> np.float32:
    """What a squared distance in float32 is at most, where the true one is not above the nearest.

    A turned coordinate is rounded by 2**-24 of itself, which moves place and point by 2**-24 of their distances from
    0, together `reach`; each difference, square and sum adds 2**-24 of itself. Both are taken at least twice.
    """
    farthest = np.sqrt(nearest) * unit + 4 * _ROUNDING * reach
    return np.float32(farthest * farthest * (1 + 2 * (axes + 8) * _ROUNDING))


@_compile
def _of_all(place: Floats, points: Floats) -> float:
    """The squared distance to the nearest point, without any short cut."""
    nearest = np.inf
    for point in range(len(points)):
        nearest = min(nearest, _apart(place, points, point))
    return nearest


@_compile
def _of_leaves(
    place: Floats,
    turned: Rough,
    sizes: tuple[float, float],
    tree: tuple[Rough, Rough, Floats],
    scratch: tuple[Rough, Rough, Numbers],
    start: int,
) -> tuple[int, float]:
    """The nearest point and its squared distance, from one that may be near."""
    (unit, reach), (boxes, leaves, points), (bounds, rough, candidates) = sizes, tree, scratch
    best, nearest = start, _apart(place, points, start)
    limit = _limit(nearest, unit, reach, len(turned))
    _bounds(turned, boxes, bounds)
    count = _candidates(bounds, limit, _least(bounds), candidates)
    for n in range(count):
        leaf = candidates[n]
        if bounds[leaf] > limit or not _any_near(turned, leaves, leaf, limit, rough):
            continue
        for lane in range(LEAF):
            if rough[lane] <= limit:
                apart = _apart(place, points, leaf * LEAF + lane)
                if apart < nearest:
                    best, nearest = leaf * LEAF + lane, apart
                    limit = _limit(nearest, unit, reach, len(turned))
    return best, nearest


@_compile_kept
def search(
    features: Rough,
    placing: tuple[Floats, Floats, Floats],
    unit: float,
    tree: tuple[Rough, Rough, Floats],
    found: Floats,
) -> None:
    """Write the squared distance of each place to its nearest point; NaN where the place is not finite.

    Args:
        features: float32 (features, n).
        placing: means and weights (features,), and the turn to the axes (features, axes).
        unit: as in `Neighbours`.
        tree: boxes, leaves and points as in `Neighbours`.
        found: (n,), written.
    """
    _, leaves, points = tree
    axes, best = leaves.shape[1], 0
    place, exact, turned = np.empty(len(features)), np.empty(axes), np.empty(axes, np.float32)
    scratch = (
        np.empty(len(leaves), np.float32),
        np.empty(LEAF, np.float32),
        np.empty(len(leaves) + 1, np.int64),
    )
    for pixel in range(len(found)):
        away = _place(features, pixel, placing, place)
        if not np.isfinite(away):
            found[pixel] = np.nan
        elif away * unit > _FAR:
            found[pixel] = _of_all(place, points)
        else:
            _turn(place, placing[2], exact, turned)
            # pixels come as neighbours in a picture: what is nearest to the last one is near this one too
            best, found[pixel] = _of_leaves(
                place, turned, (unit, 1 + away * unit), tree, scratch, best
            )
