"""How many jobs may be open at once, of an owner and in all: part of the transaction that writes new ones down.

Submissions that one process writes together are counted together. Processes of PostgreSQL do not wait for each other:
at the limit each may let in those that it is just writing. Far below it, not everybody is counted for each job.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from geocrop_processes.errors import QueueFull, TooManyJobs, Unavailable
from geocrop_processes.service.schema import IS_OPEN, jobs


@dataclass(frozen=True)
class Limits:
    """The most jobs that are open at once."""

    in_all: int
    """Of everybody."""
    of_owner: int
    """Of one owner."""


_UNSEEN = 0.1
"""The part of the room below a limit that is filled before jobs are counted again."""
_UNSEEN_S = 1.0
"""Seconds after which they are counted again however little has come: others let jobs in, too."""
_COUNT = select(jobs.c.owner, func.count().label("n")).where(IS_OPEN).group_by(jobs.c.owner)


class Door:
    """Lets jobs in as far as the limits allow; it asks one at a time.

    Args:
        limits: how many may be in.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._room = 0
        self._until = -math.inf

    def refusals(
        self, connection: Connection, owners: Sequence[str]
    ) -> Sequence[Unavailable | None]:
        """Why each of new jobs, given by its owner in the order in which they came, is refused; None where it is not."""
        now = self._clock()
        if now < self._until and len(owners) <= self._room:
            self._room -= len(owners)
            return [None] * len(owners)
        n_open = Counter({row.owner: row.n for row in connection.execute(_COUNT)})
        found: list[Unavailable | None] = []
        for owner in owners:
            refusal = _refusal(n_open.total(), n_open[owner], self._limits)
            found.append(refusal)
            n_open[owner] += refusal is None
        most = max(n_open.values(), default=0)
        room = min(self._limits.in_all - n_open.total(), self._limits.of_owner - most)
        self._room, self._until = int(_UNSEEN * room), now + _UNSEEN_S
        return found


def _refusal(in_all: int, of_owner: int, limits: Limits) -> Unavailable | None:
    if of_owner >= limits.of_owner:
        return TooManyJobs(
            f"{of_owner} of your jobs are open, and {limits.of_owner} may be: no other one is accepted "
            "before one of them has ended."
        )
    if in_all >= limits.in_all:
        return QueueFull(
            f"{in_all} jobs are open, and {limits.in_all} may be: no other one is accepted before one of "
            "them has ended."
        )
    return None
