"""Order statistics of a few of a series' steps, by exchanges in a fixed order."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.kernels.lanes import LANES, Rows, Tables, compiled

type Exchanges = npt.NDArray[np.int64]
"""Pairs of places (n, 2); the smaller value goes to the first."""


def exchanges(size: int, ranks: Iterable[int]) -> Exchanges:
    """What brings some ranks of `size` values to their places: Batcher's merge exchange, only what they need.

    Source: Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M.
    """
    top = 1 << (max(size - 1, 1).bit_length() - 1)
    pairs = []
    step = top
    while step:
        reach, offset, distance = top, 0, step
        while True:
            pairs += [(i, i + distance) for i in range(size - distance) if i & step == offset]
            if reach == step:
                break
            distance, reach, offset = reach - step, reach // 2, step
        step //= 2
    wanted, needed = set(ranks), []
    for pair in reversed(pairs):
        if not wanted.isdisjoint(pair):
            wanted.update(pair)
            needed.append(pair)
    return np.array(needed[::-1], dtype=np.int64).reshape(-1, 2)


@compiled  # pragma: no cover
def rank(v: Rows, pairs: Exchanges) -> None:
    """Exchange in place."""
    for k in range(len(pairs)):
        low, high = pairs[k, 0], pairs[k, 1]
        for i in range(LANES):
            a, b = v[low, i], v[high, i]
            v[low, i] = min(a, b)
            v[high, i] = max(a, b)


@compiled  # pragma: no cover
def percentile_90(v: Rows, top: Rows, tables: Tables, found: Rows, row: int) -> None:
    """The 90th percentile of a series, by its four highest in `top`, kept in descending order."""
    top[:4] = -np.inf
    for month in range(len(v) // 3):
        for i in range(LANES):
            a, b, c, d = top[0, i], top[1, i], top[2, i], top[3, i]
            for step in range(3):
                x = v[3 * month + step, i]
                d = max(d, min(c, x))
                c = max(c, min(b, x))
                b = max(b, min(a, x))
                a = max(a, x)
            top[0, i], top[1, i], top[2, i], top[3, i] = a, b, c, d
    for dekad in range(len(v) // 3 * 3, len(v)):
        for i in range(LANES):
            a, b, c, d, x = top[0, i], top[1, i], top[2, i], top[3, i], v[dekad, i]
            top[3, i] = max(d, min(c, x))
            top[2, i] = max(c, min(b, x))
            top[1, i] = max(b, min(a, x))
            top[0, i] = max(a, x)
    below, upward = tables.from_top, tables.upward
    for i in range(LANES):
        low, high = top[below, i], top[below - 1, i]
        found[row, i] = low + upward * (high - low)


@compiled  # pragma: no cover
def months(v: Rows, found: Rows, row: int) -> None:
    """The medians of the three dekads of each month that is whole."""
    for month in range(len(v) // 3):
        for i in range(LANES):
            a, b, c = v[3 * month, i], v[3 * month + 1, i], v[3 * month + 2, i]
            found[row + month, i] = max(min(a, b), min(max(a, b), c))


@compiled  # pragma: no cover
def window(v: Rows, first: int, scratch: Rows, pairs: Exchanges, found: Rows, row: int) -> None:
    """The median of the six dekads of `v` from `first`; nothing where there are fewer."""
    if first + 6 > len(v):
        return
    for dekad in range(6):
        for i in range(LANES):
            scratch[dekad, i] = v[first + dekad, i]
    rank(scratch, pairs)
    for i in range(LANES):
        found[row, i] = (scratch[2, i] + scratch[3, i]) * 0.5
