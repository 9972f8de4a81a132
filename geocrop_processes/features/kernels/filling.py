"""Medians to gap-free series: one plan of the gaps per pixel, for all bands."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrop_processes.features.kernels.lanes import LANES, Rows, compiled
from geocrop_processes.features.kernels.observing import Sight


class Gaps(NamedTuple):
    """Scratch of the gaps."""

    share: Rows
    """How far each dekad lies between its valid neighbours: -1 where it is valid, 0 where it has but one."""
    after: Rows
    """A band's nearest valid value at or after each dekad."""
    edge: Rows
    """One number per lane that walks over the dekads (LANES,)."""
    back: npt.NDArray[np.int64]
    """From the last dekad to 0: a loop that counts down by itself is not vectorised."""


@compiled  # pragma: no cover
def find_gaps(sight: Sight, first: int, gaps: Gaps) -> None:
    """Fill `gaps.share` for the lanes that begin at pixel `first` of the tile."""
    share, edge = gaps.share, gaps.edge
    edge[:] = -1.0
    for dekad in range(len(share)):
        seen = sight.seen[dekad, first : first + LANES]
        for i in range(LANES):
            before = edge[i]
            before = dekad if seen[i] else before
            edge[i] = before
            share[dekad, i] = before
    edge[:] = len(share)
    for dekad in gaps.back:
        for i in range(LANES):
            before, after = share[dekad, i], edge[i]
            valid = before == dekad
            after = dekad if valid else after
            edge[i] = after
            between = (before >= 0.0) & (after < len(share))
            part = (dekad - before) / (1.0 if valid else after - before)
            share[dekad, i] = -1.0 if valid else (part if between else 0.0)


@compiled  # pragma: no cover
def fill(sight: Sight, first: int, band: int, light: Rows, gaps: Gaps, series: Rows) -> None:
    """Lines between the valid dekads of one band, into `series` (USED, dekads, LANES)."""
    share, after, edge = gaps.share, gaps.after, gaps.edge
    scale, least, most = light[0], light[1], light[2]
    edge[:] = 0.0
    for dekad in gaps.back:
        low = sight.low[band, dekad, first : first + LANES]
        if sight.kept[dekad] > 1:
            high = sight.high[band, dekad, first : first + LANES]
            for i in range(LANES):
                a = min(max(low[i] * scale, least), most)
                b = min(max(high[i] * scale, least), most)
                following = edge[i]
                value = (a + b) * 0.5 if share[dekad, i] < 0.0 else following
                edge[i] = value
                after[dekad, i] = value
        else:
            for i in range(LANES):
                a = min(max(low[i] * scale, least), most)
                following = edge[i]
                value = a if share[dekad, i] < 0.0 else following
                edge[i] = value
                after[dekad, i] = value
    # the edge is now the first valid dekad, which those before it take
    for dekad in range(len(share)):
        for i in range(LANES):
            before, following, part = edge[i], after[dekad, i], share[dekad, i]
            value = following if part < 0.0 else before
            edge[i] = value
            series[band, dekad, i] = value + (following - value) * part
