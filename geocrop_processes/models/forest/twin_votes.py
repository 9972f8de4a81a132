"""Votes in numba: softmax, disagreement, temperature and what a map says; the twin of those in C.

`_forest_kernel.h` tells how it works. There is no fast mathematics, and no multiplication is contracted with an
addition.
"""

# what is compiled is not seen by the coverage; the tests compare it with numpy and with the kernel in C
import numba
import numpy as np
import numpy.typing as npt

_ROUND = float.fromhex("0x1.8p52")
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_ONE = np.uint64(0x3FF0000000000000)
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_FRACTION = np.uint64(0x000FFFFFFFFFFFFF)
_INTEGER = np.uint64(0x4330000000000000)
_INTEGER_BIAS = float.fromhex("0x1p52") + 1023.0
_TAYLOR = tuple(
    1.0 / float(n) for n in (479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6)
)
_ODD = tuple(1.0 / float(n) for n in (19, 17, 15, 13, 11, 9, 7, 5, 3))

_compile = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compile
def _exponential(x: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """e**x for x <= 0."""
    power = np.empty(len(x))
    bits = power.view(np.uint64)
    for p in range(len(x)):
        power[p] = max(x[p], -708.0) * _LOG2_E + _ROUND
    for p in range(len(x)):
        whole = power[p] - _ROUND
        r = (max(x[p], -708.0) - whole * _LN2_HIGH) - whole * _LN2_LOW
        s = 1.0 / 6227020800.0
        for coefficient in _TAYLOR:
            s = s * r + coefficient
        s = s * r + 0.5
        s = s * r + 1.0
        out[p] = s * r + 1.0
    for p in range(len(x)):
        bits[p] = (bits[p] << np.uint64(52)) + _ONE
    for p in range(len(x)):
        out[p] *= power[p]


@_compile
def _logarithm(x: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """The logarithm of numbers in (0, 1]; x is used up."""
    bits = x.view(np.uint64)
    k = np.empty(len(x))
    exponent = k.view(np.uint64)
    for p in range(len(x)):
        moved = bits[p] + (_ONE - _ROOT_HALF)
        exponent[p] = (moved >> np.uint64(52)) | _INTEGER
        bits[p] = (moved & _FRACTION) + _ROOT_HALF
    for p in range(len(x)):
        s = (x[p] - 1.0) / (x[p] + 1.0)
        z = s * s
        q = 1.0 / 21.0
        for coefficient in _ODD:
            q = q * z + coefficient
        out[p] = (k[p] - _INTEGER_BIAS) * _LN2 + (2.0 * s + 2.0 * s * z * q)


@_compile
def _highest(values: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Over the classes."""
    out[:] = values[0]
    for c in range(1, len(values)):
        for p in range(len(out)):
            out[p] = max(values[c, p], out[p])


@_compile
def vote(
    margins: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    lowest: float,
    slope: float,
    weight: float,
) -> None:
    """See `Kernel.vote`; margins that are more than `lowest` below the highest are held there, then multiplied."""
    classes, n = margins.shape
    highest, sums = np.empty(n), np.zeros(n)
    _highest(margins, highest)
    for c in range(classes):
        for p in range(n):
            margins[c, p] = max(margins[c, p] - highest[p], lowest) * slope
        _exponential(margins[c].copy(), margins[c])
        for p in range(n):
            sums[p] += margins[c, p]
    for c in range(classes):
        for p in range(n):
            margins[c, p] /= sums[p]
            total[c, p] += weight * margins[c, p]


@_compile
def part(
    probabilities: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    weight: float,
    gap: npt.NDArray[np.float64],
) -> None:
    """See `Kernel.part`."""
    classes, n = total.shape
    apart = np.zeros(n)
    for c in range(classes):
        for p in range(n):
            apart[p] += abs(probabilities[c, p] - total[c, p])
    for p in range(n):
        gap[p] += weight * apart[p]


@_compile
def temper(total: npt.NDArray[np.float64], least: float, slope: float) -> None:
    """See `Kernel.temper`; `least` is a share of the highest probability."""
    classes, n = total.shape
    highest, sums, logarithm = np.empty(n), np.zeros(n), np.empty(n)
    _highest(total, highest)
    _logarithm(highest.copy(), logarithm)
    for c in range(classes):
        for p in range(n):
            total[c, p] = max(total[c, p], least * highest[p])
        _logarithm(total[c].copy(), total[c])
        for p in range(n):
            total[c, p] = min(total[c, p] - logarithm[p], 0.0) * slope
        _exponential(total[c].copy(), total[c])
        for p in range(n):
            sums[p] += total[c, p]
    for c in range(classes):
        for p in range(n):
            total[c, p] /= sums[p]


@_compile
def _byte(value: float) -> np.uint8:
    return np.uint8(value / 0.005 + _ROUND - _ROUND)


@_compile
def decide(
    mean: npt.NDArray[np.float64],
    uniform: float,
    best: npt.NDArray[np.uint8],
    sure: npt.NDArray[np.uint8],
) -> None:
    """See `Kernel.decide`; `uniform` is the entropy of a uniform vote."""
    classes, n = mean.shape
    entropy, logarithm, positive = np.zeros(n), np.empty(n), np.empty(n)
    for c in range(classes):
        for p in range(n):
            positive[p] = mean[c, p] if mean[c, p] > 0.0 else 1.0
        _logarithm(positive, logarithm)
        for p in range(n):
            entropy[p] -= mean[c, p] * logarithm[p]
    for p in range(n):
        top = second = -1.0
        for c in range(classes):
            v = mean[c, p]
            if v > top:
                top, second = v, top
                best[p] = c
            elif v > second:
                second = v
        sure[0, p] = _byte(top)
        sure[1, p] = _byte(top - second)
        sure[2, p] = _byte(min(max(entropy[p] / uniform, 0.0), 1.0))
