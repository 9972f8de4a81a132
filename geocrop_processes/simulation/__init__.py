"""A small Sentinel-2 archive with known truth, for the demo and for tests: no real pixel is in it.

From the ground up: `spectra` and `crops` are tables; `weather`, `plots` and `curves` make plots of ground
grow; `ground`, `blocks`, `terrain` and `landscape` lay them out; `sampling` makes pixels of them; `passes`,
`sky` and `sensor` look at them from above; `witness` puts one season together; `layout`, `cogs`, `items`,
`items_c1` and `archive` write it down; `search` and `app` serve it; `samples` takes samples elsewhere; `demo` has
the truth, `baseline` a land-cover map of it; `demonstration` makes a map of it all.
"""

from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.archive import build_archive
from geocrop_processes.simulation.demo import DEMO_AOI, DEMO_SEASON, NOTICE, truth
from geocrop_processes.simulation.legend import LEGEND
from geocrop_processes.simulation.samples import Samples, training_samples

__all__ = [
    "DEMO_AOI",
    "DEMO_SEASON",
    "LEGEND",
    "NOTICE",
    "Samples",
    "build_archive",
    "serve",
    "training_samples",
    "truth",
]
