"""Results that were kept long enough are withdrawn; the records of their jobs stay, and say so."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from geocrop_processes.service import products
from geocrop_processes.service.database import Database
from geocrop_processes.service.results import timestamp
from geocrop_processes.service.schema import clock, jobs
from geocrop_processes.service.steps import SUCCESSFUL

_PAGE = 100
_DAY_S = 86_400.0


def withdraw_old(
    database: Database, days: float, named: Collection[str], *, dry_run: bool = False
) -> int:
    """Withdraw the results of jobs that ended more than so many days ago.

    A product that a younger job was answered with stays that job's. What open jobs are given stays.

    Args:
        database: the job store's.
        days: how long results are kept.
        named: jobs whose files open jobs are given.
        dry_run: nothing is withdrawn.

    Returns:
        How many jobs there are whose results are withdrawn.

    Raises:
        StoreUnavailable: the job store does not answer.
    """
    count, after = 0, 0
    while True:
        with database.read() as connection:
            page = _old(connection, days, after)
        if not page:
            return count
        after = page[-1].number
        for row in page:
            if row.id in named or row.product in named:
                continue
            if dry_run:
                count += 1
                continue
            with database.write() as connection:
                count += _withdraw(connection, row.number, days)


def _old(connection: Connection, days: float, after: int) -> Sequence[Row[*tuple[Any, ...]]]:
    c = jobs.c
    page = (
        select(c.number, c.id, c.product)
        .where(c.status == SUCCESSFUL, c.finished < clock(connection) - days * _DAY_S)
        .where(c.product.is_not(None), c.number > after)
        .order_by(c.number)
        .limit(_PAGE)
    )
    return connection.execute(page).all()


def _withdraw(connection: Connection, number: int, days: float) -> bool:
    """Whether it was still to be done: another may be quicker, or somebody dismisses the job."""
    same = (jobs.c.number == number, jobs.c.status == SUCCESSFUL, jobs.c.product.is_not(None))
    row = connection.execute(
        select(jobs.c.product, jobs.c.id).where(*same).with_for_update()
    ).first()
    if row is None:
        return False
    now = clock(connection)
    at = timestamp(datetime.fromtimestamp(now, UTC))
    detail = (
        f"The results of the job {row.id} were withdrawn at {at}: they are kept for {days:g} days."
    )
    connection.execute(
        update(jobs)
        .where(*same)
        .values(
            product=None,
            # no later request is answered with them
            digest=None,
            result=None,
            error={"title": "Results withdrawn", "detail": detail, "status": 410},
            message=f"done; its results were withdrawn at {at}",
            updated=now,
        )
    )
    products.unlist(connection, row.product)
    return True
