"""The kernel in numba, for machines without the one in C: the same steps, the same bits.

`_forest_kernel.h` tells how it works; a mask is 8 words of 64 bits here. There is no fast mathematics, and no
multiplication is contracted with an addition.
"""

# what is compiled is not seen by the coverage; the tests compare it with the libraries and with the kernel in C
import numba
import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.trees import Leaves, Rule

_ROWS = 512
_TINY = np.float32(1e-35)
_TINY_IS_ZERO = int(Rule.TINY_IS_ZERO)
_NAN_IS_ZERO = int(Rule.NAN_IS_ZERO)
_ZERO_IS_MISSING = int(Rule.ZERO_IS_MISSING)
_MISSING_IS_RIGHT = int(Rule.MISSING_IS_RIGHT)

_compile = numba.njit(cache=True, nogil=True, error_model="numpy")

Words = npt.NDArray[np.uint64]


@_compile
def _swap(x: Words, i: int, j: int, shift: int, keep: int) -> None:
    by, mask = np.uint64(shift), np.uint64(keep)
    for w in range(8):
        t = ((x[i, w] >> by) ^ x[j, w]) & mask
        x[j, w] ^= t
        x[i, w] ^= t << by


@_compile
def _transpose(x: Words) -> None:
    """8 x 8 bits in each byte lane of (8, 8) words, in place."""
    for i in range(4):
        _swap(x, i, i + 4, 4, 0x0F0F0F0F0F0F0F0F)
    for i in (0, 1, 4, 5):
        _swap(x, i, i + 2, 2, 0x3333333333333333)
    for i in range(0, 8, 2):
        _swap(x, i, i + 1, 1, 0x5555555555555555)


@_compile
def _codes(
    column: npt.NDArray[np.int32],
    table: npt.NDArray[np.float32],
    x: npt.NDArray[np.float32],
    found: npt.NDArray[np.uint8],
) -> None:
    """Codes of 512 values: low byte, high byte, and whether the value is missing, to uint8 (3, 512)."""
    rule, bits = column[7], column[3]
    for p in range(_ROWS):
        v = x[p]
        if rule & _TINY_IS_ZERO and -_TINY <= v <= _TINY:
            v = np.float32(0)
        if rule & _NAN_IS_ZERO and np.isnan(v):
            v = np.float32(0)
        if rule & _ZERO_IS_MISSING and v == np.float32(0):
            v = np.float32(np.nan)
        code, half = 0, 1 << (bits - 1)
        while half:
            code += half if v >= table[code + half - 1] else 0
            half >>= 1
        if np.isnan(v) and rule & _MISSING_IS_RIGHT:
            code = column[2]
        found[0, p] = code & 255
        found[1, p] = code >> 8
        found[2, p] = np.isnan(v)


@_compile
def _column_masks(column: npt.NDArray[np.int32], planes: Words, masks: Words) -> None:
    count, first = column[2], column[4]
    for w in range(8):
        masks[first, w] = planes[0, w]
        if count > 1:
            masks[first + 1, w] = 0
    for bit in range(1, column[3]):
        half = 1 << bit
        for k in range(half):
            for w in range(8):
                found, plane = masks[first + k, w], planes[bit, w]
                if k + half < count:
                    masks[first + k + half, w] = plane & found
                masks[first + k, w] = plane | found


@_compile
def _fill(
    columns: npt.NDArray[np.int32],
    thresholds: npt.NDArray[np.float32],
    others: npt.NDArray[np.int32],
    first_other: int,
    values: npt.NDArray[np.float32],
    masks: Words,
) -> None:
    """All masks of a block of values (features, 512)."""
    found = np.zeros((3, _ROWS), np.uint8)
    planes = found.reshape(3, 8, 64).view(np.uint64)
    for column in columns:
        _codes(column, thresholds[column[1] :], values[column[0]], found)
        for part in range(3):
            _transpose(planes[part])
        _column_masks(column, planes.reshape(24, 8), masks)
        for e in range(column[5], column[6]):
            for w in range(8):
                m, gone = masks[others[e], w], planes[2, 0, w]
                masks[first_other + e, w] = m & ~gone if column[7] & _MISSING_IS_RIGHT else m | gone


@_compile
def _steps(steps: npt.NDArray[np.uint16], first: int, masks: Words) -> None:
    for s in range(len(steps)):
        m, a, b = masks[steps[s, 0]], masks[steps[s, 1]], masks[steps[s, 2]]
        out = masks[first + s]
        for w in range(8):
            out[w] = a[w] ^ ((a[w] ^ b[w]) & m[w])


@_compile
def _indices(bits: npt.NDArray[np.uint16], masks: Words, index: Words) -> None:
    """The indices of 512 leaves, their low bytes and their high bytes, as words (2, 8, 8)."""
    for part in range(2 if len(bits) > 8 else 1):
        for b in range(8):
            at = part * 8 + b
            for w in range(8):
                index[part, b, w] = masks[bits[at], w] if at < len(bits) else np.uint64(0)
        _transpose(index[part])


@_compile
def _add(
    tree: npt.NDArray[np.int64],
    leaves: Leaves,
    index: npt.NDArray[np.uint8],
    sums: Leaves,
) -> None:
    """Leaves of one tree to sums (classes, 512)."""
    leaf, adds_to, deep = tree[4], tree[5], tree[3] > 8
    classes = len(sums)
    if adds_to >= 0:
        if deep:
            for p in range(_ROWS):
                sums[adds_to, p] += leaves[leaf + index[0, p] + 256 * np.int64(index[1, p])]
        else:
            own, out = leaves[leaf:], sums[adds_to]
            for p in range(_ROWS):
                out[p] += own[index[0, p]]
        return
    padded = (classes + 7) // 8 * 8
    for p in range(_ROWS):
        at = np.int64(index[0, p]) + (256 * np.int64(index[1, p]) if deep else 0)
        for c in range(classes):
            sums[c, p] += leaves[leaf + at * padded + c]


@_compile
def score(arrays, leaves, numbers, features, start, margins):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - compiled; its types are in `Kernel.score`
    """See `Kernel.score`; `arrays` and `numbers` are those of the group, in its order."""
    columns, thresholds, others, trees, steps, bits = arrays
    first_other, first_step, operands = numbers
    n, classes = margins.shape[1], len(margins)
    masks = np.empty((operands, 8), np.uint64)
    masks[0], masks[1] = 0, ~np.uint64(0)
    values = np.zeros((len(features), _ROWS), np.float32)
    sums = np.zeros((classes, _ROWS), margins.dtype)
    words = np.zeros((2, 8, 8), np.uint64)
    index = words.view(np.uint8).reshape(2, _ROWS)
    for begin in range(0, n, _ROWS):
        rows = min(_ROWS, n - begin)
        values[:, :rows] = features[:, start + begin : start + begin + rows]
        sums[:, :rows] = margins[:, begin : begin + rows]
        _fill(columns, thresholds, others, first_other, values, masks)
        for tree in trees:
            _steps(steps[tree[0] : tree[1]], first_step, masks)
            _indices(bits[tree[2] : tree[2] + tree[3]], masks, words)
            _add(tree, leaves, index, sums)
        margins[:, begin : begin + rows] = sums[:, :rows]
