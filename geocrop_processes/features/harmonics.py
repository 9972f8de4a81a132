"""Annual and half-yearly waves of a season: least squares of order 2 as a constant table.

The table is solved in decimals of 50 digits and rounded once, so that every machine has the same bits;
sines of a C library and solutions of LAPACK may differ in the last one.
"""

from decimal import Decimal, localcontext

import numpy as np

from geocrop_processes.features.indices import Array
from geocrop_processes.features.series import CENTRES, DEKADS

PERIOD_DAYS = 365
"""The period of the first wave."""
ORDER = 2
"""Waves that are fitted, beside a constant."""

_PI = Decimal("3.1415926535897932384626433832795028841971693993751")
_DIGITS = 50
_TERMS = 80
"""Terms of the power series: angles reach 9.2, and 9.2 ** 80 / 80! is below 1e-40."""

type _Rows = list[list[Decimal]]


def _wave(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Cosine and sine by their power series."""
    cosine, sine, term = Decimal(0), Decimal(0), Decimal(1)
    for power in range(_TERMS):
        signed = -term if power % 4 > 1 else term
        if power % 2:
            sine += signed
        else:
            cosine += signed
        term = term * angle / (power + 1)
    return cosine, sine


def _solve(matrix: _Rows, right: _Rows) -> _Rows:
    """Solve `matrix x = right` for a positive definite matrix, by Gauss and Jordan."""
    rows = [[*a, *b] for a, b in zip(matrix, right, strict=True)]
    size = len(rows)
    for pivot in range(size):
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for other in set(range(size)) - {pivot}:
            factor = rows[other][pivot]
            rows[other] = [a - factor * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return [row[size:] for row in rows]


def _tables() -> tuple[Array, Array]:
    """`WAVES` and `FIT`."""
    with localcontext(prec=_DIGITS):
        design: _Rows = [[Decimal(1)] * DEKADS]
        for order in range(1, ORDER + 1):
            pairs = [_wave(2 * _PI * order * Decimal(t) / PERIOD_DAYS) for t in CENTRES]
            design += [list(row) for row in zip(*pairs, strict=True)]
        normal = [
            [sum((a * b for a, b in zip(one, two, strict=True)), Decimal(0)) for two in design]
            for one in design
        ]
        waves, fit = np.array(design, dtype=np.float64), _solve(normal, design)
    table = np.array(fit, dtype=np.float64)
    waves.flags.writeable = table.flags.writeable = False
    return waves, table


WAVES, FIT = _tables()
"""Rows 1, cos, sin, cos 2, sin 2 at the dekads' centres, and the weights that fit them; both (5, 27)."""


def harmonics(series: Array) -> dict[str, Array]:
    """Waves of a series (27, N): `h1_amp`, `h2_amp` and the residuals' root mean square `h_rmse` (N,)."""
    coefficients = []
    for weights in FIT:
        total = weights[0] * series[0]
        for dekad in range(1, DEKADS):
            total += weights[dekad] * series[dekad]
        coefficients.append(total)
    squares = np.zeros_like(series[0])
    for dekad in range(DEKADS):
        residual = series[dekad].copy()
        for coefficient, wave in zip(coefficients, WAVES, strict=True):
            residual -= coefficient * wave[dekad]
        squares += residual * residual
    _, c1, s1, c2, s2 = coefficients
    return {
        "h1_amp": np.sqrt(c1 * c1 + s1 * s1),
        "h2_amp": np.sqrt(c2 * c2 + s2 * s2),
        "h_rmse": np.sqrt(squares / DEKADS),
    }
