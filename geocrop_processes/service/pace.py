"""How fast the queue goes: when it is worth asking again for a job that is still open."""

import math
import time
from collections.abc import Callable

from sqlalchemy import Connection, case, func, select

from geocrop_processes.service.database import Database
from geocrop_processes.service.reuse import measurable
from geocrop_processes.service.schema import jobs, steps
from geocrop_processes.service.steps import DUE, LEASED, SUCCESSFUL

SHORTEST_S, LONGEST_S = 1, 60
"""The least and the most seconds that a client is asked to wait."""
_RECENT = 16
"""Jobs that the seconds of a step are taken from, the newest successful ones."""
_COUNTED = 1000
"""More steps than this are not counted: the longest wait comes of fewer."""
_KEPT_S = 1.0
"""Seconds that an answer is kept: clients that ask together cost one query."""
_STEP_S = 1.0
"""Seconds of a step where no job has ended yet."""


class Pace:
    """How fast the queue of a job store goes.

    Args:
        database: the job store's.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known = (-math.inf, SHORTEST_S)

    def seconds(self) -> int:
        """Seconds until there is something new of an open job, 1 to 60.

        Workers take steps of one job after the other in turn: where n jobs wait, and a step of one ended every s seconds
        lately, each of them gets on every n s seconds.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        now = self._clock()
        until, seconds = self._known
        if now >= until:
            with self._database.read() as connection:
                seconds = _expected(connection)
            self._known = (now + _KEPT_S, seconds)
        return seconds


def _expected(connection: Connection) -> int:
    """The same, from one query: two short walks along indices."""
    waiting = (
        select(steps.c.job_id)
        .where(steps.c.state.in_((DUE, LEASED)))
        .order_by(steps.c.state, steps.c.at)
        .limit(_COUNTED)
        .subquery()
    )
    recent = (
        # a job that is cut into blocks is planned and finished, too; any other one is a single step
        select(
            (jobs.c.finished - jobs.c.started).label("ran"),
            case((jobs.c.blocks > 0, jobs.c.blocks + 2), else_=1).label("steps"),
        )
        # one that an earlier product answers, or that was partial, says nothing of how long steps take
        .where(jobs.c.status == SUCCESSFUL, func.coalesce(jobs.c.product, jobs.c.id) == jobs.c.id)
        .where(measurable())
        .order_by(jobs.c.number.desc())
        .limit(_RECENT)
        .subquery()
    )
    n_jobs = select(func.count(waiting.c.job_id.distinct())).scalar_subquery()
    step_s = select(func.sum(recent.c.ran) / func.sum(recent.c.steps)).scalar_subquery()
    row = connection.execute(select(n_jobs, step_s)).one()
    expected = int(row[0]) * (_STEP_S if row[1] is None else float(row[1]))
    return math.ceil(min(max(expected, SHORTEST_S), LONGEST_S))
