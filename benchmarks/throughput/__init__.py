"""How fast the service answers where much is stored, beside pygeoapi's own application with its PostgreSQL manager.

Both are one process of uvicorn, both keep their jobs in one PostgreSQL server, 10,000 jobs and 10,000 collections
each; 8 connections ask, each one request after another, and the two take turns.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Figure
from benchmarks.throughput.load import Ask, Load, ask
from benchmarks.throughput.ours import our_service
from benchmarks.throughput.stock import stock_service
from tests.servers import postgresql

STORED = 10_000
"""Jobs, and collections, of each."""
TURNS = 5
"""How often each is asked, in turns."""
P99_GOAL_MS = 50.0
"""The latency of reads at the 99th percentile, at 8 connections."""
_STOCK = "pygeoapi, PostgreSQL manager"
_BODY = {"inputs": {"message": "a field of maize"}}
_HELLO = {"inputs": {"name": "a field of maize"}}


def figures() -> list[Figure]:
    """Milliseconds of the server per request, and the latency of our reads."""
    with (
        TemporaryDirectory() as folder,
        postgresql(Path(folder), "ours", "stock", durable=True) as server,
        our_service(Path(folder), f"{server}/ours", STORED) as ours,
        stock_service(Path(folder), f"{server}/stock", STORED) as stock,
    ):
        middle = f"job-{STORED // 2:05d}"
        asked = {
            "GET /jobs": (Ask("/jobs"), Ask("/jobs"), 10.0),
            "GET /jobs/{id}": (Ask(f"/jobs/{middle}"), Ask(f"/jobs/{middle}"), 1.0),
            "POST execution": (
                Ask("/processes/echo/execution", _BODY),
                Ask("/processes/hello-world/execution", _HELLO),
                3.0,
            ),
            "GET /collections": (Ask("/collections"), Ask("/collections"), 10.0),
            "GET /collections/{id}": (
                Ask(f"/collections/{middle}"),
                Ask(f"/collections/{middle}"),
                10.0,
            ),
        }
        found: list[Figure] = []
        for name, (of_ours, of_stock, goal) in asked.items():
            ask(ours, of_ours, 0.5)  # what is made once is made
            loads = _in_turns({ours: of_ours, stock: of_stock})
            found.append(
                Figure(
                    f"{name}, {STORED:,} stored",
                    _per_request_ms(loads[ours]),
                    _per_request_ms(loads[stock]),
                    "ms/request",
                    goal,
                    _STOCK,
                )
            )
            if not of_ours.body:
                p99 = 1000 * _p99([s for load in loads[ours] for s in load.latencies_s])
                told = f"{name}, latency at the 99th percentile, 8 connections"
                found.append(Figure(told, p99, P99_GOAL_MS, "ms", 1.0, "the goal"))
    return found


def _in_turns(asked: Mapping[str, Ask]) -> dict[str, list[Load]]:
    """The loads of each server; they take turns, so that a busy minute meets both."""
    loads: dict[str, list[Load]] = {url: [] for url in asked}
    for _ in range(TURNS):
        for url, what in asked.items():
            loads[url].append(ask(url, what))
    return loads


def _per_request_ms(loads: Sequence[Load]) -> float:
    """The median over the turns."""
    return 1000 * statistics.median(load.wall_s / len(load.latencies_s) for load in loads)


def _p99(latencies: Sequence[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]
