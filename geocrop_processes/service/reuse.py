"""What of earlier jobs answers a request again, whole or in part: each function is part of one transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, select

from geocrop_processes.service.schema import jobs, published, steps
from geocrop_processes.service.steps import BLOCK, SUCCESSFUL, TAKEN


def whole_of(connection: Connection, digest: str) -> Row[Any] | None:
    """The newest successful job of a digest whose product lacks nothing."""
    return connection.execute(
        select(jobs)
        .where(jobs.c.digest == digest, jobs.c.status == SUCCESSFUL, ~lacking())
        .order_by(jobs.c.number.desc())
        .limit(1)
    ).first()


def partial_of(connection: Connection, digest: str) -> Sequence[str]:
    """The successful jobs of a digest whose time was over before every block was done, the newest first."""
    query = (
        select(jobs.c.id)
        .where(jobs.c.digest == digest, jobs.c.status == SUCCESSFUL)
        .where(jobs.c.product == jobs.c.id, jobs.c.blocks_done < jobs.c.blocks)
        .order_by(jobs.c.number.desc())
    )
    return list(connection.execute(query).scalars())


def user_of(connection: Connection, product: str) -> Row[Any] | None:
    """A successful job that uses a product: nobody closes it before the transaction ends. None where nobody uses it."""
    return connection.execute(
        select(jobs)
        .where(jobs.c.product == product, jobs.c.status == SUCCESSFUL)
        .limit(1)
        .with_for_update()
    ).first()


def lacking() -> ColumnElement[bool]:
    """That the product of a job is listed as one that lacks blocks or scenes."""
    return exists().where(
        published.c.job_id == jobs.c.product, published.c.complete.is_(other=False)
    )


def measurable() -> ColumnElement[bool]:
    """That a successful job did all of its work itself: what it cost says what such a job costs."""
    taken = exists().where(
        steps.c.job_id == jobs.c.id, steps.c.state == TAKEN, steps.c.kind == BLOCK
    )
    return (jobs.c.blocks_done == jobs.c.blocks) & ~taken
