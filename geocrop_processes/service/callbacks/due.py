"""What is to be told to whom, and who is telling it: rows of the job store.

A delivery is claimed with a lease and an attempt number, as steps are: killed at any moment, it is due again.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from geocrop_processes.service.callbacks.subscriber import IN_PROGRESS
from geocrop_processes.service.database import Database
from geocrop_processes.service.schema import clock, deliveries, jobs

DUE, LEASED, DONE, GIVEN_UP = "due", "leased", "done", "given up"
"""The states of deliveries."""
_OPEN = ("accepted", "running")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 3600.0
"""The wait after a first failure, four times as long after each other one, and the longest."""


@dataclass(frozen=True)
class Delivery:
    """Something that its holder is to tell, until the lease ends."""

    id: int
    """Its number."""
    job_id: str
    """The job that it is about."""
    occasion: str
    """One of `OCCASIONS`."""
    address: str
    """Who is told."""
    attempt: int
    """Which attempt this is, from 1: the token that a report is accepted by."""
    failures: int
    """How many attempts before this one have failed, or fell silent."""
    messages: int
    """How many messages were delivered before: of progress there are several."""
    told: float | None
    """As of when the last one told of the job, seconds since 1970."""


def announce(connection: Connection, job_id: str, occasion: str) -> None:
    """Have something told of a job, where its request names somebody to tell; part of a transaction."""
    request = connection.execute(select(jobs.c.request).where(jobs.c.id == job_id)).scalar_one()
    address = (request.get("subscriber") or {}).get(occasion)
    if address is not None:
        row = {"job_id": job_id, "occasion": occasion, "address": address, "state": DUE}
        connection.execute(insert(deliveries).values(**row, at=clock(connection)))


class Deliveries:
    """The deliveries of a job store; each method is one transaction.

    Args:
        database: the job store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self) -> int:
        """How many can be claimed now."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(deliveries).where(_claimable(connection))
            return int(connection.execute(query).scalar_one())

    def claim(self, lease_s: float) -> Delivery | None:
        """Lease the one that waits longest; None where nothing is due."""
        with self._database.write() as connection:
            while (row := _next(connection)) is not None:
                if _is_wanted(connection, row):
                    return _take(connection, row, lease_s)
                _change(connection, row.id, state=DONE)
        return None

    def delivered(self, held: Delivery, told: float, again_s: float) -> bool:
        """It was told, as of `told`; of a job's progress more is `again_s` later. False where it is another's."""
        with self._database.write() as connection:
            values: dict[str, Any] = {"state": DONE}
            if held.occasion == IN_PROGRESS:
                values = {"state": DUE, "at": clock(connection) + again_s}
            values |= {"failures": 0, "messages": held.messages + 1, "told": told}
            return _report(connection, held, **values)

    def postponed(self, held: Delivery, again_s: float) -> bool:
        """There was nothing new to tell."""
        with self._database.write() as connection:
            return _report(connection, held, state=DUE, at=clock(connection) + again_s)

    def failed(self, held: Delivery, reason: str, attempts: int) -> float | None:
        """It was not told; the seconds until the next attempt, None where there will be none."""
        failures = held.failures + 1
        with self._database.write() as connection:
            if failures >= attempts:
                _report(connection, held, state=GIVEN_UP, failures=failures, reason=reason)
                return None
            wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 4.0 ** (failures - 1))
            at = clock(connection) + wait
            _report(connection, held, state=DUE, at=at, failures=failures, reason=reason)
            return wait

    def of_job(self, job_id: str) -> list[dict[str, Any]]:
        """What was to be told of a job, and what became of it: occasion, state, failures, messages, reason."""
        shown = [deliveries.c[n] for n in ("occasion", "state", "failures", "messages", "reason")]
        query = select(*shown).where(deliveries.c.job_id == job_id).order_by(deliveries.c.id)
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name


def _claimable(connection: Connection) -> Any:
    return and_(deliveries.c.state.in_((DUE, LEASED)), deliveries.c.at <= clock(connection))


def _next(connection: Connection) -> Row[Any] | None:
    query = select(deliveries).where(_claimable(connection)).order_by(deliveries.c.at)
    return connection.execute(query.limit(1).with_for_update(skip_locked=True)).first()


def _is_wanted(connection: Connection, row: Row[Any]) -> bool:
    """Whether there is still something to tell: no progress of a job that has ended, nothing of a dismissed one."""
    status = connection.execute(select(jobs.c.status).where(jobs.c.id == row.job_id)).scalar_one()
    return status in _OPEN if row.occasion == IN_PROGRESS else status != "dismissed"


def _take(connection: Connection, row: Row[Any], lease_s: float) -> Delivery:
    failures = row.failures + (row.state == LEASED)
    at, attempt = clock(connection) + lease_s, row.attempt + 1
    _change(connection, row.id, state=LEASED, at=at, attempt=attempt, failures=failures)
    named = (row.id, row.job_id, row.occasion, row.address)
    return Delivery(*named, attempt, failures, row.messages, row.told)


def _report(connection: Connection, held: Delivery, **values: Any) -> bool:
    """Give a delivery back; False, and no change, where another holds it."""
    ours = (deliveries.c.attempt == held.attempt, deliveries.c.state == LEASED)
    changed = update(deliveries).where(deliveries.c.id == held.id, *ours).values(**values)
    return connection.execute(changed).rowcount == 1


def _change(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(update(deliveries).where(deliveries.c.id == number).values(**values))
