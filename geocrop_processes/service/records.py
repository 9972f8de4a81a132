"""What is known of a job, and which jobs a list holds."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import shapely
from sqlalchemy import Column, ColumnElement, Connection, func, insert, select

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.service import steps
from geocrop_processes.service.schema import Now, jobs
from geocrop_processes.service.shapes import binary, related

_FIRST_TIME, _AFTER_TIMES = 5, 9
"""Which fields of an entry are moments: from `created` to `finished`."""


@dataclass(frozen=True)
class Entry:
    """What a list told of a job at one moment."""

    id: str
    """Its name."""
    process: str
    """The process that it runs."""
    status: str
    """accepted, running, successful, failed or dismissed."""
    progress: int
    """Percent."""
    message: str
    """What is being done, for people."""
    created: datetime
    """When it was accepted, UTC."""
    updated: datetime
    """When something last changed."""
    started: datetime | None
    """When its first step was claimed."""
    finished: datetime | None
    """When its status became final."""

    @classmethod
    def columns(cls) -> Sequence[Column[Any]]:
        """The columns of the table of jobs that have its fields, in their order."""
        return [jobs.c[field.name] for field in fields(cls)]

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Self:
        """What a row of these columns says."""
        head, times, rest = row[:_FIRST_TIME], row[_FIRST_TIME:_AFTER_TIMES], row[_AFTER_TIMES:]
        return cls(*head, *map(_moment, times), *rest)


@dataclass(frozen=True)
class Job(Entry):
    """What was known of a job at one moment."""

    inputs: dict[str, Any]
    """Validated inputs, defaults among them."""
    request: dict[str, Any]
    """`outputs`, `response` and `subscriber` of the execution request, as they came."""
    result: dict[str, Any] | None
    """Of a successful job: its `outputs`; of a map also whose product they are (`job_id`) and its `summary`."""
    error: dict[str, Any] | None
    """Of a failed job: `title`, `detail` and `status`."""
    digest: str | None
    """The same digest means the same pixels."""
    owner: str
    """Who asked."""


@dataclass(frozen=True)
class Submitted:
    """A job as it is asked for."""

    id: str
    """Its name."""
    process: str
    """The process that it runs."""
    owner: str
    """Who asked."""
    inputs: dict[str, Any]
    """Validated inputs, defaults among them."""
    request: dict[str, Any]
    """`outputs`, `response` and `subscriber` of the execution request, as they came."""
    area: bytes | None
    """The circle that is worked on, as the store keeps shapes; None where the process has none."""

    @classmethod
    def of(
        cls,
        job_id: str,
        process: str,
        owner: str,
        inputs: dict[str, Any],
        request: dict[str, Any],
    ) -> Self:
        """A job of a place, where its inputs name one."""
        aoi = inputs.get("aoi")
        area = None if aoi is None else binary(_circle(Aoi(*map(float, aoi))))
        return cls(job_id, process, owner, inputs, request, area)


_NOW_AND_TURN = select(Now(), steps.end_of_the_line())
"""What new jobs get from the store: one question for all that come together."""


def _circle(aoi: Aoi) -> Any:
    return shapely.polygons(np.stack(aoi.ring(), axis=-1))


def add(connection: Connection, submitted: Sequence[Submitted]) -> list[Job]:
    """Accept jobs: the first step of each is due."""
    now, turn = connection.execute(_NOW_AND_TURN).one()
    same = {"status": steps.ACCEPTED, "created": now, "updated": now}
    rows = [vars(one) | same | {"turn": turn + place} for place, one in enumerate(submitted)]
    connection.execute(insert(jobs), rows)
    for row in rows:
        del row["area"], row["turn"]
    steps.begin(connection, {one.id: one.process for one in submitted}, now)
    unknown: dict[str, Any] = dict.fromkeys(("started", "finished", "result", "error", "digest"))
    at = _moment(now)
    return [
        Job(**row | unknown | {"created": at, "updated": at}, progress=0, message="")
        for row in rows
    ]


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class Filter:
    """Which jobs; None, or an empty list, leaves a condition out."""

    processes: Sequence[str] | None
    """Of one of these processes."""
    status: Sequence[str]
    """In one of these states."""
    since: datetime | None
    """Created then or later."""
    until: datetime | None
    """Created then or earlier."""
    min_s: float | None
    """Ran at least so many seconds, up to now where they still run."""
    max_s: float | None
    """Ran at most so many seconds."""
    owner: str | None
    """Of this owner."""
    place: Any = None
    """Works on a place that meets this shapely geometry, degrees."""

    def conditions(self, connection: Connection) -> list[ColumnElement[bool]]:
        """The clauses of the query; places are compared among the jobs that meet the others."""
        clauses = self._plain()
        if self.place is None:
            return clauses
        among = select(jobs.c.number).where(jobs.c.area.is_not(None), *clauses)
        found = related(connection, among, jobs.c.area, self.place, shapely.intersects)
        return [jobs.c.number.in_(found)]

    def _plain(self) -> list[ColumnElement[bool]]:
        ran = func.coalesce(jobs.c.finished, Now()) - jobs.c.started
        clauses: list[ColumnElement[bool]] = []
        if self.processes:
            clauses.append(jobs.c.process.in_(self.processes))
        if self.status:
            clauses.append(jobs.c.status.in_(self.status))
        if self.since is not None:
            clauses.append(jobs.c.created >= self.since.timestamp())
        if self.until is not None:
            clauses.append(jobs.c.created <= self.until.timestamp())
        if self.min_s is not None:
            clauses.append(ran >= self.min_s)
        if self.max_s is not None:
            clauses.append(ran <= self.max_s)
        if self.owner is not None:
            clauses.append(jobs.c.owner == self.owner)
        return clauses


def page(
    connection: Connection, wanted: Filter, limit: int, offset: int
) -> tuple[list[Entry], int]:
    """A page of jobs, the newest first, and how many there are: one query, where the page holds any."""
    clauses = wanted.conditions(connection)
    total = select(func.count()).select_from(jobs).where(*clauses)
    query = select(*Entry.columns(), total.scalar_subquery()).where(*clauses)
    rows = connection.execute(
        query.order_by(jobs.c.number.desc()).limit(limit).offset(offset)
    ).all()
    if not rows:
        return [], connection.execute(total).scalar_one()
    return [Entry.of_row(row[:-1]) for row in rows], rows[0][-1]
