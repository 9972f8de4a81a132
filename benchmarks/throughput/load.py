"""Connections that ask one thing, each again as soon as it has its answer."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

CONNECTIONS = 8
"""That ask at once."""
TURN_S = 3.0
"""Seconds of a turn; a request that has begun is waited for."""
_PATIENCE = aiohttp.ClientTimeout(total=600)
_HEADERS = {"Accept": "application/json", "Prefer": "respond-async"}


@dataclass(frozen=True)
class Ask:
    """What is asked."""

    path: str
    """Below the service's address."""
    body: dict[str, Any] | None = None
    """What is posted; a GET where there is none."""


@dataclass(frozen=True)
class Load:
    """What came of a turn."""

    wall_s: float
    """Seconds from the first request to the last answer."""
    latencies_s: list[float]
    """Of each request."""


def ask(url: str, what: Ask, seconds: float = TURN_S, *, connections: int = CONNECTIONS) -> Load:
    """Ask a server for some seconds, each connection once at least.

    Raises:
        RuntimeError: an answer is not what it should be.
    """
    return asyncio.run(_ask(url + what.path, what, seconds, connections))


async def _ask(address: str, what: Ask, seconds: float, connections: int) -> Load:
    latencies: list[float] = []
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(
        connector=connector, timeout=_PATIENCE, headers=_HEADERS
    ) as session:

        async def keep_asking() -> None:
            while True:
                begun = time.perf_counter()
                await _one(session, address, what)
                latencies.append(time.perf_counter() - begun)
                if time.perf_counter() >= end:
                    return

        begun = time.perf_counter()
        end = begun + seconds
        await asyncio.gather(*(keep_asking() for _ in range(connections)))
        return Load(time.perf_counter() - begun, latencies)


async def _one(session: aiohttp.ClientSession, address: str, what: Ask) -> None:
    method, expected = ("GET", 200) if what.body is None else ("POST", 201)
    async with session.request(method, address, json=what.body) as answer:
        content = await answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{method} {address}: {answer.status} {content[:300]!r}")
