"""How something is measured: ours and another, in turns, in one run; what counts is their ratio."""

import gc
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    wall_s: float
    """Seconds on the clock."""
    cpu_s: float
    """Seconds of all processor cores, user and system, of all threads of the process."""
    peak_mb: float = float("nan")
    """The most memory that the process held, MB of 10**6 bytes; NaN where it was not measured."""


@dataclass(frozen=True)
class Figure:
    """One line of the tables: less is better for both, in one unit."""

    name: str
    """What was compared."""
    ours: float
    """Ours."""
    other: float
    """The other's; NaN where there is none to compare with."""
    unit: str
    """Of both: "s", "cpu-s", "MB", ..."""
    goal: float | None = None
    """The least ratio to reach; None where it is only stated."""
    against: str = ""
    """Who the other is."""

    @property
    def ratio(self) -> float:
        """How many times as much the other takes."""
        return self.other / self.ours if self.ours else math.inf

    @property
    def holds(self) -> bool:
        """Whether the goal is reached; true where there is none."""
        return self.goal is None or self.ratio >= self.goal

    def to_json(self) -> dict[str, Any]:
        """As in `.geocrop/bench.json`."""
        return {
            "name": self.name,
            "against": self.against,
            "ours": self.ours,
            # JSON has neither NaN nor infinity
            "other": self.other if math.isfinite(self.other) else None,
            "unit": self.unit,
            "ratio": self.ratio if math.isfinite(self.ratio) else None,
            "goal": self.goal,
            "holds": self.holds,
        }


def cost_of(work: Callable[[], object]) -> Cost:
    """What one call takes, in this process."""
    return _timed(work)[0]


def _timed(work: Callable[[], object]) -> tuple[Cost, object]:
    """What one call takes, and what it returns."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu), result


def side_by_side(
    works: Mapping[str, Callable[[], object]], repetitions: int = 5
) -> dict[str, Cost]:
    """The median cost of each piece of work; they take turns, so that a busy minute meets all of them.

    Whatever is made once (compiled, loaded, opened) is to be made before.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            costs[name].append(cost_of(work))
    return {name: median(found) for name, found in costs.items()}


def median(costs: list[Cost]) -> Cost:
    """The median of each part."""
    return Cost(
        statistics.median(c.wall_s for c in costs),
        statistics.median(c.cpu_s for c in costs),
        statistics.median(c.peak_mb for c in costs),
    )


def apart[**P](work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Cost:
    """What one call takes in a fresh process, with its peak of memory; imports and start are not timed.

    Args:
        work: a function of a module, so that the process can import it. Where it returns a function, that one is
            the work: what comes before it only makes it ready, and is not timed.
        args: what it is called with; they are pickled.
        kwargs: as `args`.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, work, args, kwargs))
    process.start()
    sender.close()
    try:
        cost: Cost = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work} ended with {process.exitcode}.") from None
    process.join()
    return cost


def _report(sender: Any, work: Callable[..., object], args: Any, kwargs: Any) -> None:
    cost, ready = _timed(lambda: work(*args, **kwargs))
    if callable(ready):
        cost, _ = _timed(ready)
    sender.send(Cost(cost.wall_s, cost.cpu_s, peak_mb()))


def peak_mb() -> float:
    """The most memory that this process has held, MB; `getrusage` would count that of its parent too."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def show(figures: Iterable[Figure]) -> None:
    """Print figures, a line each."""
    for f in figures:
        beside = "" if math.isnan(f.other) else f"{f.other:>11.4g} {f.ratio:>9.3g} x"
        goal = "" if f.goal is None else f"goal {f.goal:g}: {'holds' if f.holds else 'FAILS'}"
        print(f"{f.name:<66} {f.ours:>11.4g} {f.unit:<15} {beside:<23} {goal}", flush=True)
