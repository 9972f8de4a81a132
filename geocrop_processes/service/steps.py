"""What is due, and who holds it: each function is part of one transaction.

A step is claimed with a lease and an attempt number. Whoever reports a step names the attempt: if another
has claimed it meanwhile, the report changes nothing. A lease that ends makes its step due again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from geocrop_processes.service.callbacks import due as callbacks
from geocrop_processes.service.callbacks import subscriber
from geocrop_processes.service.schema import Now, clock, jobs, steps

PLAN, BLOCK, FINISH, RUN, CLEAN = "plan", "block", "finish", "run", "clean"
KINDS = (RUN, PLAN, FINISH, BLOCK, CLEAN)
"""The kinds of steps: `run` does a simple process whole, `clean` removes what a closed job has left."""

BLOCKWISE = frozenset({"crop-classification", "sample-extraction", "feature-extraction"})
"""The processes that are planned and done block by block; any other one is a single step."""

ACCEPTED, RUNNING = "accepted", "running"
SUCCESSFUL, FAILED, DISMISSED = "successful", "failed", "dismissed"
OPEN = (ACCEPTED, RUNNING)
"""The states of jobs that something is still to be done for."""
STATUSES = (*OPEN, SUCCESSFUL, FAILED, DISMISSED)
"""The states of jobs."""

DUE, LEASED, DONE, CLOSED, TAKEN = "due", "leased", "done", "closed", "taken"
"""The states of steps; `taken` is a block that an earlier job has done."""
BACKOFF_S = 60.0
"""The longest wait before another attempt."""
_CLOCKS_S = 10.0
"""Seconds that the clock may be set back without a lease being taken for one of the past."""


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
    failures: int = 0
    """How many attempts before this one have failed, or fell silent."""


def add(connection: Connection, job_id: str, kind: str, names: Sequence[str] = ("",)) -> None:
    """Make steps of a job due, now."""
    rows = [{"job_id": job_id, "kind": kind, "name": n, "state": DUE} for n in names]
    if rows:
        connection.execute(insert(steps).values(at=Now()), rows)


def begin(connection: Connection, processes: Mapping[str, str]) -> None:
    """Make the first step of new jobs due, now; the process of each by the job's name."""
    firsts = {job_id: PLAN if name in BLOCKWISE else RUN for job_id, name in processes.items()}
    rows = [
        {"job_id": job_id, "kind": kind, "name": "", "state": DUE}
        for job_id, kind in firsts.items()
    ]
    connection.execute(insert(steps).values(at=Now()), rows)


def next_due(connection: Connection, kinds: Sequence[str], lease_s: float) -> Row[Any] | None:
    """The step whose turn it is: of the job with the fewest leased, then of the one that waits longest."""
    now = clock(connection)
    held_now = (
        select(steps.c.job_id, func.count().label("n"))
        .where(steps.c.state == LEASED, _waits(steps, now, lease_s))
        .group_by(steps.c.job_id)
        .subquery()
    )
    return connection.execute(
        select(steps)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .outerjoin(held_now, held_now.c.job_id == steps.c.job_id)
        .where(_claimable(now, lease_s), steps.c.kind.in_(kinds))
        .order_by(func.coalesce(held_now.c.n, 0), jobs.c.turn, jobs.c.number, steps.c.id)
        .limit(1)
    ).first()


def take(connection: Connection, row: Row[Any], lease_s: float) -> Step | None:
    """Lease a step as it was found; None where another has been quicker, or has closed its job."""
    if lock(connection, row.job_id) not in OPEN and row.kind != CLEAN:
        return None
    now = clock(connection)
    # a lease that has ended was a failure, a step that was given back was none
    attempt, failures = row.attempt + 1, row.failures + (row.state == LEASED)
    as_found = (steps.c.id == row.id, steps.c.attempt == row.attempt)
    unchanged = (steps.c.state == row.state, steps.c.at == row.at)
    taken = connection.execute(
        update(steps)
        .where(*as_found, *unchanged)
        .values(state=LEASED, at=now + lease_s, attempt=attempt, failures=failures)
    )
    if not taken.rowcount:
        return None
    turn = select(func.max(jobs.c.turn) + 1).scalar_subquery()
    job = update(jobs).where(jobs.c.id == row.job_id)
    connection.execute(job.values(turn=turn))
    started = connection.execute(
        job.where(jobs.c.status == ACCEPTED).values(status=RUNNING, started=now, updated=now)
    )
    if started.rowcount:
        callbacks.announce(connection, row.job_id, subscriber.IN_PROGRESS)
    return Step(row.id, row.job_id, row.kind, row.name, attempt, failures)


def renew(connection: Connection, step: Step, lease_s: float) -> bool:
    """Lengthen the lease; False where it is lost, or where the job is not open: nothing comes of it then.

    The lease of a closed job's step is lengthened all the same: what is being written is cleaned up only
    after its writer has ended.
    """
    renewed = connection.execute(
        update(steps).where(*held(step)).values(at=clock(connection) + lease_s)
    )
    return renewed.rowcount == 1 and (step.kind == CLEAN or is_open(connection, step.job_id))


def fail_job(connection: Connection, job_id: str, error: dict[str, Any]) -> None:
    """The open job has failed: its steps are closed."""
    now = clock(connection)
    failed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(OPEN))
        .values(status=FAILED, message=error["detail"], error=error, updated=now, finished=now)
    )
    if failed.rowcount:
        callbacks.announce(connection, job_id, subscriber.FAILED)
    close(connection, job_id)


def close(connection: Connection, job_id: str) -> None:
    """Close what nobody has begun; what may have been written is to be cleaned up."""
    of_job = steps.c.job_id == job_id
    connection.execute(
        update(steps)
        .where(of_job, steps.c.state == DUE, steps.c.kind != CLEAN)
        .values(state=CLOSED)
    )
    writes = exists().where(
        of_job, steps.c.kind.in_((PLAN, BLOCK, FINISH, RUN)), steps.c.attempt > 0
    )
    cleans = exists().where(
        of_job, steps.c.kind == CLEAN, or_(steps.c.state == DUE, steps.c.state == LEASED)
    )
    if connection.execute(select(writes & ~cleans)).scalar_one():
        add(connection, job_id, CLEAN)


def sweep(connection: Connection, job_id: str) -> None:
    """What was written for a closed job, and came too late to count, is to be cleaned up."""
    if lock(connection, job_id) in OPEN:
        return
    cleans = exists().where(steps.c.job_id == job_id, steps.c.kind == CLEAN, steps.c.state == DUE)
    # one that is being done may have passed the place by
    if connection.execute(select(~cleans)).scalar_one():
        add(connection, job_id, CLEAN)


def due(connection: Connection, lease_s: float) -> dict[str, int]:
    """How many steps could be claimed now, by kind."""
    rows = connection.execute(
        select(steps.c.kind, func.count())
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(_claimable(clock(connection), lease_s))
        .group_by(steps.c.kind)
    )
    return {row[0]: row[1] for row in rows}


def silent(connection: Connection, lease_s: float, attempts: int) -> Sequence[Row[Any]]:
    """The steps of open jobs that were left silently too often."""
    return connection.execute(
        select(steps)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(
            steps.c.state == LEASED,
            ~_waits(steps, clock(connection), lease_s),
            steps.c.failures + 1 >= attempts,
            steps.c.kind != CLEAN,
            jobs.c.status.in_(OPEN),
        )
    ).all()


def give_up(connection: Connection, row: Row[Any], attempts: int) -> None:
    """Fail the job of a step that was left silently too often, unless its holder has spoken meanwhile."""
    if lock(connection, row.job_id) not in OPEN:
        return
    closed = connection.execute(
        update(steps)
        .where(steps.c.id == row.id, steps.c.attempt == row.attempt, steps.c.at == row.at)
        .values(state=CLOSED)
    )
    if closed.rowcount:
        what = " ".join(part for part in (row.kind, row.name) if part)
        detail = (
            f"The step {what!r} was begun {attempts} times, and its worker went silent each time."
        )
        fail_job(connection, row.job_id, {"title": "Worker lost", "detail": detail, "status": 500})


def lock(connection: Connection, job_id: str) -> str:
    """Hold a job to the end of the transaction; its status.

    Whoever changes steps by what their job is holds it first: so nobody waits for anybody who waits for him.
    """
    query = select(jobs.c.status).where(jobs.c.id == job_id).with_for_update()
    return str(connection.execute(query).scalar_one())


def _claimable(now: float, lease_s: float) -> ColumnElement[bool]:
    """Due, or held by somebody who has gone silent; of an open job, or to clean up after a closed one."""
    other = steps.alias()
    written = exists().where(
        other.c.job_id == steps.c.job_id,
        other.c.id != steps.c.id,
        other.c.state == LEASED,
        _waits(other, now, lease_s),
    )
    return and_(
        steps.c.state.in_((DUE, LEASED)),
        ~_waits(steps, now, lease_s),
        or_(jobs.c.status.in_(OPEN), and_(steps.c.kind == CLEAN, ~written)),
    )


def _waits(table: FromClause, now: float, lease_s: float) -> ColumnElement[bool]:
    """That a step is not to be claimed yet.

    One that waits longer than anything can was written before the clock was set back.
    """
    return and_(table.c.at > now, table.c.at <= now + max(lease_s, BACKOFF_S) + _CLOCKS_S)


def held(step: Step) -> tuple[ColumnElement[bool], ...]:
    """That a step is still its holder's."""
    return (steps.c.id == step.id, steps.c.attempt == step.attempt, steps.c.state == LEASED)


def is_open(connection: Connection, job_id: str) -> bool:
    """Whether something is still to be done for a job."""
    status = connection.execute(select(jobs.c.status).where(jobs.c.id == job_id)).scalar_one()
    return status in OPEN
