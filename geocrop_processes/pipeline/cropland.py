"""A map against the land-cover baseline of its season: always compared where there is one, masked if asked for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NoBaseline, UnusableBaseline
from geocrop_processes.imagery.baselines import (
    CROPS,
    UNKNOWN,
    Baseline,
    find_baseline,
    read_baseline,
    seasons,
)
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.storage import Storage

NO_MASK, CROPLAND = "none", "cropland"
MASKS = (NO_MASK, CROPLAND)
"""Which masks can be asked for."""


@dataclass(frozen=True)
class Check:
    """What a map is compared with, and what becomes of crops that it does not show."""

    baseline: Baseline
    """The land cover."""
    crops: tuple[int, ...]
    """The codes of the map's classes that are cropland."""
    instead: int | None
    """The code that crops get where the baseline shows none; None keeps them."""

    @property
    def decisive(self) -> list[list[str]]:
        """What decides the pixels of a masked map: its baseline's files and their versions."""
        return [[file.key, file.version] for file in self.baseline.files]

    def apply(
        self, classes: npt.NDArray[np.uint8], grid: Grid, storage: Storage
    ) -> tuple[npt.NDArray[np.uint8], Comparison]:
        """Compare one block, then mask it if that was asked for.

        Args:
            classes: uint8 (height, width), as the model voted; 0 is no data.
            grid: of the block.
            storage: where the baseline is.

        Returns:
            The classes of the map, and the counts of the comparison.

        Raises:
            StorageUnavailable: the baseline cannot be read.
        """
        cover = read_baseline(self.baseline, grid, storage)
        known = cover != UNKNOWN
        crops = np.isin(classes, self.crops)
        compared = Comparison.of_block(crops, cover == CROPS, known & (classes != NO_DATA))
        if self.instead is None:
            return classes, compared
        taken = crops & known & (cover != CROPS)
        return np.where(taken, np.uint8(self.instead), classes), compared


def choose(
    mask: str, season: Season, grid: Grid, legend: Legend, storage: Storage, *, simulated: bool
) -> Check | None:
    """The baseline of a season and place; None where there is none and no mask was asked for.

    Args:
        mask: one of `MASKS`.
        season: the season.
        grid: the map's.
        legend: the model's.
        storage: where baselines are.
        simulated: whether the scenes are simulated; real and simulated land cover never meet.

    Raises:
        NoBaseline: a mask was asked for, and there is no baseline to mask with.
        UnusableBaseline: a mask was asked for, and the baseline is no raster of class codes.
        UnusableModel: a mask was asked for, and the model's legend has no room for its class.
        StorageUnavailable: the baseline cannot be read.
    """
    masked = mask == CROPLAND
    try:
        baseline = find_baseline(storage, season, grid, simulated=simulated)
    except UnusableBaseline:
        if masked:
            raise
        # a map that needs no baseline is not lost for want of a good one
        baseline = None
    if baseline is not None:
        instead = legend.masked().codes[-1] if masked else None
        return Check(baseline, legend.cropland, instead)
    if masked:
        stored = ", ".join(str(year) for year in seasons(storage)) or "none yet"
        raise NoBaseline(
            f"There is no {'simulated ' if simulated else ''}land-cover baseline of season {season.year} here "
            f"to mask with; seasons with a baseline are: {stored}."
        )
    return None
