"""Where aliases have pointed: MLflow knows only where they point now.

A tag of the registered model holds every move of its aliases, the latest last, as JSON.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from geocrop_processes.registry.records import Move

TAG = "geocrop.moves"
"""The tag of a registered model that holds the moves of its aliases."""
REGISTERED, PROMOTED, ROLLED_BACK, ELSEWHERE = (
    "registered",
    "promoted",
    "rolled back",
    "moved elsewhere",
)
"""How an alias comes to a version."""
_MOST = 500
"""Moves that are kept: 100,000 characters are what MLflow takes as a tag's value."""


def read_moves(tag: str) -> list[Move]:
    """The moves of a tag, the latest last; none where it is empty or was written by somebody else."""
    try:
        rows = json.loads(tag or "[]")
        return [
            Move(alias, version, how, datetime.fromisoformat(at))
            for alias, version, how, at in rows
        ]
    except (ValueError, TypeError):
        return []


def write_moves(moves: Sequence[Move]) -> str:
    """The inverse of `read_moves`; the oldest of too many are left out."""
    rows = [[m.alias, m.version, m.action, m.at.isoformat()] for m in moves[-_MOST:]]
    return json.dumps(rows, separators=(",", ":"))


def move(alias: str, version: str, action: str) -> Move:
    """A move that happens now."""
    return Move(alias, version, action, datetime.now(UTC).replace(microsecond=0))


def past(moves: Iterable[Move], alias: str, current: str | None) -> list[str]:
    """The versions that an alias has pointed to and that no step back has left, the one of now last.

    Args:
        moves: of all aliases, the latest last.
        alias: the one that is asked for.
        current: where it points now: somebody else may have moved it.
    """
    versions: list[str] = []
    for m in moves:
        if m.alias != alias:
            continue
        if m.action == ROLLED_BACK:
            while versions and versions[-1] != m.version:
                versions.pop()
        if not versions or versions[-1] != m.version:
            versions.append(m.version)
    if current is not None and versions[-1:] != [current]:
        versions.append(current)
    return versions
