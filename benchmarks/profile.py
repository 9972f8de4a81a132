"""What the time of a map of 1024 x 1024 pixels and 40 dates is spent on, phase by phase, on one thread.

Beside each phase stands the least that it could take: for reading, GDAL's bare decoding of the same windows; for
features, one pass over the same bytes in memory; for the others nothing is known, and nothing is told.
"""

from collections.abc import Callable

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.measure import Cost, Figure, cost_of, median, show
from benchmarks.whole import FOLDER, planned, registered
from geocrop_processes.domain.grid import Block
from geocrop_processes.features.compute import compute_block
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.imagery.scene import FILES
from geocrop_processes.pipeline.block import compute_block as compute_result
from geocrop_processes.pipeline.block import map_block
from geocrop_processes.pipeline.plan import Plan
from geocrop_processes.pipeline.product import finish
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

_REPETITIONS = 3


def figures() -> list[Figure]:
    """Processor seconds of each phase, summed over the blocks."""
    plan = planned("profile")
    model = registered()
    rounds = [_round(plan, model) for _ in range(_REPETITIONS)]
    costs = {name: median([one[name] for one in rounds]) for name in rounds[0]}
    whole = sum(costs[name].cpu_s for name in _PHASES)
    found = []
    for name, limit in _PHASES.items():
        of = f"{name} ({100 * costs[name].cpu_s / whole:.0f} %)"
        least = costs[limit].cpu_s if limit else float("nan")
        found.append(Figure(of, costs[name].cpu_s, least, "cpu-s", None, limit))
    return [*found, Figure("all phases", whole, float("nan"), "cpu-s")]


_PHASES = {
    "reading": "bare decoding",
    "features": "one pass over memory",
    "inference": "",
    "checkpoints": "",
    "publishing": "",
}
"""The phases of a map, and what the least of each is called."""


class _Watch:
    """Sums up what pieces of work cost, by name."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}

    def time[**P, T](self, name: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a piece of work."""
        results: list[T] = []
        self.add(name, cost_of(lambda: results.append(work(*args, **kwargs))))
        return results[0]

    def add(self, name: str, cost: Cost) -> None:
        """Add to what was summed up under a name."""
        before = self.costs.get(name, Cost(0.0, 0.0))
        self.costs[name] = Cost(before.wall_s + cost.wall_s, before.cpu_s + cost.cpu_s)


def _round(plan: Plan, model: RegisteredModel) -> dict[str, Cost]:
    """One map, taken apart."""
    storage, access, watch = Storage(str(FOLDER / "storage")), Access(), _Watch()
    storage.ensure_buckets()
    days = [a.day for a in plan.acquisitions]
    for block in plan.blocks:
        grid = plan.grid.window(block)
        inside = np.ones(grid.shape, np.bool_)
        cube = watch.time("reading", read_cube, plan.acquisitions, grid, inside, access)
        watch.time("bare decoding", _decode, plan, block)
        watch.time("one pass over memory", cube.cube.values.max)
        seen = watch.time("features", compute_block, cube.cube.values, inside, days)
        watch.time("inference", model.ensemble.votes.decide, seen.values)
        result = compute_result(plan, block, model, storage, access)
        watch.time("checkpoints", result.to_bytes)
        map_block(plan, block, model, storage, access)
    watch.time("publishing", finish, plan, model, storage)
    return watch.costs


def _decode(plan: Plan, block: Block) -> int:
    """Read the windows of a block and do nothing with them; of every date, as if none were cloudy."""
    total = 0
    for scene in plan.scenes:
        for name in FILES:
            file = scene.files[name]
            factor = int(file.pixel_m) // 10
            window = Window(
                block.col // factor,
                block.row // factor,
                block.width // factor,
                block.height // factor,
            )
            with rasterio.open(file.href) as source:
                total += source.read(1, window=window).size
    return total


if __name__ == "__main__":
    show(figures())
