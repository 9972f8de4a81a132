"""The demo's place and season, and the truth about them."""

from functools import cache

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.simulation.ground import Place
from geocrop_processes.simulation.landscape import Landscape, build
from geocrop_processes.simulation.sampling import of_grid
from geocrop_processes.simulation.witness import Witness

DEMO_AOI = Aoi(30.20, -17.36, 1500)
"""The demo's circle, near Chinhoyi: two MGRS tiles of different UTM zones hold all of it."""
DEMO_SEASON = Season(2022)
"""The demo's season: 1 September 2022 to 31 May 2023."""
NOTICE = (
    "Simulated data: landscape, crops and Sentinel-2 scenes are computer-made; "
    "nothing here says what grows in Zimbabwe."
)
"""What the archive and its catalogue say of themselves."""

_SEED = 1
"""Of the demo's landscape."""
REACH_M = 4500.0
"""Half the side of the square that is simulated about the place."""


@cache
def demo_landscape() -> Landscape:
    """The landscape about the demo's place; it is made once."""
    return build(Place(DEMO_AOI.lon, DEMO_AOI.lat, _SEED), REACH_M)


@cache
def demo_witness() -> Witness:
    """The demo's season there."""
    return Witness.of(demo_landscape(), DEMO_SEASON, REACH_M)


def truth(grid: Grid) -> npt.NDArray[np.uint8]:
    """What really covers most of every pixel of a grid near the demo's place.

    Returns:
        Codes of the legend, shape (height, width); never 0.
    """
    even = Grid(
        grid.epsg, grid.left, grid.top, grid.width + grid.width % 2, grid.height + grid.height % 2
    )
    landscape = demo_landscape()
    labels = of_grid(landscape, even).labels(landscape).reshape(even.shape)
    return labels[: grid.height, : grid.width]
