"""Who needs the files of a job: the job store's word, a page of jobs at a time."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Any

from sqlalchemy import Connection, select

from geocrop_processes.service.schema import jobs
from geocrop_processes.service.steps import OPEN, SUCCESSFUL


class Need(Enum):
    """What of a job's files is needed."""

    ALL = "all"
    """Its job is open; or its product lacks blocks, and the job that maps them takes over the others."""
    FILES = "files"
    """Its product is somebody's result: all but the checkpoints."""
    NOTHING = "nothing"
    """Its job is closed, and nobody's result are its files."""


def needs(
    connection: Connection, names: Collection[str], named: Collection[str]
) -> Mapping[str, Need]:
    """What is needed of the files of jobs; those that the store does not know are left out.

    What is not needed once never is again: no job is opened anew, and a result that nobody has nobody is given.

    Args:
        connection: to the job store.
        names: of jobs whose files were listed before: a job is written down before its first file is.
        named: jobs whose files open jobs are given, as `named_by` tells them.
    """
    c = jobs.c
    used = set(
        connection.execute(
            select(c.product).where(c.product.in_(names), c.status == SUCCESSFUL)
        ).scalars()
    )
    rows = connection.execute(
        select(c.id, c.status, c.product, c.blocks, c.blocks_done).where(c.id.in_(names))
    )
    found = {}
    for row in rows:
        lacking = row.product == row.id and row.blocks_done < row.blocks
        if row.status in OPEN or (row.status == SUCCESSFUL and lacking):
            found[row.id] = Need.ALL
        else:
            found[row.id] = Need.FILES if row.id in used or row.id in named else Need.NOTHING
    return found


def named_by(inputs_of_open_jobs: Iterable[Mapping[str, Any]]) -> set[str]:
    """The jobs whose files are inputs of open jobs."""
    named: set[str] = set()
    for inputs in inputs_of_open_jobs:
        files = [value for value in inputs.values() if isinstance(value, dict)]
        named.update(str(file[key]) for file in files for key in ("job", "folder") if key in file)
        if isinstance(inputs.get("product"), str):
            named.add(inputs["product"])
    return named
