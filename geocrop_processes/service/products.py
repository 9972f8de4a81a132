"""Products as the store keeps them, and their STAC items: each function is part of one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, select

from geocrop_processes.service.schema import items, jobs
from geocrop_processes.service.steps import SUCCESSFUL

COLLECTION = "crop-maps"
"""The collection of every product."""


@dataclass(frozen=True)
class Search:
    """Which items; None leaves a condition out."""

    collections: Sequence[str] | None
    """Of one of these collections."""
    ids: Sequence[str] | None
    """With one of these ids, which are those of the jobs that made them."""
    bbox: Sequence[float] | None
    """Meets (west, south, east, north), degrees."""
    start: datetime | None
    """Ends then or later."""
    end: datetime | None
    """Begins then or earlier."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """The clauses of the query."""
        used = exists().where(jobs.c.product == items.c.job_id, jobs.c.status == SUCCESSFUL)
        clauses: list[ColumnElement[bool]] = [used]
        if self.collections is not None:
            clauses.append(items.c.collection.in_(self.collections))
        if self.ids is not None:
            clauses.append(items.c.job_id.in_(self.ids))
        if self.bbox is not None:
            west, south, east, north = self.bbox
            clauses += [items.c.west <= east, items.c.east >= west]
            clauses += [items.c.south <= north, items.c.north >= south]
        if self.start is not None:
            clauses.append(items.c.ends >= self.start.timestamp())
        if self.end is not None:
            clauses.append(items.c.begins <= self.end.timestamp())
        return clauses


def add(connection: Connection, job_id: str, item: dict[str, Any]) -> None:
    """Keep the item of a job's product."""
    west, south, east, north = item["bbox"]
    begins, ends = (
        datetime.fromisoformat(item["properties"][f"{side}_datetime"]).timestamp()
        for side in ("start", "end")
    )
    connection.execute(
        insert(items).values(
            job_id=job_id,
            collection=item.get("collection") or COLLECTION,
            west=west,
            south=south,
            east=east,
            north=north,
            begins=begins,
            ends=ends,
            item=item,
        )
    )


def find(
    connection: Connection, asked: Search, limit: int, offset: int
) -> tuple[Sequence[dict[str, Any]], int]:
    """A page of items, the newest first, and how many there are."""
    clauses = asked.conditions()
    total = connection.execute(select(func.count()).select_from(items).where(*clauses)).scalar_one()
    page = select(items.c.item).where(*clauses).order_by(items.c.number.desc())
    return list(connection.execute(page.limit(limit).offset(offset)).scalars()), total


def newest_of(connection: Connection, digest: str) -> Row[Any] | None:
    """The newest successful job of a digest."""
    return connection.execute(
        select(jobs)
        .where(jobs.c.digest == digest, jobs.c.status == SUCCESSFUL)
        .order_by(jobs.c.number.desc())
        .limit(1)
    ).first()


def in_use(connection: Connection, product: str) -> bool:
    """Whether a successful job's results are the files of `results/<product>/`."""
    used = exists().where(jobs.c.product == product, jobs.c.status == SUCCESSFUL)
    return bool(connection.execute(select(used)).scalar_one())


def left_behind(connection: Connection, job_id: str) -> Sequence[str]:
    """Whose files a closed job leaves behind: its own, and those that no successful job uses any more."""
    product = connection.execute(select(jobs.c.product).where(jobs.c.id == job_id)).scalar()
    return [name for name in {job_id, product} if name and not in_use(connection, name)]
