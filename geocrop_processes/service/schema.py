"""The tables of the job store, and how its database is opened, read and written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
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
    create_engine,
    event,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's name
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from geocrop_processes.errors import StoreUnavailable

_BUSY_S = 30
"""Seconds that one writer waits for another."""

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
)

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
    Index("steps_by_job", "job_id", "state"),
)

items = Table(
    "items",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("job_id", String(64), ForeignKey("jobs.id"), nullable=False, unique=True),
    Column("collection", String(64), nullable=False),
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("begins", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("item", JSON, nullable=False),
)

# what searches look at, of the products that a successful job uses: small rows, while items are large
published = Table(
    "published",
    metadata,
    Column("number", ForeignKey("items.number"), primary_key=True, autoincrement=False),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("collection", String(64), nullable=False),
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("begins", Double, nullable=False),
    Column("ends", Double, nullable=False),
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

# the shapes of the same products, as well-known binary
footprints = Table(
    "footprints",
    metadata,
    Column("number", ForeignKey("items.number"), primary_key=True, autoincrement=False),
    Column("shape", LargeBinary, nullable=False),
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


class Database:
    """Connections to the store; its tables are made where they are missing.

    Args:
        url: SQLAlchemy's address, of SQLite or PostgreSQL.

    Open one in each process: connections do not survive a fork.
    """

    def __init__(self, url: str) -> None:
        sqlite = make_url(url).get_backend_name() == "sqlite"
        if sqlite:
            Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            pool_size=16,
            max_overflow=64,
            pool_timeout=_BUSY_S,
            connect_args={"timeout": _BUSY_S} if sqlite else {},
            # most of what a page of products costs is reading their items
            json_deserializer=orjson.loads,
            # what JSON does not know is no JSON that could be read again
            json_serializer=partial(json.dumps, allow_nan=False),
        )
        if sqlite:
            event.listen(engine, "connect", _tune)
            event.listen(engine, "begin", _begin)
        # to PostgreSQL begin and commit are two more round trips, and give a reader nothing
        self._reader = engine if sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = engine.execution_options(writes=True)
        self._make_tables()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries each see one state of the store; those of SQLite all see the same."""
        with _translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that changes the store: whole, or not at all."""
        with _translated(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()

    @retry(
        # processes that start together switch a new file of SQLite to its log at once
        # those of PostgreSQL find what the other is just making
        retry=retry_if_exception_type((StoreUnavailable, IntegrityError, ProgrammingError)),
        stop=stop_after_delay(5),
        wait=wait_random_exponential(multiplier=0.05, max=0.5),
        reraise=True,
    )
    def _make_tables(self) -> None:
        with self.write() as connection:
            metadata.create_all(connection)
            _renew_tables(connection)


def _renew_tables(connection: Connection) -> None:
    """Make the tables of an earlier version those of this one."""
    columns = {column["name"] for column in inspect(connection).get_columns(steps.name)}
    if "failures" not in columns:
        failures = "failures INTEGER DEFAULT 0 NOT NULL"
        connection.exec_driver_sql(f"ALTER TABLE steps ADD COLUMN {failures}")
    if "payload" in columns:
        connection.exec_driver_sql("ALTER TABLE steps DROP COLUMN payload")


def _tune(connection: Any, _record: Any) -> None:
    """Leave transactions to SQLAlchemy; readers do not wait for writers."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    """Whoever will write takes the lock first: one that waits for it later can wait for ever."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        # ours: what was asked was wrong, not that the store is away
        raise
    except (DBAPIError, TimeoutError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")
        raise StoreUnavailable(f"The job store does not answer: {reason}.") from error
