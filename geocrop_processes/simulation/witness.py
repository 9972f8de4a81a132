"""Who sees a landscape through one season: its plots, its weather, its passes and their clouds."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS
from geocrop_processes.simulation import plots, sensor, sky, weather
from geocrop_processes.simulation.landscape import Landscape
from geocrop_processes.simulation.passes import Acquisition, passes
from geocrop_processes.simulation.sampling import Sampling


@dataclass(frozen=True)
class Witness:
    """One season at one place."""

    seed: tuple[int, int]
    """Of the place, and the season's year."""
    fields: plots.Plots
    """All fields as they are in this season."""
    weather: weather.Weather
    """The season's weather."""
    passes: tuple[Acquisition, ...]
    """All passes, by time."""
    climate: sky.Climate
    """Their cloudiness."""

    @classmethod
    def of(cls, landscape: Landscape, season: Season, reach_m: float) -> "Witness":
        """Draw a season for a landscape; the same landscape and season are always drawn alike."""
        seed = (landscape.place.seed, season.year)
        drawn = weather.draw(np.random.default_rng([*seed, 5]))
        found = passes(season, np.random.default_rng([*seed, 6]))
        return cls(
            seed=seed,
            fields=landscape.plots(drawn, season.year),
            weather=drawn,
            passes=tuple(found),
            climate=sky.draw(seed, reach_m, found),
        )

    def scene(
        self, acquisition: Acquisition, sampling: Sampling, seen: plots.Plots, copy: int
    ) -> sensor.Scene:
        """What is delivered of a pass.

        Args:
            acquisition: the pass.
            sampling: the pixels.
            seen: `sampling.plots(self.fields)`, the same for all passes.
            copy: copies of one pass see the same ground and clouds with noise of their own.
        """
        rng = np.random.default_rng([*self.seed, 7, acquisition.number, copy])
        above = sky.over(self.climate, acquisition, sampling.x, sampling.y)
        return sensor.observe(sampling, seen, self.weather, above, acquisition, rng)

    def cube(
        self, sampling: Sampling
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], list[dt.date]]:
        """All passes over the pixels: digital numbers (time, 10, n), SCL (time, n), and dates."""
        seen = sampling.plots(self.fields)
        pixels = len(sampling.parent)
        dn = np.empty((len(self.passes), len(BANDS), pixels), np.uint16)
        scl = np.empty((len(self.passes), pixels), np.uint8)
        for i, acquisition in enumerate(self.passes):
            scene = self.scene(acquisition, sampling, seen, copy=0)
            dn[i] = scene.stacked(sampling.parent)
            scl[i] = scene.scl[sampling.parent]
        return dn, scl, [a.when.date() for a in self.passes]
