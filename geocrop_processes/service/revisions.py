"""Which revision a job store is of, and what is done with one of another.

A new store gets the tables of this version at once; one that is behind is taken through `migrations`, which is
imported only then.
"""

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select
from sqlalchemy.exc import NotSupportedError, ProgrammingError

from geocrop_processes.errors import UnusableStore
from geocrop_processes.service.schema import jobs, metadata

HEAD = "0007"
"""The revision of this version: the last one in `migrations/versions/`."""
_OLDEST = "0001"
"""The revision of the oldest stores; those that do not say theirs are treated as such."""
_LOCK = 7_301_955_104
"""The key of PostgreSQL's advisory lock, any number that nobody else uses: one process at a time makes or upgrades."""

# as Alembic makes it
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), primary_key=True),
)


def current(connection: Connection) -> str | None:
    """The revision of a store: `0001` where it has jobs and does not say, None where it has no tables."""
    if inspect(connection).has_table(_VERSION.name):
        found: str | None = connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
        if found is not None:
            return found
    return _OLDEST if inspect(connection).has_table(jobs.name) else None


def bring(connection: Connection, *, upgrade: bool) -> None:
    """Make a store one of this version, as part of a transaction that writes.

    Args:
        connection: of the transaction. Others that want the same wait for its end.
        upgrade: whether a store of an earlier version is upgraded; else it is refused.

    Raises:
        UnusableStore: it is of a later version, or of an earlier one and not to be upgraded.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        _enable_postgis(connection)
    # another may have been quicker
    found = current(connection)
    if found is None:
        metadata.create_all(connection)
        _VERSION.create(connection)
        connection.execute(insert(_VERSION).values(version_num=HEAD))
    elif found != HEAD:
        _check(found, upgrade=upgrade)
        _upgrade(connection)


def _enable_postgis(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
    except (ProgrammingError, NotSupportedError) as error:
        reason = str(error.orig).partition("\n")[0]
        raise UnusableStore(
            f"The job store's database lacks PostGIS ({reason}): install PostGIS on its server (Debian's package "
            "postgresql-postgis), and have its superuser run `CREATE EXTENSION postgis` in the database."
        ) from error


def _check(found: str, *, upgrade: bool) -> None:
    if found > HEAD:
        raise UnusableStore(
            f"The job store is of revision {found}, later than {HEAD}, the last one that this version of GeoCrop "
            "knows: use the version that upgraded it, or one after it."
        )
    if not upgrade:
        raise UnusableStore(
            f"The job store is of revision {found}, and this version of GeoCrop needs {HEAD}: stop the service, make "
            "a backup, and run `geocrop database upgrade` once."
        )


def _upgrade(connection: Connection) -> None:
    from geocrop_processes.service import migrations  # noqa: PLC0415 - Alembic is for those behind

    if not inspect(connection).has_table(_VERSION.name):
        migrations.stamp(connection, _OLDEST)
    migrations.upgrade(connection)
