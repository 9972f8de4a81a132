"""The search for the nearest point, compiled: `neighbours` tells how it goes.

There is no fast mathematics: sums run in one order, and no multiplication is contracted with an addition.
"""

# what is compiled is not seen by the coverage; the tests compare it with a tree and with plain sums
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt

from geocrop_processes.models.neighbours import LEAF

Floats = npt.NDArray[np.float64]
Rough = npt.NDArray[np.float32]

_STEP = 4
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
def _bounds(turned: Rough, boxes: Rough, bounds: Rough) -> int:
    """Write how near a place can be to each leaf, squared; gives the nearest leaf."""
    bounds[:] = np.float32(0)
    for axis in range(boxes.shape[1]):
        at = turned[axis]
        for leaf in range(len(bounds)):
            below, above = boxes[0, axis, leaf] - at, at - boxes[1, axis, leaf]
            # numba's max asks about NaN, which keeps the loop from being done in a processor's registers
            gap = below if below > above else above  # noqa: FURB136
            gap = gap if gap > np.float32(0) else np.float32(0)  # noqa: FURB136
            bounds[leaf] += gap * gap
    first = 0
    for leaf in range(1, len(bounds)):
        if bounds[leaf] < bounds[first]:
            first = leaf
    return first


@_compile
def _any_near(turned: Rough, leaves: Rough, leaf: int, limit: np.float32, rough: Rough) -> bool:
    """Whether any point of a leaf may be near enough; writes their squared distances in float32 if so."""
    rough[:] = np.float32(0)
    axes = len(turned)
    for start in range(0, axes, _STEP):
        for axis in range(start, min(start + _STEP, axes)):
            at = turned[axis]
            for lane in range(LEAF):
                gap = at - leaves[leaf, axis, lane]
                rough[lane] += gap * gap
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
    scratch: tuple[Rough, Rough],
    start: int,
) -> tuple[int, float]:
    """The nearest point and its squared distance, from one that may be near."""
    (unit, reach), (boxes, leaves, points), (bounds, rough) = sizes, tree, scratch
    best, nearest = start, _apart(place, points, start)
    limit = _limit(nearest, unit, reach, len(turned))
    first = _bounds(turned, boxes, bounds)
    for turn in range(-1, len(leaves)):
        leaf = first if turn < 0 else turn
        if bounds[leaf] > limit or turn == first:
            continue
        if not _any_near(turned, leaves, leaf, limit, rough):
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
    place, exact, turned = np.empty(axes), np.empty(axes), np.empty(axes, np.float32)
    scratch = (np.empty(len(leaves), np.float32), np.empty(LEAF, np.float32))
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
