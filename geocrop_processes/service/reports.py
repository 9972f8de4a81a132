"""What follows from the report of a step: each function is part of one transaction.

A report counts where its step is still held by who makes it, and where its job is open; any other changes
nothing but that the step is given back.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from geocrop_processes.service.budget import is_mapped
from geocrop_processes.service.callbacks import due as callbacks
from geocrop_processes.service.callbacks import subscriber
from geocrop_processes.service.schema import clock, jobs, plans, steps
from geocrop_processes.service.steps import (
    BACKOFF_S,
    BLOCK,
    CLEAN,
    CLOSED,
    DONE,
    DUE,
    FINISH,
    LEASED,
    OPEN,
    SUCCESSFUL,
    TAKEN,
    Step,
    add,
    fail_job,
    held,
    lock,
    waits,
)

_PLANNED, _MAPPED = 10, 90
"""Progress in percent when the plan is made, and when every block is done."""


def planned(
    connection: Connection,
    step: Step,
    plan: bytes,
    blocks: Sequence[str],
    digest: str | None,
    done: Collection[str] = (),
) -> bool:
    """The plan is made: its blocks are due, but for those that an earlier job has done."""
    if not _end(connection, step):
        return False
    connection.execute(insert(plans).values(job_id=step.job_id, content=plan))
    due = [name for name in blocks if name not in done]
    add(connection, step.job_id, BLOCK, due)
    now = clock(connection)
    taken = {"job_id": step.job_id, "kind": BLOCK, "state": TAKEN, "at": now, "attempt": 1}
    if done:
        connection.execute(insert(steps), [taken | {"name": name} for name in done])
    if not due:
        add(connection, step.job_id, FINISH)
    _note(
        connection,
        step.job_id,
        f"{len(due)} blocks to do",
        progress=_PLANNED,
        blocks_done=len(done),
        digest=digest,
        blocks=len(blocks),
    )
    return True


def block_done(connection: Connection, step: Step) -> bool:
    """A block is done; after the last one the job can be finished."""
    if not _end(connection, step):
        return False
    row = connection.execute(
        select(jobs.c.blocks, jobs.c.blocks_done).where(jobs.c.id == step.job_id)
    ).one()
    done = row.blocks_done + 1
    _note(
        connection,
        step.job_id,
        f"{done} of {row.blocks} blocks done",
        blocks_done=done,
        progress=_PLANNED + (_MAPPED - _PLANNED) * done // row.blocks,
    )
    # fewer are done where the job's time was over
    if done == row.blocks or is_mapped(connection, step.job_id):
        add(connection, step.job_id, FINISH)
    return True


def finished(
    connection: Connection,
    step: Step,
    result: dict[str, Any],
    digest: str | None = None,
    message: str = "done",
) -> bool:
    """The job is successful."""
    if not _end(connection, step):
        return False
    now = clock(connection)
    values: dict[str, Any] = {"digest": digest} if digest else {}
    connection.execute(
        update(jobs)
        .where(jobs.c.id == step.job_id, jobs.c.status.in_(OPEN))
        .values(
            **values,
            status=SUCCESSFUL,
            progress=100,
            message=message,
            updated=now,
            finished=now,
            result=result,
            product=result.get("job_id"),
        )
    )
    callbacks.announce(connection, step.job_id, subscriber.SUCCEEDED)
    return True


def told(connection: Connection, step: Step, percent: int, message: str) -> bool:
    """How far a step has come that does a whole job."""
    counts = lock(connection, step.job_id) in OPEN
    if counts and connection.execute(select(steps.c.id).where(*held(step))).first():
        _note(connection, step.job_id, message, progress=percent)
        return True
    return False


def attempts_of_blocks(connection: Connection, job_id: str) -> dict[str, int]:
    """Which attempt of each mapped block counts, by the block's name."""
    rows = connection.execute(
        select(steps.c.name, steps.c.attempt).where(
            steps.c.job_id == job_id, steps.c.kind == BLOCK, steps.c.state.in_((DONE, TAKEN))
        )
    )
    return {row.name: row.attempt for row in rows}


def release(connection: Connection, step: Step) -> None:
    """The holder gives the step back undone: it is due again where its job is open. That is no failure."""
    state = DUE if lock(connection, step.job_id) in OPEN or step.kind == CLEAN else CLOSED
    connection.execute(update(steps).where(*held(step)).values(state=state, at=clock(connection)))


def cleaned(connection: Connection, step: Step) -> bool:
    """Nothing is left of the closed job but its record."""
    lock(connection, step.job_id)
    # nobody held one when this was claimed: those who did are dead
    left = (steps.c.job_id == step.job_id, steps.c.state == LEASED, steps.c.kind != CLEAN)
    connection.execute(update(steps).where(*left, ~waits(steps, 0)).values(state=CLOSED))
    return connection.execute(update(steps).where(*held(step)).values(state=DONE)).rowcount == 1


def failed(
    connection: Connection, step: Step, error: dict[str, Any], *, retry: bool, attempts: int
) -> bool:
    """The step failed: it is due again after a while, or its job has failed."""
    wanted = lock(connection, step.job_id) in OPEN or step.kind == CLEAN
    failures = step.failures + 1
    if not wanted or not retry or (failures >= attempts and step.kind != CLEAN):
        counts = _end(connection, step)
        if counts:
            fail_job(connection, step.job_id, error)
        return counts
    wait = min(BACKOFF_S, 2.0 ** min(failures - 1, 10))
    row = connection.execute(
        update(steps)
        .where(*held(step))
        .values(state=DUE, at=clock(connection) + wait, failures=failures)
    )
    if row.rowcount and step.kind != CLEAN:
        _note(connection, step.job_id, f"will be tried again: {error['detail']}")
    return row.rowcount == 1


def _end(connection: Connection, step: Step) -> bool:
    """The holder gives the step back; True where the report counts: held by it, and the job is open."""
    # whoever closes the job waits for this report, or this report sees it closed
    counts = lock(connection, step.job_id) in OPEN
    ended = connection.execute(
        update(steps).where(*held(step)).values(state=DONE if counts else CLOSED)
    )
    return counts and ended.rowcount == 1


def _note(connection: Connection, job_id: str, message: str, **values: Any) -> None:
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(message=message, updated=clock(connection), **values)
    )
