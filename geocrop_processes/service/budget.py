"""What becomes of a job whose stated time is over: no further block is begun, and what is done is published."""

from typing import Any

from sqlalchemy import Connection, select, update

from geocrop_processes.service.schema import clock, jobs, steps
from geocrop_processes.service.steps import (
    BLOCK,
    CLOSED,
    DUE,
    FINISH,
    LEASED,
    OPEN,
    Step,
    add,
    fail_job,
    first,
    held,
    lock,
)


def out_of_time(connection: Connection, step: Step, seconds: float) -> bool:
    """Whether a job's time is over; then the block is not begun, nor any other, and those under way are the last.

    Args:
        connection: of the transaction that this is part of.
        step: a block that was claimed.
        seconds: the job's time, from when its first step was claimed.
    """
    started = select(jobs.c.started).where(jobs.c.id == step.job_id)
    over = clock(connection) - float(connection.execute(started).scalar_one()) >= seconds
    if not over or lock(connection, step.job_id) not in OPEN:
        return False
    ended = connection.execute(update(steps).where(*held(step)).values(state=CLOSED))
    if not ended.rowcount:
        return False
    due = (steps.c.job_id == step.job_id, steps.c.kind == BLOCK, steps.c.state == DUE)
    connection.execute(update(steps).where(*due).values(state=CLOSED))
    if is_mapped(connection, step.job_id):
        _settle(connection, step.job_id, seconds)
    return True


def problem(seconds: float) -> dict[str, Any]:
    """What a job has failed of whose time was over too soon."""
    detail = f"The time of {seconds:g} s (`max_seconds`) was over before a pixel was mapped."
    return {"title": "Out of time", "detail": detail, "status": 422}


def is_mapped(connection: Connection, job_id: str) -> bool:
    """Whether no block of a job is due or under way."""
    is_block = steps.c.kind == BLOCK
    return not any(first(connection, job_id, state, is_block) for state in (DUE, LEASED))


def _settle(connection: Connection, job_id: str, seconds: float) -> None:
    done = connection.execute(select(jobs.c.blocks_done).where(jobs.c.id == job_id)).scalar_one()
    if done:
        add(connection, job_id, FINISH)
        return
    fail_job(connection, job_id, problem(seconds))
