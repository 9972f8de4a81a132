"""The tables of the job store, as this version has them, and the clock that all share.

Whoever changes a table adds a revision to `migrations`, and names it in `revisions`.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from geocrop_processes.service.shapes import Shape, envelope

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True),  # the order in which they came
    Column("id", String(64), nullable=False, unique=True),
    Column("process", String(64), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("progress", Integer, nullable=False, default=0),
    Column("message", Text, nullable=False, default=""),
    # times are seconds since 1970 by the database's clock
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("inputs", JSON, nullable=False),
    Column("request", JSON, nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("digest", String(64), index=True),
    # the job whose files are the result: this one, or an earlier one of the same digest
    Column("product", String(64), index=True),
    Column("blocks", Integer, nullable=False, default=0),
    Column("blocks_done", Integer, nullable=False, default=0),
    # counts claims over all jobs: whose last claim was longest ago is next
    Column("turn", Integer, nullable=False, default=0, index=True),
    # the circle that is worked on, where the process has one
    Column("area", Shape),
)

IS_OPEN = jobs.c.status.in_([literal_column("'accepted'"), literal_column("'running'")])
"""That something is still to be done for a job; written out, as in the index that it is found by."""
# who waits, and since when; each owner's last turn
Index(
    "jobs_in_line",
    jobs.c.owner,
    jobs.c.turn,
    jobs.c.number,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
_IS_BEGUN = jobs.c.started.is_not(None)
Index("jobs_begun", jobs.c.owner, jobs.c.turn, sqlite_where=_IS_BEGUN, postgresql_where=_IS_BEGUN)

plans = Table(
    "plans",
    metadata,
    Column("job_id", String(64), ForeignKey("jobs.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(64), ForeignKey("jobs.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False, default=""),
    Column("state", String(16), nullable=False),
    # from when on it may be claimed: when it is due, or when its lease ends
    Column("at", Double, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    # attempts that failed or fell silent; those that were given back are none
    Column("failures", Integer, nullable=False, default=0, server_default="0"),
    Index("steps_by_state", "state", "at"),
    Index("steps_by_job", "job_id", "state", "id"),
)

IS_TO_CLEAN = and_(
    steps.c.kind == literal_column("'clean'"),
    steps.c.state.in_([literal_column("'due'"), literal_column("'leased'")]),
)
"""That a step is to remove what a closed job has left; written out, as in the index that it is found by."""
Index(
    "steps_to_clean",
    steps.c.kind,
    steps.c.state,
    steps.c.at,
    sqlite_where=IS_TO_CLEAN,
    postgresql_where=IS_TO_CLEAN,
)


_SIDES = ("west", "south", "east", "north")


def _place() -> list[Column[Any]]:
    """Where and when a product is: its collection, the sides of its box in degrees, seconds since 1970."""
    return [
        Column("collection", String(64), nullable=False),
        *(Column(name, Double, nullable=False) for name in (*_SIDES, "begins", "ends")),
    ]


items = Table(
    "items",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("job_id", String(64), ForeignKey("jobs.id"), nullable=False, unique=True),
    *_place(),
    Column("item", JSON, nullable=False),
)

# what searches look at, of the products that a successful job uses: small rows, while items are large
published = Table(
    "published",
    metadata,
    Column("number", ForeignKey("items.number"), primary_key=True, autoincrement=False),
    Column("job_id", String(64), nullable=False, unique=True),
    *_place(),
    Column("created", Double),
    Column("season", Integer, index=True),
    Column("as_of", String(16)),
    Column("model", String(255)),
    Column("model_version", String(64)),
    Column("complete", Boolean),
    Column("simulated", Boolean),
    Column("mask", String(16)),
    Column("crs", String(32)),
    # the first and the last season, and the newest map of each, are read from these alone
    Index("published_by_begin", "begins", "number"),
    Index("published_by_end", "ends"),
)

# the shapes of the same products
footprints = Table(
    "footprints",
    metadata,
    Column("number", ForeignKey("items.number"), primary_key=True, autoincrement=False),
    Column("shape", Shape, nullable=False),
)

_PLACES = (
    Index(
        "published_by_box",
        envelope(*(published.c[side] for side in _SIDES)),
        postgresql_using="gist",
    ),
    Index("footprints_by_shape", footprints.c.shape, postgresql_using="gist"),
    Index("jobs_by_area", jobs.c.area, postgresql_using="gist"),
)
"""What PostGIS finds places by; other databases have no such index."""
for _each in _PLACES:
    _each.ddl_if(dialect="postgresql")

# the classes of all products that were ever listed, and the code that each has in `crop-maps`
classes = Table(
    "classes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("code", Integer, nullable=False, unique=True),
    Column("colour", String(7), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(64), ForeignKey("jobs.id"), nullable=False, index=True),
    Column("occasion", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # from when on it may be claimed: when it is due, or when its lease ends
    Column("at", Double, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("messages", Integer, nullable=False, default=0),
    # as of when the last message told of the job
    Column("told", Double),
    # why the last attempt failed
    Column("reason", Text),
    Index("deliveries_by_state", "state", "at"),
)


class Now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock when the statement came.

    One clock for all machines that share a store; in whole milliseconds, as clients see it: what they are told of
    a job is what they find it by.
    """

    type = Double()
    inherit_cache = True


@compiles(Now)
def _now(_element: Now, _compiler: SQLCompiler, **_: Any) -> str:
    return "round(extract(epoch from statement_timestamp())::numeric, 3)::double precision"


@compiles(Now, "sqlite")
def _now_of_sqlite(_element: Now, _compiler: SQLCompiler, **_: Any) -> str:
    return "round((julianday('now') - 2440587.5) * 86400.0, 3)"


def clock(connection: Connection) -> float:
    """The database's time, as `Now`."""
    return float(connection.execute(select(Now())).scalar_one())
