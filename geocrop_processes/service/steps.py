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
    ScalarSelect,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
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


def begin(connection: Connection, processes: Mapping[str, str], now: float) -> None:
    """Make the first step of new jobs due, now; the process of each by the job's name."""
    firsts = {job_id: PLAN if name in BLOCKWISE else RUN for job_id, name in processes.items()}
    rows = [
        {"job_id": job_id, "kind": kind, "name": "", "state": DUE, "at": now}
        for job_id, kind in firsts.items()
    ]
    connection.execute(insert(steps), rows)


def take(connection: Connection, job_id: str, kinds: Sequence[str], lease_s: float) -> Step | None:
    """Lease the first step of a job that can be claimed; None where another has been quicker, or has closed the job."""
    status = lock(connection, job_id)
    row = _first_of(connection, job_id, status, kinds, lease_s)
    if row is None:
        return None
    # a lease that has ended was a failure, a step that was given back was none
    attempt, failures = row.attempt + 1, row.failures + (row.state == LEASED)
    as_found = (steps.c.id == row.id, steps.c.attempt == row.attempt)
    unchanged = (steps.c.state == row.state, steps.c.at == row.at)
    taken = connection.execute(
        update(steps)
        .where(*as_found, *unchanged)
        .values(state=LEASED, at=Now() + lease_s, attempt=attempt, failures=failures)
    )
    if not taken.rowcount:
        return None
    begins: dict[str, Any] = (
        {"status": RUNNING, "started": Now(), "updated": Now()} if status == ACCEPTED else {}
    )
    connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(turn=end_of_the_line(), **begins)
    )
    if begins:
        callbacks.announce(connection, job_id, subscriber.IN_PROGRESS)
    return Step(row.id, job_id, row.kind, row.name, attempt, failures)


def _first_of(
    connection: Connection, job_id: str, status: str, kinds: Sequence[str], lease_s: float
) -> Row[Any] | None:
    """What of a job was left silently, else the first that is due; of a closed one nothing but to clean up after it."""
    ready = [steps.c.kind.in_(kinds), ~waits(steps, lease_s)]
    if status not in OPEN:
        ready += [steps.c.kind == CLEAN, ~written(lease_s)]
    found = (first(connection, job_id, state, *ready) for state in (LEASED, DUE))
    return next((row for row in found if row is not None), None)


def first(
    connection: Connection, job_id: str, state: str, *conditions: ColumnElement[bool]
) -> Row[Any] | None:
    """The first step of a job that is in a state and meets conditions; None where there is none.

    It is found along the index by job, whatever else the job has done, and others have to do.
    """
    of_state = (steps.c.job_id == job_id, steps.c.state == state)
    query = select(steps).where(*of_state, *conditions)
    return connection.execute(query.order_by(steps.c.id).limit(1)).first()


def end_of_the_line() -> ScalarSelect[int]:
    """The turn after every other job's."""
    return select(func.coalesce(func.max(jobs.c.turn), 0) + 1).scalar_subquery()


def renew(connection: Connection, step: Step, lease_s: float) -> bool:
    """Lengthen the lease; False where it is lost, or where the job is not open: nothing comes of it then.

    The lease of a closed job's step is lengthened all the same: what is being written is cleaned up only
    after its writer has ended.
    """
    renewed = connection.execute(update(steps).where(*held(step)).values(at=Now() + lease_s))
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


def due(connection: Connection, lease_s: float, most: int | None = None) -> dict[str, int]:
    """How many steps could be claimed now, by kind; no more than about `most` are counted, where that is given."""
    first = [
        select(steps.c.id)
        .where(steps.c.state == state, ~waits(steps, lease_s))
        .order_by(steps.c.at)
        .limit(most)
        .subquery()
        for state in (DUE, LEASED)
    ]
    is_wanted = or_(jobs.c.status.in_(OPEN), and_(steps.c.kind == CLEAN, ~written(lease_s)))
    rows = connection.execute(
        select(steps.c.kind, func.count())
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(steps.c.id.in_(union_all(*(select(each.c.id) for each in first))), is_wanted)
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
            ~waits(steps, lease_s),
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


def claimable(table: FromClause, lease_s: float) -> ColumnElement[bool]:
    """That a step of an open job is due, or held by somebody who has gone silent."""
    return and_(table.c.state.in_((DUE, LEASED)), ~waits(table, lease_s))


def written(lease_s: float) -> ColumnElement[bool]:
    """That another step of a step's job is still done by somebody; while that may write, nothing is cleaned up."""
    other = steps.alias()
    return exists().where(
        other.c.job_id == steps.c.job_id,
        other.c.id != steps.c.id,
        other.c.state == LEASED,
        waits(other, lease_s),
    )


def waits(table: FromClause, lease_s: float) -> ColumnElement[bool]:
    """That a step is not to be claimed yet.

    One that waits longer than anything can was written before the clock was set back.
    """
    longest = max(lease_s, BACKOFF_S) + _CLOCKS_S
    return and_(table.c.at > Now(), table.c.at <= Now() + longest)


def held(step: Step) -> tuple[ColumnElement[bool], ...]:
    """That a step is still its holder's."""
    return (steps.c.id == step.id, steps.c.attempt == step.attempt, steps.c.state == LEASED)


def is_open(connection: Connection, job_id: str) -> bool:
    """Whether something is still to be done for a job."""
    status = connection.execute(select(jobs.c.status).where(jobs.c.id == job_id)).scalar_one()
    return status in OPEN
