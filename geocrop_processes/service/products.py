"""Products as the store keeps them, and their STAC items: each function is part of one transaction.

Items are large, and what is searched by is little: the table `published` holds that of each product that a
successful job uses, and `footprints` its shape. Only the items of a page are read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
)

from geocrop_processes.service import class_codes, shapes
from geocrop_processes.service.schema import footprints, items, jobs, published
from geocrop_processes.service.steps import SUCCESSFUL

COLLECTION = "crop-maps"
"""The collection of every product."""

Condition = Callable[[Connection], ColumnElement[bool]]
"""Makes a clause about the columns of `published`; it may look into the store for it."""


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
    area: Any = None
    """Footprint meets this geometry, degrees."""
    condition: Condition | None = None
    """This holds."""
    order: Sequence[Any] = ()
    """What they are ordered by before their age."""

    def conditions(self, connection: Connection) -> list[ColumnElement[bool]]:
        """The clauses of the query."""
        clauses: list[ColumnElement[bool]] = []
        if self.collections is not None:
            clauses.append(published.c.collection.in_(self.collections))
        if self.ids is not None:
            clauses.append(published.c.job_id.in_(self.ids))
        if self.bbox is not None:
            clauses.append(meets(self.bbox))
        if self.start is not None:
            clauses.append(published.c.ends >= self.start.timestamp())
        if self.end is not None:
            clauses.append(published.c.begins <= self.end.timestamp())
        if self.area is not None:
            clauses.append(related(connection, self.area, shapely.intersects))
        if self.condition is not None:
            clauses.append(self.condition(connection))
        return clauses


@dataclass(frozen=True)
class Contents:
    """What all products are together."""

    bbox: Sequence[float] | None
    """West, south, east, north in degrees; None where there is no product."""
    begins: float | None
    """When the first season begins, seconds since 1970."""
    ends: float | None
    """When the last one ends."""
    seasons: Sequence[int]
    """The years that they are named by, rising."""
    models: Sequence[tuple[str, str]]
    """Names and versions, rising."""
    reference_systems: Sequence[str]
    """As `EPSG:32736`, rising."""
    simulated: Sequence[bool]
    """Whether there are real ones (False) and simulated ones (True)."""


def add(connection: Connection, job_id: str, item: dict[str, Any]) -> None:
    """Keep the item of a job's product."""
    place = _place(item)
    made = connection.execute(insert(items).values(job_id=job_id, item=item, **place))
    assert made.inserted_primary_key is not None  # noqa: S101 - for whoever reads types
    if in_use(connection, job_id):
        _list(connection, made.inserted_primary_key[0], job_id, item)


def find(
    connection: Connection, asked: Search, limit: int, offset: int
) -> tuple[Sequence[dict[str, Any]], int]:
    """A page of items, the newest first where no other order is asked for, and how many there are."""
    clauses = asked.conditions(connection)
    total = connection.execute(
        select(func.count()).select_from(published).where(*clauses)
    ).scalar_one()
    page = select(published.c.number).where(*clauses)
    page = page.order_by(*asked.order, published.c.number.desc()).limit(limit).offset(offset)
    return items_of(connection, list(connection.execute(page).scalars())), total


def items_of(connection: Connection, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The items of these numbers, in their order."""
    rows = connection.execute(
        select(items.c.number, items.c.item).where(items.c.number.in_(numbers))
    )
    found = {row.number: row.item for row in rows}
    return [found[number] for number in numbers]


def item_of(connection: Connection, job_id: str) -> dict[str, Any] | None:
    """The item of a job's own product; None where there is none."""
    query = select(items.c.item).join(published, published.c.number == items.c.number)
    found: dict[str, Any] | None = connection.execute(
        query.where(published.c.job_id == job_id)
    ).scalar_one_or_none()
    return found


def meets(box: Sequence[float]) -> ColumnElement[bool]:
    """A clause: the box of a product meets another (west, south, east, north), degrees, sides included."""
    c = published.c
    return shapes.Meets(c.west, c.south, c.east, c.north, *map(literal, box))


def related(connection: Connection, shape: Any, relation: shapes.Relation) -> ColumnElement[bool]:
    """A clause: a shape has a relation to the footprint.

    Args:
        connection: where the footprints are looked up whose boxes meet that of the shape.
        shape: a shapely geometry, degrees.
        relation: as `shapes.related` takes it.
    """
    candidates = (
        select(footprints.c.number)
        .join(published, published.c.number == footprints.c.number)
        .where(meets(shape.bounds))
    )
    found = shapes.related(connection, candidates, footprints.c.shape, shape, relation)
    return published.c.number.in_(found)


def state(connection: Connection) -> tuple[int, int, int]:
    """How many products there are, the newest one's number, and the sum of their numbers.

    The sum tells of an older product that is listed again in the place of another.
    """
    number = published.c.number
    row = connection.execute(select(func.count(), func.max(number), func.sum(number))).one()
    return row[0], row[1] or 0, int(row[2] or 0)


def contents(connection: Connection) -> Contents:
    """What all products are together."""
    c = published.c
    edges = [func.min(c.west), func.min(c.south), func.max(c.east), func.max(c.north)]
    row = connection.execute(select(*edges, func.min(c.begins), func.max(c.ends))).one()
    seasons, systems, simulated = (
        connection.execute(
            select(column).where(column.is_not(None)).distinct().order_by(column)
        ).scalars()
        for column in (c.season, c.crs, c.simulated)
    )
    models = select(c.model, c.model_version).where(c.model.is_not(None)).distinct()
    return Contents(
        None if row[0] is None else row[:4],
        row[4],
        row[5],
        list(seasons),
        [(m[0], m[1]) for m in connection.execute(models.order_by(c.model, c.model_version))],
        list(systems),
        list(simulated),
    )


def withdraw(connection: Connection, job_id: str) -> None:
    """A job is closed: its product is listed no more where no successful job uses it."""
    unlist(
        connection, connection.execute(select(jobs.c.product).where(jobs.c.id == job_id)).scalar()
    )


def unlist(connection: Connection, product: str | None) -> None:
    """List a product no more where no successful job uses it."""
    listed = select(published.c.number).where(published.c.job_id == product)
    number = connection.execute(listed.with_for_update()).scalar()
    # asked once the row is ours: a job that is just being answered with the product has been seen then
    if number is not None and not in_use(connection, product or ""):
        connection.execute(delete(footprints).where(footprints.c.number == number))
        connection.execute(delete(published).where(published.c.number == number))


def hold(connection: Connection, product: str) -> None:
    """A job is answered with an earlier product, which stays listed, whoever is withdrawing it."""
    listed = select(published.c.number).where(published.c.job_id == product)
    if connection.execute(listed.with_for_update()).scalar() is None:
        kept = select(items.c.number).where(items.c.job_id == product)
        number = connection.execute(kept).scalar()
        if number is not None:
            _list_again(connection, number)


def in_use(connection: Connection, product: str) -> bool:
    """Whether a successful job's results are the files of `results/<product>/`."""
    used = exists().where(jobs.c.product == product, jobs.c.status == SUCCESSFUL)
    return bool(connection.execute(select(used)).scalar_one())


def left_behind(connection: Connection, job_id: str) -> Sequence[str]:
    """Whose files a closed job leaves behind: its own, and those that no successful job uses any more."""
    product = connection.execute(select(jobs.c.product).where(jobs.c.id == job_id)).scalar()
    return [name for name in {job_id, product} if name and not in_use(connection, name)]


def _list_again(connection: Connection, number: int) -> None:
    """List a product whose item is kept."""
    kept = connection.execute(select(items).where(items.c.number == number)).one()
    _list(connection, number, kept.job_id, kept.item)


def _list(connection: Connection, number: int, job_id: str, item: dict[str, Any]) -> None:
    """Have a product found; what its item does not say is None."""
    said = item["properties"]
    season, model = said.get("geocrop:season") or {}, said.get("geocrop:model") or {}
    created = said.get("created")
    values = {
        "created": created and datetime.fromisoformat(created).timestamp(),
        "season": season.get("year"),
        "as_of": season.get("as_of"),
        "model": model.get("name"),
        "model_version": model.get("version"),
        "complete": said.get("geocrop:complete"),
        "simulated": said.get("geocrop:simulated"),
        "mask": said.get("geocrop:mask"),
        "crs": said.get("proj:code"),
    }
    connection.execute(
        insert(published).values(number=number, job_id=job_id, **_place(item), **values)
    )
    outline = item.get("geometry")
    shape = shapely.geometry.shape(outline) if outline else shapely.box(*item["bbox"])
    connection.execute(insert(footprints).values(number=number, shape=shapes.binary(shape)))
    class_codes.take_in(connection, item)


def _place(item: dict[str, Any]) -> dict[str, Any]:
    """Where and when, as the tables keep it."""
    begins, ends = (
        datetime.fromisoformat(item["properties"][f"{side}_datetime"]).timestamp()
        for side in ("start", "end")
    )
    box = dict(zip(("west", "south", "east", "north"), item["bbox"], strict=True))
    collection = item.get("collection") or COLLECTION
    return {**box, "collection": collection, "begins": begins, "ends": ends}
