"""Where aliases have pointed: MLflow knows only where they point now.

A tag of the registered model for each alias holds its moves, the latest last, as JSON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from geocrop_processes.registry.records import Move

TAG = "geocrop.moves."
"""What the tags of a registered model start with that hold the moves of its aliases; the alias follows."""
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


def moves_of(tags: Mapping[str, str], alias: str) -> list[Move]:
    """The moves of an alias by the tags of its registered model, the latest last."""
    return read_moves(tags.get(TAG + alias, ""))


def all_moves(tags: Mapping[str, str]) -> list[Move]:
    """The moves of all aliases, the latest last."""
    found = [m for name, tag in tags.items() if name.startswith(TAG) for m in read_moves(tag)]
    return sorted(found, key=lambda m: m.at)


def move(alias: str, version: str, action: str) -> Move:
    """A move that happens now."""
    return Move(alias, version, action, datetime.now(UTC).replace(microsecond=0))


def past(moves: Iterable[Move], current: str | None) -> list[str]:
    """The versions that an alias has pointed to and that no step back has left, the one of now last.

    Args:
        moves: of the alias, the latest last.
        current: where it points now: somebody else may have moved it.
    """
    versions: list[str] = []
    for m in moves:
        if m.action == ROLLED_BACK:
            while versions and versions[-1] != m.version:
                versions.pop()
        if not versions or versions[-1] != m.version:
            versions.append(m.version)
    if current in versions:
        # a step back that was made and not written down, or by somebody else
        return versions[: len(versions) - versions[::-1].index(current)]
    return versions if current is None else [*versions, current]
