"""How many jobs may be open at once, of an owner and in all: part of the transaction that writes new ones down.

Submissions that one process writes together are counted together. Processes of PostgreSQL do not wait for each other:
at the limit each may let in those that it is just writing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from geocrop_processes.errors import QueueFull, TooManyJobs, Unavailable
from geocrop_processes.service.schema import IS_OPEN, jobs


@dataclass(frozen=True)
class Limits:
    """The most jobs that are open at once."""

    in_all: int
    """Of everybody."""
    of_owner: int
    """Of one owner."""


def refusals(
    connection: Connection, owners: Sequence[str], limits: Limits
) -> list[Unavailable | None]:
    """Why each of new jobs, given by its owner in the order in which they came, is refused; None where it is not."""
    query = select(jobs.c.owner, func.count().label("n")).where(IS_OPEN).group_by(jobs.c.owner)
    n_open = Counter({row.owner: row.n for row in connection.execute(query)})
    found: list[Unavailable | None] = []
    for owner in owners:
        refusal = _refusal(n_open.total(), n_open[owner], limits)
        found.append(refusal)
        n_open[owner] += refusal is None
    return found


def _refusal(in_all: int, of_owner: int, limits: Limits) -> Unavailable | None:
    if of_owner >= limits.of_owner:
        return TooManyJobs(
            f"{of_owner} of your jobs are open, and {limits.of_owner} may be: no other one is accepted "
            "before one of them has ended."
        )
    if in_all >= limits.in_all:
        return QueueFull(
            f"{in_all} jobs are open, and {limits.in_all} may be: no other one is accepted before one of "
            "them has ended."
        )
    return None
