"""What the store knows of published products, asked by time and place: each answer is an indexed page.

All of it is asked of the small rows of `published`; the items themselves are read of one page only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from geocrop_processes.service.collections.crs import Box
from geocrop_processes.service.collections.times import Interval
from geocrop_processes.service.products import items_of, meets
from geocrop_processes.service.schema import published

Item = dict[str, Any]

_NEWEST = published.c.number.desc()
# each of them by itself is read from its index, by any database
_REACH = select(
    select(func.min(published.c.begins)).scalar_subquery(),
    select(func.max(published.c.ends)).scalar_subquery(),
)


def newest(
    connection: Connection, box: Box, interval: Interval | None, limit: int
) -> Sequence[Item]:
    """The products that meet a place and time, of the newest season first, in it what was published last.

    Args:
        connection: to the store.
        box: west, south, east, north, degrees.
        interval: the time; that of the newest season that meets the box where None.
        limit: the most products.
    """
    clauses = [*_within(interval), meets(box)]
    if interval is None:
        begins = _first(connection, published.c.begins.desc(), clauses)
        if begins is None:
            return []
        clauses.append(published.c.begins == begins)
    page = select(published.c.number).where(*clauses).limit(limit)
    page = page.order_by(published.c.begins.desc(), _NEWEST)
    return items_of(connection, list(connection.execute(page).scalars()))


def page_of(
    connection: Connection,
    boxes: Sequence[Box],
    interval: Interval | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Item], int]:
    """A page of products, the newest first, and how many there are.

    Args:
        connection: to the store.
        boxes: they meet one of these (west, south, east, north), degrees; all where there is none.
        interval: they meet this time.
        limit: the most products; 0 only counts them.
        offset: how many newer ones to leave out.
    """
    clauses = _within(interval)
    if boxes:
        clauses.append(or_(*map(meets, boxes)))
    count = select(func.count()).select_from(published).where(*clauses)
    page = select(published.c.number, count.scalar_subquery()).where(*clauses).order_by(_NEWEST)
    rows = connection.execute(page.limit(limit).offset(offset)).all()
    if not rows:
        return [], connection.execute(count).scalar_one()
    return items_of(connection, [row[0] for row in rows]), rows[0][1]


def reach(connection: Connection) -> Interval:
    """First and last moment of all products; None and None where there is none."""
    start, end = connection.execute(_REACH).one()
    return _moment(start), _moment(end)


def _within(interval: Interval | None) -> list[ColumnElement[bool]]:
    start, end = interval or (None, None)
    clauses: list[ColumnElement[bool]] = []
    if start is not None:
        clauses.append(published.c.ends >= start.timestamp())
    if end is not None:
        clauses.append(published.c.begins <= end.timestamp())
    return clauses


def _first(
    connection: Connection, order: ColumnElement[Any], clauses: Sequence[ColumnElement[bool]]
) -> float | None:
    """The first value of a column; read from its index."""
    column = getattr(order, "element", order)
    found = select(column).where(*clauses).order_by(order).limit(1)
    return connection.execute(found).scalar_one_or_none()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
