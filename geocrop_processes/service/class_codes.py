"""The classes of all products together, and the code that each has in `crop-maps`.

Maps can be of models whose legends differ. Theirs become one: a class is known by its name, keeps the code under
which it came first, and takes the next free one where that is another's. A code is given once, in the transaction
that lists the product, and never changes: every process reads the same, and so does who asks again next year.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from geocrop_processes.domain.legend import CropClass, shown
from geocrop_processes.service.schema import classes

logger = logging.getLogger(__name__)

_CODES = range(1, 255)
_ALL = select(classes).order_by(classes.c.code)
_PATH = ("assets", "class-map", "classification:classes")


def all_classes(connection: Connection) -> tuple[CropClass, ...]:
    """The classes of all products that were ever listed, by their codes."""
    rows = connection.execute(_ALL)
    return tuple(CropClass(row.code, row.name, row.colour) for row in rows)


def take_in(connection: Connection, item: Mapping[str, Any]) -> None:
    """Give codes to those classes of a product that have none; a part of the transaction that lists it."""
    stated: Any = item
    for key in _PATH:
        stated = stated.get(key) or {}
    known = {c.name for c in all_classes(connection)}
    if any(c.name not in known for c in classes_of(stated)):
        _lock(connection)
        _assign(connection, stated)


def _assign(connection: Connection, stated: Sequence[Mapping[str, Any]]) -> None:
    known = {c.name: c.code for c in all_classes(connection)}
    for c in classes_of(stated):
        if c.name in known:
            continue
        taken = set(known.values())
        free = [c.code] if c.code not in taken else [n for n in _CODES if n not in taken]
        if not free:
            logger.warning("the class %r has no code left: it shows as no data", c.name)
            continue
        known[c.name] = free[0]
        row = {"name": c.name, "code": free[0], "colour": c.colour}
        connection.execute(insert(classes).values(row))


def classes_of(stated: Sequence[Mapping[str, Any]]) -> list[CropClass]:
    """Of the class objects of STAC's classification extension those that are classes."""
    return [
        CropClass(c["value"], shown(c["title"]), f"#{c['color_hint'].lower()}")
        for c in stated
        if not c.get("nodata")
    ]


def _lock(connection: Connection) -> None:
    """One at a time; readers go on. Who writes to SQLite has the lock since the transaction began."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE classes IN SHARE ROW EXCLUSIVE MODE")
