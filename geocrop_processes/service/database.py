"""How the database of the job store is opened, read and written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's name
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from geocrop_processes.errors import StoreUnavailable
from geocrop_processes.service import revisions

_BUSY_S = 30
"""Seconds that one writer waits for another."""


def revision_of(url: str) -> str | None:
    """Which revision the store at an address is of; None where there is none. Nothing is made or changed.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    if _is_sqlite(url) and not _file_of(url).exists():
        return None
    engine = _engine(url)
    try:
        with _translated(), engine.begin() as connection:
            return revisions.current(connection)
    finally:
        engine.dispose()


class Database:
    """Connections to the store. A new one gets its tables; one of an earlier version is upgraded, or refused.

    Args:
        url: SQLAlchemy's address, of SQLite or PostgreSQL.
        upgrade: whether a store of an earlier version is upgraded. A file of SQLite always is: it is one machine's.

    Raises:
        StoreUnavailable: the database does not answer.
        UnusableStore: it is of another version of GeoCrop.

    Open one in each process: connections do not survive a fork.
    """

    def __init__(self, url: str, *, upgrade: bool = False) -> None:
        sqlite = _is_sqlite(url)
        if sqlite:
            _file_of(url).parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(url)
        # to PostgreSQL begin and commit are two more round trips, and give a reader nothing
        self._reader = engine if sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = engine.execution_options(writes=True)
        try:
            self._prepare(upgrade=upgrade or sqlite)
        except Exception:
            self.close()
            raise

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
        retry=retry_if_exception_type(StoreUnavailable),
        stop=stop_after_delay(5),
        wait=wait_random_exponential(multiplier=0.05, max=0.5),
        reraise=True,
    )
    def _prepare(self, *, upgrade: bool) -> None:
        with self.read() as connection:
            found = revisions.current(connection)
        if found != revisions.HEAD:
            with self.write() as connection:
                revisions.bring(connection, upgrade=upgrade)


def _engine(url: str) -> Engine:
    sqlite = _is_sqlite(url)
    engine = create_engine(
        url,
        pool_size=16,
        max_overflow=64,
        pool_timeout=_BUSY_S,
        connect_args={"timeout": _BUSY_S} if sqlite else {},
        # most of what a page of products costs is reading their items
        json_deserializer=orjson.loads,
        # what JSON does not know is no JSON that could be read again
        json_serializer=json.JSONEncoder(allow_nan=False).encode,
    )
    if sqlite:
        event.listen(engine, "connect", _tune)
        event.listen(engine, "begin", _begin)
    return engine


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


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
