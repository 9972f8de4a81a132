"""Smaller copies of a raster: the most frequent class of each square, or the mean of its values.

Each is computed from the full resolution, not from the next finer copy: a mode of modes is no mode, and means of
rounded means drift. No data count for nothing, and a square without any value is no data.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_Counts = npt.NDArray[Any]
"""Unsigned integers, as wide as they need to be."""


def level_shapes(shape: tuple[int, int], largest: int) -> list[tuple[int, int]]:
    """The (height, width) of each overview, finest first, until no side is longer than `largest` pixels.

    Each halves both sides; a row or column that is left over makes squares of what there is of it.
    """
    shapes = [shape]
    while max(shapes[-1]) > largest:
        factor = 2 ** len(shapes)
        shapes.append((-(-shape[0] // factor), -(-shape[1] // factor)))
    return shapes[1:]


def modes(pixels: Pixels, levels: int, no_data: int) -> list[Pixels]:
    """The most frequent value of each square of 2 x 2, 4 x 4, ... pixels.

    Of equally frequent ones it is that of the pixel below and right of the square's centre, so that no code wins
    all ties of two fields; where that pixel has none of them, the lowest.

    Args:
        pixels: uint8 (height, width), both multiples of 2**levels.
        levels: how many overviews, at most 11.
        no_data: the value that does not count.

    Returns:
        uint8 (height / 2**n, width / 2**n) for n = 1 .. levels.
    """
    present = np.zeros(256, bool)
    present[pixels] = True
    present[no_data] = False
    best = [
        np.zeros((pixels.shape[0] >> n, pixels.shape[1] >> n), _holding(512 * 4**n + 511))
        for n in range(1, levels + 1)
    ]
    for value in np.flatnonzero(present).tolist():
        here = (pixels == value).view(np.uint8)
        count: _Counts = here
        for n, most in enumerate(best, start=1):
            count = _of_four(count, _holding(4**n))
            centre = here[2 ** (n - 1) :: 2**n, 2 ** (n - 1) :: 2**n]
            # one number to compare by: the count, then the pixel at the centre, then the lower value
            rank = (count.astype(most.dtype) * 2 + centre) * 256 + (255 - value)
            np.maximum(most, rank, out=most)
    return [np.where(most < 256, no_data, 255 - most % 256).astype(np.uint8) for most in best]


def means(pixels: Pixels, levels: int, no_data: int) -> list[Pixels]:
    """The mean of each square of 2 x 2, 4 x 4, ... pixels, a half rounded up.

    Args:
        pixels: uint8 (height, width), both multiples of 2**levels.
        levels: how many overviews, at most 11.
        no_data: the value that does not count: 255 (or 0), which no mean of others can be.

    Returns:
        uint8 (height / 2**n, width / 2**n) for n = 1 .. levels.
    """
    valid = pixels != no_data
    count: _Counts | None = None if valid.all() else valid.view(np.uint8)
    total: _Counts = pixels * valid
    found = []
    for n in range(1, levels + 1):
        total = _of_four(total, _holding(256 * 4**n - 1))
        if count is None:
            mean = (total + 4**n // 2) >> 2 * n
        else:
            count = _of_four(count, _holding(4**n))
            # exact: a quotient that is not whole is further from the next whole number than it is rounded
            mean = (total + count // 2) / np.maximum(count, 1).astype(np.float64)
            mean[count == 0] = no_data
        found.append(mean.astype(np.uint8))
    return found


def _holding(most: int) -> np.dtype[Any]:
    """The narrowest type of counts up to `most`."""
    return np.min_scalar_type(most)


def _of_four(values: _Counts, dtype: np.dtype[Any]) -> _Counts:
    """Sums of squares of 2 x 2, of a type that holds them.

    Two neighbours in a row are the halves of one wider integer, which is faster to take apart than every other
    pixel is to gather.
    """
    bits = 8 * values.itemsize
    pairs = values.view(f"u{2 * values.itemsize}")
    low, high = (pairs & (2**bits - 1)).astype(dtype), (pairs >> bits).astype(dtype)
    low += high
    sums: _Counts = low[0::2] + low[1::2]
    return sums
