"""When a season starts, peaks and ends, and its waves, of smoothed NDVI; see `phenology` and `harmonics`."""

import math

from geocrop_processes.features.kernels.lanes import DEKADS, LANES, Rows, Tables, compiled

SEASON, WAVES = 27, 36
"""The first metric of the season and of the waves in `FEATURE_ORDER_V1`."""
_VALUE, _AT, _LEFT, _RIGHT, _LOWEST, _LEVEL, _V0, _V1, _T0, _T1, _SOS, _RISEN, _EOS, _FALLS = range(
    14
)
"""Rows of scratch `s`."""
SCRATCH = 14
"""How many."""


@compiled  # pragma: no cover
def _peak(v: Rows, s: Rows) -> None:
    """The first of the highest dekads, and the minima on either side."""
    for i in range(LANES):
        s[_AT, i] = 0.0
        for row in (_VALUE, _LEFT, _RIGHT, _LOWEST):
            s[row, i] = v[0, i]
    for dekad in range(1, len(v)):
        for i in range(LANES):
            value, at, top = v[dekad, i], s[_AT, i], s[_VALUE, i]
            left, right, lowest = s[_LEFT, i], s[_RIGHT, i], min(s[_LOWEST, i], v[dekad, i])
            higher = value > top
            s[_LOWEST, i] = lowest
            s[_AT, i] = dekad if higher else at
            s[_VALUE, i] = value if higher else top
            s[_LEFT, i] = lowest if higher else left
            s[_RIGHT, i] = value if higher else min(right, value)


@compiled  # pragma: no cover
def _cross(v: Rows, s: Rows, share: float, foot: int, t: Rows, out: int) -> None:
    """DOS of the crossing nearest to the peak of a share of its rise (`_LEFT`) or fall (`_RIGHT`)."""
    upward = foot == _LEFT
    end = t[0] if upward else t[len(v) - 1]
    for i in range(LANES):
        level = s[foot, i] + share * (s[_VALUE, i] - s[foot, i])
        s[_LEVEL, i] = s[_V0, i] = s[_V1, i] = level
        s[_T0, i] = s[_T1, i] = end
    for k in range(len(v) - 1):
        dekad = k if upward else len(v) - 2 - k
        t0, t1 = t[dekad], t[dekad + 1]
        for i in range(LANES):
            one, two, level, at = v[dekad, i], v[dekad + 1, i], s[_LEVEL, i], s[_AT, i]
            v0, v1, from_, to = s[_V0, i], s[_V1, i], s[_T0, i], s[_T1, i]
            rises = (one < level) & (two >= level) & (dekad < at)
            falls = (one >= level) & (two < level) & (dekad >= at)
            crosses = rises if upward else falls
            s[_V0, i] = one if crosses else v0
            s[_V1, i] = two if crosses else v1
            s[_T0, i] = t0 if crosses else from_
            s[_T1, i] = t1 if crosses else to
    for i in range(LANES):
        change = s[_V1, i] - s[_V0, i]
        part = (s[_LEVEL, i] - s[_V0, i]) / (1.0 if change == 0.0 else change)
        s[out, i] = s[_T0, i] + part * (s[_T1, i] - s[_T0, i])


@compiled  # pragma: no cover
def _summit(v: Rows, at: int, i: int, centre: float, dekad_days: float) -> float:
    """DOS of the top of the parabola through the peak and its neighbours."""
    if at in (0, len(v) - 1):
        return centre
    before, top, after = v[at - 1, i], v[at, i], v[at + 1, i]
    bend = before - 2.0 * top + after
    offset = 0.5 * (before - after) / (1.0 if bend == 0.0 else bend)
    offset = 0.0 if bend == 0.0 else min(max(offset, -0.5), 0.5)
    return centre + dekad_days * offset


@compiled  # pragma: no cover
def _metrics(v: Rows, s: Rows, tables: Tables, found: Rows) -> None:
    """All but the integral, of what the searches found."""
    steep, flat = tables.season[2], tables.season[3]
    flat_sos, flat_pos, flat_eos = tables.season[4], tables.season[5], tables.season[6]
    min_days, dekad_days = tables.season[7], tables.season[8]
    for i in range(LANES):
        value, left, right = s[_VALUE, i], s[_LEFT, i], s[_RIGHT, i]
        sos, eos, at = s[_SOS, i], s[_EOS, i], int(s[_AT, i])
        base = (left + right) * 0.5
        level = value - base < flat
        summit = _summit(v, at, i, tables.centres[at], dekad_days)
        greenup = steep * (value - left) / max(s[_RISEN, i] - sos, min_days)
        senesc = steep * (value - right) / max(eos - s[_FALLS, i], min_days)
        found[SEASON, i] = base
        found[SEASON + 1, i] = value
        found[SEASON + 2, i] = value - base
        found[SEASON + 3, i] = flat_sos if level else sos
        found[SEASON + 4, i] = flat_pos if level else summit
        found[SEASON + 5, i] = flat_eos if level else eos
        found[SEASON + 6, i] = 0.0 if level else greenup
        found[SEASON + 7, i] = 0.0 if level else senesc


@compiled  # pragma: no cover
def season(v: Rows, s: Rows, tables: Tables, found: Rows) -> None:
    """Nine rows of `found` from `SEASON` on."""
    low, high, integral = tables.season[0], tables.season[1], SEASON + 8
    _peak(v, s)
    _cross(v, s, low, _LEFT, tables.centres, _SOS)
    _cross(v, s, high, _LEFT, tables.centres, _RISEN)
    _cross(v, s, low, _RIGHT, tables.centres, _EOS)
    _cross(v, s, high, _RIGHT, tables.centres, _FALLS)
    _metrics(v, s, tables, found)
    found[integral] = 0.0
    for dekad in range(len(v)):
        days = tables.days[dekad]
        for i in range(LANES):
            found[integral, i] += max(v[dekad, i] - found[SEASON, i], 0.0) * days


@compiled  # pragma: no cover
def harmonics(v: Rows, s: Rows, tables: Tables, found: Rows) -> None:
    """Three rows of `found` from `WAVES` on; of a whole season only."""
    if len(v) != DEKADS:
        return
    fit, waves = tables.fit, tables.waves
    s[:6] = 0.0
    for dekad in range(len(v)):
        f0, f1, f2 = fit[0, dekad], fit[1, dekad], fit[2, dekad]
        f3, f4 = fit[3, dekad], fit[4, dekad]
        for i in range(LANES):
            value = v[dekad, i]
            s[0, i] += f0 * value
            s[1, i] += f1 * value
            s[2, i] += f2 * value
            s[3, i] += f3 * value
            s[4, i] += f4 * value
    for dekad in range(len(v)):
        w0, w1, w2 = waves[0, dekad], waves[1, dekad], waves[2, dekad]
        w3, w4 = waves[3, dekad], waves[4, dekad]
        for i in range(LANES):
            residual = v[dekad, i] - s[0, i] * w0
            residual -= s[1, i] * w1
            residual -= s[2, i] * w2
            residual -= s[3, i] * w3
            residual -= s[4, i] * w4
            s[5, i] += residual * residual
    for i in range(LANES):
        c1, s1, c2, s2 = s[1, i], s[2, i], s[3, i], s[4, i]
        found[WAVES, i] = math.sqrt(c1 * c1 + s1 * s1)
        found[WAVES + 1, i] = math.sqrt(c2 * c2 + s2 * s2)
        found[WAVES + 2, i] = math.sqrt(s[5, i] / DEKADS)
