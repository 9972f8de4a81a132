"""How fast the service answers where much is stored, beside pygeoapi's own application with its PostgreSQL manager.

Both are one process of uvicorn, both keep their jobs in one PostgreSQL server, 10,000 jobs and 10,000 collections
each; 8 connections ask, each one request after another, and the two take turns.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Figure
from benchmarks.throughput.load import CONNECTIONS, Ask, Load, ask
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


@dataclass(frozen=True)
class Question:
    """What both are asked."""

    name: str
    """In the tables."""
    ours: Ask
    """What our service is asked."""
    stock: Ask
    """What pygeoapi is asked."""
    goal: float
    """How many times faster we are to be."""
    is_long: bool = False
    """Whether pygeoapi takes so long that it is asked once, by one connection."""


def _questions(middle: str) -> list[Question]:
    return [
        Question("GET /jobs", Ask("/jobs"), Ask("/jobs"), 10),
        Question("GET /jobs/{id}", Ask(f"/jobs/{middle}"), Ask(f"/jobs/{middle}"), 1),
        Question(
            "POST execution",
            Ask("/processes/echo/execution", {"inputs": {"message": "a field of maize"}}),
            Ask("/processes/hello-world/execution", {"inputs": {"name": "a field of maize"}}),
            3,
        ),
        Question("GET /collections", Ask("/collections"), Ask("/collections"), 10, is_long=True),
        Question(
            "GET /collections/{id}",
            Ask(f"/collections/{middle}"),
            Ask(f"/collections/{middle}"),
            # pygeoapi looks its own up in memory, whatever their number
            1,
        ),
    ]


def figures() -> list[Figure]:
    """Milliseconds of the server per request, and the latency of our reads."""
    with (
        TemporaryDirectory() as folder,
        postgresql(Path(folder), "ours", "stock", durable=True) as server,
        our_service(Path(folder), f"{server}/ours", STORED) as ours,
        stock_service(Path(folder), f"{server}/stock", STORED) as stock,
    ):
        questions = _questions(f"job-{STORED // 2:05d}")
        return [figure for each in questions for figure in _figures(each, ours, stock)]


def _figures(question: Question, ours: str, stock: str) -> list[Figure]:
    """What came of it; the two take turns, so that a busy minute meets both."""
    ask(ours, question.ours, 0.5)  # what is made once is made
    ours_loads, stock_loads = [], []
    for turn in range(TURNS):
        ours_loads.append(ask(ours, question.ours))
        if not question.is_long:
            stock_loads.append(ask(stock, question.stock))
        elif turn == 0:
            stock_loads.append(ask(stock, question.stock, 0, connections=1))
    name = f"{question.name}, {STORED:,} stored"
    other = _per_request_ms(stock_loads)
    unit = "ms/request"
    found = [Figure(name, _per_request_ms(ours_loads), other, unit, question.goal, _STOCK)]
    if question.ours.body is None:
        p99 = 1000 * _p99([s for load in ours_loads for s in load.latencies_s])
        told = f"{question.name}, latency at the 99th percentile, {CONNECTIONS} connections"
        found.append(Figure(told, p99, P99_GOAL_MS, "ms", 1, "the goal"))
    return found


def _per_request_ms(loads: Sequence[Load]) -> float:
    """The median over the turns."""
    return 1000 * statistics.median(load.wall_s / len(load.latencies_s) for load in loads)


def _p99(latencies: Sequence[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]
