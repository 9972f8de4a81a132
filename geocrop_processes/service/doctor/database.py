"""Whether the job store's database is there, new enough, and of this version."""

import sqlite3
import time
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from geocrop_processes.errors import InvalidSetting, StoreUnavailable, UnusableStore
from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, WARNING, Said
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.settings import Settings

_ANSWER_S = 5
"""Seconds that the database has to answer."""
_OLDEST = 15
"""PostgreSQL's first version that is tested."""
_SKEW_S = 2.0
"""More than this between two clocks is seen by people."""
_NAME = "GEOCROP_SERVICE__DATABASE"

_FACTS = text("""
SELECT current_setting('server_version_num')::integer / 10000 AS version,
       current_setting('server_version') AS full_version,
       pg_is_in_recovery() AS is_replica,
       extract(epoch from clock_timestamp())::double precision AS clock,
       (SELECT extversion FROM pg_extension WHERE extname = 'postgis') AS postgis,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgis') AS is_installed,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create
""")
_REFUSALS = (
    ("password authentication failed", "refuses the user's password"),
    ("no password supplied", "wants a password"),
    ("does not exist", "knows no such database or user"),
    ("no pg_hba.conf entry", "lets nobody in from here (pg_hba.conf)"),
)
"""What libpq says of those whom waiting does not help; it gives no codes."""


class _Facts(NamedTuple):
    version: int
    full_version: str
    is_replica: bool
    clock: float
    postgis: str | None
    is_installed: bool
    may_create: bool


def check_database(settings: Settings) -> Iterator[Said]:
    """PostgreSQL: reachable, version, PostGIS, rights, revision, clock. SQLite: readable."""
    try:
        url = make_url(settings.service.database or f"sqlite:///{settings.data / 'jobs.db'}")
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        backend = "none"
    if backend == "sqlite":
        yield from _sqlite(url)
    elif backend == "postgresql":
        yield from _postgresql(url)
    else:
        example = "postgresql://user:password@host/geocrop"
        yield FAILED, f"{_NAME} is no address of PostgreSQL such as {example}, nor of SQLite."


def store_opened(settings: Settings) -> Iterator[Said]:
    """Open the job store as the service does when it starts: an empty database gets its tables."""
    try:
        JobStore.of(settings).close()
    except (InvalidSetting, UnusableStore) as error:
        yield FAILED, str(error)
    except StoreUnavailable as error:
        yield AWAY, str(error)


def _sqlite(url: URL) -> Iterator[Said]:
    path = url.database or ""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_ANSWER_S)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if "unable to open" in str(error):
            yield OK, f"SQLite, made at the first start: {path}."
        else:
            yield FAILED, f"{path} cannot be read ({error}): put a backup of it in its place."
        return
    yield (
        OK,
        f"SQLite: {path}. Processes of one machine can share it; several machines need {_NAME}.",
    )


def _postgresql(url: URL) -> Iterator[Said]:
    limits = {"connect_timeout": _ANSWER_S, "options": f"-c statement_timeout={_ANSWER_S * 1000}"}
    place = f"{url.host or 'its socket'}:{url.port or 5432}"
    engine = create_engine(url, poolclass=NullPool, connect_args=limits)
    try:
        with engine.connect() as connection:
            before = time.time()
            facts = _Facts(*connection.execute(_FACTS).one())
            skew = facts.clock - (before + time.time()) / 2
            said = [*_needs(facts, url), *_clock(skew)]
    except OperationalError as error:
        yield _refused(error, url, place)
        return
    except DBAPIError as error:
        yield FAILED, f"PostgreSQL at {place} does not answer as it should: {error.orig}."
        return
    finally:
        engine.dispose()
    yield from said
    if all(state == WARNING for state, _ in said):
        yield (
            OK,
            f"PostgreSQL {facts.full_version} with PostGIS {facts.postgis} at {place}/{url.database}.",
        )


def _refused(error: OperationalError, url: URL, place: str) -> Said:
    reason = " ".join(str(error.orig).split())
    for words, what in _REFUSALS:
        if words in reason:
            whom = f"user {url.username}, database {url.database}"
            return FAILED, f"PostgreSQL at {place} {what} ({whom}): correct {_NAME}."
    return AWAY, f"No PostgreSQL answers at {place} ({reason}): start it, or correct {_NAME}."


def _needs(facts: _Facts, url: URL) -> Iterator[Said]:
    if facts.version < _OLDEST:
        yield FAILED, f"PostgreSQL is {facts.full_version}; {_OLDEST} or newer is needed."
    if facts.is_replica:
        yield (
            FAILED,
            f"PostgreSQL is a replica, which nothing can be written to: {_NAME} must name the primary.",
        )
    if facts.postgis is None:
        first = "" if facts.is_installed else "install PostGIS on its machine, then "
        order = f'psql -d {url.database} -c "CREATE EXTENSION postgis"'
        yield (
            FAILED,
            f"The database {url.database} has no PostGIS: {first}have a superuser run `{order}`.",
        )
    if not facts.may_create:
        order = f'psql -d {url.database} -c "GRANT CREATE ON SCHEMA public TO {url.username}"'
        yield (
            FAILED,
            f"The user {url.username} may make no tables: have the database's owner run `{order}`.",
        )


def _clock(skew: float) -> Iterator[Said]:
    if abs(skew) > _SKEW_S:
        side = "ahead of" if skew > 0 else "behind"
        yield (
            WARNING,
            (
                f"The database's clock is {abs(skew):.0f} s {side} this machine's: set both by NTP. Leases go by the "
                "database's clock alone, but people see both."
            ),
        )
