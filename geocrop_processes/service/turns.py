"""Whose turn it is: of which job a step is done next. Each function is part of one transaction.

Of the owners that wait, the one with the fewest steps under way comes first; of those, the one that was served
longest ago; then one of its jobs in the same way. A new job joins the end of the line. So of two that wait none is
served twice before the other is once, however many jobs an owner has, and however many blocks a job.

A look costs no more where there are more blocks, or more jobs that have ended: each query goes along an index to the
first row that fits. Only what is under way, and the owners that wait, are gone through one by one.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select

from geocrop_processes.service.schema import IS_OPEN, IS_TO_CLEAN, jobs, steps
from geocrop_processes.service.steps import CLEAN, LEASED, claimable, waits, written


def next_job(connection: Connection, kinds: Sequence[str], lease_s: float) -> str | None:
    """The job of which a step of these kinds is to be done now; None where nothing can be claimed.

    A closed job that is to be cleaned up comes first: that is quick, and makes room.
    """
    if CLEAN in kinds and (closed := connection.execute(_to_clean(lease_s)).scalar()):
        return str(closed)
    busy = connection.execute(_under_way(lease_s)).all()
    of_owner = Counter[str]()
    for row in busy:
        of_owner[row.owner] += row.n
    waiting = connection.execute(_owners())
    owners = sorted(waiting, key=lambda row: (of_owner[row.owner], row.turn, row.owner))
    # a job that another worker is just served from is passed by; where all are, one waits for them
    for passes_by in (True, False):
        for owner in owners:
            held = [row for row in busy if row.owner == owner.owner]
            idle = _idle(owner.owner, held, kinds, lease_s)
            if passes_by:
                idle = idle.with_for_update(skip_locked=True)
            found = connection.execute(idle).scalar() or _least_busy(
                connection, held, kinds, lease_s
            )
            if found:
                return str(found)
    return None


@cache
def _to_clean(lease_s: float) -> Select[Any]:
    """The closed job that has waited longest to be cleaned up, and that nobody writes to any more."""
    return (
        select(steps.c.job_id)
        .where(IS_TO_CLEAN, ~waits(steps, lease_s), ~written(lease_s))
        .order_by(steps.c.at)
        .limit(1)
    )


@cache
def _under_way(lease_s: float) -> Select[Any]:
    """The jobs with steps under way, and how many: no more rows than there are workers."""
    return (
        select(jobs.c.id, jobs.c.owner, jobs.c.turn, jobs.c.number, func.count().label("n"))
        .join(steps, steps.c.job_id == jobs.c.id)
        .where(steps.c.state == LEASED, waits(steps, lease_s))
        .group_by(jobs.c.number)
    )


@cache
def _owners() -> Select[Any]:
    """The owners of open jobs, and when each was served last; or since when it waits for the first time.

    It goes from one owner to the next along an index, past all other jobs of each.
    """
    line = select(func.min(jobs.c.owner).label("owner")).where(IS_OPEN).cte("line", recursive=True)
    following = select(func.min(jobs.c.owner)).where(IS_OPEN, jobs.c.owner > line.c.owner)
    line = line.union_all(select(following.scalar_subquery()).where(line.c.owner.is_not(None)))
    of_owner = jobs.c.owner == line.c.owner
    served = select(func.max(jobs.c.turn)).where(of_owner, jobs.c.started.is_not(None))
    first = select(func.min(jobs.c.turn)).where(of_owner, IS_OPEN)
    turn = func.coalesce(served.scalar_subquery(), first.scalar_subquery())
    return select(line.c.owner, turn.label("turn")).where(line.c.owner.is_not(None))


def _idle(
    owner: str, held: Sequence[Row[Any]], kinds: Sequence[str], lease_s: float
) -> Select[Any]:
    """The owner's job that waits longest, of those with nothing under way and something due."""
    return (
        select(jobs.c.id)
        .where(IS_OPEN, jobs.c.owner == owner, jobs.c.id.not_in([row.id for row in held]))
        .where(_has_due(kinds, lease_s))
        .order_by(jobs.c.turn, jobs.c.number)
        .limit(1)
    )


def _least_busy(
    connection: Connection, held: Sequence[Row[Any]], kinds: Sequence[str], lease_s: float
) -> str | None:
    """Of the jobs with steps under way the one with the fewest, if more is due of it."""
    for row in sorted(held, key=lambda row: (row.n, row.turn, row.number)):
        ready = select(jobs.c.id).where(jobs.c.id == row.id, IS_OPEN, _has_due(kinds, lease_s))
        if connection.execute(ready).first():
            return str(row.id)
    return None


def _has_due(kinds: Sequence[str], lease_s: float) -> Any:
    return exists().where(
        steps.c.job_id == jobs.c.id, steps.c.kind.in_(kinds), claimable(steps, lease_s)
    )
