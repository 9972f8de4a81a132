"""What is due, who holds it, and what follows from it: each function is part of one transaction.

A step is claimed with a lease and an attempt number. Whoever reports a step names the attempt: if another
has claimed it meanwhile, the report changes nothing. A lease that ends makes its step due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from geocrop_processes.service.schema import clock, jobs, plans, steps

PLAN, BLOCK, FINISH, RUN, CLEAN = "plan", "block", "finish", "run", "clean"
KINDS = (RUN, PLAN, FINISH, BLOCK, CLEAN)
"""The kinds of steps: `run` does a simple process whole, `clean` removes what a closed job has left."""

ACCEPTED, RUNNING = "accepted", "running"
SUCCESSFUL, FAILED, DISMISSED = "successful", "failed", "dismissed"
OPEN = (ACCEPTED, RUNNING)
"""The states of jobs that something is still to be done for."""

_DUE, _LEASED, _DONE, _CLOSED = "due", "leased", "done", "closed"
_BACKOFF_S = 60.0
"""The longest wait before another attempt."""
_PLANNED, _MAPPED = 10, 90
"""Progress in percent when the plan is made, and when every block is done."""


@dataclass(frozen=True)
class Step:
    """A step that its holder may do, until its lease ends."""

    id: int
    """Its number."""
    job_id: str
    """The job."""
    kind: str
    """One of `KINDS`."""
    name: str
    """Of a block."""
    attempt: int
    """Which attempt this is, from 1: the token that a report is accepted by."""
    payload: dict[str, Any]
    """What else its holder needs to know."""


def add(connection: Connection, job_id: str, kind: str, names: Sequence[str] = ("",)) -> None:
    """Make steps of a job due, now."""
    now = clock(connection)
    rows = [
        {"job_id": job_id, "kind": kind, "name": n, "state": _DUE, "at": now, "payload": {}}
        for n in names
    ]
    if rows:
        connection.execute(insert(steps), rows)


def claim(
    connection: Connection, kinds: Sequence[str], lease_s: float, attempts: int
) -> Step | None:
    """Lease the next due step: of the job with the fewest leased, then of the one that waits longest."""
    now = clock(connection)
    _give_up(connection, now, attempts)
    held = (
        select(steps.c.job_id, func.count().label("n"))
        .where(steps.c.state == _LEASED, steps.c.at > now)
        .group_by(steps.c.job_id)
        .subquery()
    )
    row = connection.execute(
        select(steps)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .outerjoin(held, held.c.job_id == steps.c.job_id)
        .where(_claimable(now), steps.c.kind.in_(kinds))
        .order_by(func.coalesce(held.c.n, 0), jobs.c.turn, jobs.c.number, steps.c.id)
        .limit(1)
        .with_for_update(of=steps, skip_locked=True)
    ).first()
    if row is None:
        return None
    attempt = row.attempt + 1
    connection.execute(
        update(steps)
        .where(steps.c.id == row.id)
        .values(state=_LEASED, at=now + lease_s, attempt=attempt)
    )
    turn = select(func.max(jobs.c.turn) + 1).scalar_subquery()
    job = update(jobs).where(jobs.c.id == row.job_id)
    connection.execute(job.values(turn=turn))
    connection.execute(
        job.where(jobs.c.status == ACCEPTED).values(status=RUNNING, started=now, updated=now)
    )
    return Step(row.id, row.job_id, row.kind, row.name, attempt, row.payload)


def renew(connection: Connection, step: Step, lease_s: float) -> bool:
    """Lengthen the lease; False where it is lost, or where the job is not open: nothing comes of it then.

    The lease of a closed job's step is lengthened all the same: what is being written is cleaned up only
    after its writer has ended.
    """
    renewed = connection.execute(
        update(steps).where(*_held(step)).values(at=clock(connection) + lease_s)
    )
    return renewed.rowcount == 1 and (step.kind == CLEAN or _is_open(connection, step.job_id))


def planned(
    connection: Connection, step: Step, plan: bytes, blocks: Sequence[str], digest: str
) -> bool:
    """The plan is made: its blocks are due."""
    if not _end(connection, step):
        return False
    connection.execute(insert(plans).values(job_id=step.job_id, content=plan))
    add(connection, step.job_id, BLOCK, blocks)
    _note(
        connection,
        step.job_id,
        f"{len(blocks)} blocks to map",
        progress=_PLANNED,
        digest=digest,
        blocks=len(blocks),
    )
    return True


def block_done(connection: Connection, step: Step) -> bool:
    """A block is mapped; after the last one the job can be finished."""
    if not _end(connection, step):
        return False
    row = connection.execute(
        select(jobs.c.blocks, jobs.c.blocks_done).where(jobs.c.id == step.job_id).with_for_update()
    ).one()
    done = row.blocks_done + 1
    _note(
        connection,
        step.job_id,
        f"{done} of {row.blocks} blocks mapped",
        blocks_done=done,
        progress=_PLANNED + (_MAPPED - _PLANNED) * done // row.blocks,
    )
    if done == row.blocks:
        add(connection, step.job_id, FINISH)
    return True


def finished(
    connection: Connection, step: Step, result: dict[str, Any], digest: str | None = None
) -> bool:
    """The job is successful."""
    if not _end(connection, step):
        return False
    now = clock(connection)
    values: dict[str, Any] = {"digest": digest} if digest else {}
    connection.execute(
        update(jobs)
        .where(jobs.c.id == step.job_id)
        .values(
            **values,
            status=SUCCESSFUL,
            progress=100,
            message="done",
            updated=now,
            finished=now,
            result=result,
            product=result.get("job_id"),
        )
    )
    return True


def cleaned(connection: Connection, step: Step) -> bool:
    """Nothing is left of the closed job but its record."""
    return connection.execute(update(steps).where(*_held(step)).values(state=_DONE)).rowcount == 1


def failed(
    connection: Connection, step: Step, error: dict[str, Any], *, retry: bool, attempts: int
) -> bool:
    """The step failed: it is due again after a while, or its job has failed."""
    is_open = step.kind == CLEAN or _is_open(connection, step.job_id)
    if not is_open or not retry or (step.attempt >= attempts and step.kind != CLEAN):
        counts = _end(connection, step)
        if counts:
            fail_job(connection, step.job_id, error)
        return counts
    wait = min(_BACKOFF_S, 2.0 ** (step.attempt - 1))
    row = connection.execute(
        update(steps).where(*_held(step)).values(state=_DUE, at=clock(connection) + wait)
    )
    if row.rowcount and step.kind != CLEAN:
        _note(connection, step.job_id, f"will be tried again: {error['detail']}")
    return row.rowcount == 1


def fail_job(connection: Connection, job_id: str, error: dict[str, Any]) -> None:
    """The open job has failed: its steps are closed."""
    now = clock(connection)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(OPEN))
        .values(status=FAILED, message=error["detail"], error=error, updated=now, finished=now)
    )
    close(connection, job_id)


def close(connection: Connection, job_id: str) -> None:
    """Close what nobody has begun; what may have been written is to be cleaned up."""
    of_job = steps.c.job_id == job_id
    connection.execute(
        update(steps)
        .where(of_job, steps.c.state == _DUE, steps.c.kind != CLEAN)
        .values(state=_CLOSED)
    )
    writes = exists().where(of_job, steps.c.kind.in_((PLAN, BLOCK, FINISH)), steps.c.attempt > 0)
    cleans = exists().where(
        of_job, steps.c.kind == CLEAN, or_(steps.c.state == _DUE, steps.c.state == _LEASED)
    )
    if connection.execute(select(writes & ~cleans)).scalar_one():
        add(connection, job_id, CLEAN)


def due(connection: Connection) -> dict[str, int]:
    """How many steps could be claimed now, by kind."""
    now = clock(connection)
    rows = connection.execute(
        select(steps.c.kind, func.count())
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(_claimable(now))
        .group_by(steps.c.kind)
    )
    return {row[0]: row[1] for row in rows}


def _claimable(now: float) -> ColumnElement[bool]:
    """Due, or held by somebody who has gone silent; of an open job, or to clean up after a closed one."""
    other = steps.alias()
    written = exists().where(
        other.c.job_id == steps.c.job_id,
        other.c.id != steps.c.id,
        other.c.state == _LEASED,
        other.c.at > now,
    )
    return and_(
        steps.c.state.in_((_DUE, _LEASED)),
        steps.c.at <= now,
        or_(jobs.c.status.in_(OPEN), and_(steps.c.kind == CLEAN, ~written)),
    )


def _give_up(connection: Connection, now: float, attempts: int) -> None:
    """Fail the jobs whose step was left silently too often."""
    silent = connection.execute(
        select(steps.c.id, steps.c.job_id, steps.c.kind, steps.c.name)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(
            steps.c.state == _LEASED,
            steps.c.at <= now,
            steps.c.attempt >= attempts,
            steps.c.kind != CLEAN,
            jobs.c.status.in_(OPEN),
        )
    ).all()
    for row in silent:
        connection.execute(update(steps).where(steps.c.id == row.id).values(state=_CLOSED))
        what = " ".join(part for part in (row.kind, row.name) if part)
        detail = (
            f"The step {what!r} was begun {attempts} times, and its worker went silent each time."
        )
        fail_job(connection, row.job_id, {"title": "Worker lost", "detail": detail, "status": 500})


def _held(step: Step) -> tuple[ColumnElement[bool], ...]:
    return (steps.c.id == step.id, steps.c.attempt == step.attempt, steps.c.state == _LEASED)


def _end(connection: Connection, step: Step) -> bool:
    """The holder gives the step back; True where the report counts: held by it, and the job is open."""
    # PostgreSQL: whoever closes the job waits for this report, or this report sees it closed
    connection.execute(select(jobs.c.id).where(jobs.c.id == step.job_id).with_for_update())
    counts = _is_open(connection, step.job_id)
    ended = connection.execute(
        update(steps).where(*_held(step)).values(state=_DONE if counts else _CLOSED)
    )
    return counts and ended.rowcount == 1


def _is_open(connection: Connection, job_id: str) -> bool:
    status = connection.execute(select(jobs.c.status).where(jobs.c.id == job_id)).scalar_one()
    return status in OPEN


def _note(connection: Connection, job_id: str, message: str, **values: Any) -> None:
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(message=message, updated=clock(connection), **values)
    )
