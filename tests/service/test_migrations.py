"""Stores of earlier versions become those of this one, whole or not at all, and lose nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geoalchemy2  # noqa: F401 - so that SQLAlchemy knows the types of PostGIS that it finds
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2.elements import WKBElement
from geoalchemy2.shape import to_shape
from shapely import from_wkb
from shapely.geometry import box
from shapely.geometry import shape as polygon_of
from sqlalchemy import MetaData, create_engine, inspect, select, text
from typer.testing import CliRunner

from geocrop_processes.cli import app
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.errors import UnusableStore
from geocrop_processes.service import class_codes, migrations, revisions, steps
from geocrop_processes.service.database import Database, revision_of
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.schema import metadata
from geocrop_processes.service.shapes import Shape
from tests.servers import postgresql
from tests.service import older_store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    server = request.getfixturevalue("server")
    name = tmp_path.name.replace("-", "_").lower()
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def older(url: str) -> str:
    """The address of a store of the oldest version, with jobs in every state."""
    older_store.make(url)
    return url


def store_of(url: str) -> JobStore:
    Database(url, upgrade=True).close()
    return JobStore(url, lease_s=60, attempts=3)


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, whatever the version."""
    engine, tables = create_engine(url), MetaData()
    with engine.connect() as connection:
        tables.reflect(connection, only=lambda name, _: name != "spatial_ref_sys")
        found = {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


def shape(url: str) -> dict[str, Any]:
    """The tables of a database: columns, keys and indices, in any order."""
    engine = create_engine(url)
    look = inspect(engine)
    found = {
        table: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"]) for c in look.get_columns(table)
            },
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (f["constrained_columns"], f["referred_table"])
                for f in look.get_foreign_keys(table)
            ),
            "unique": sorted(u["column_names"] for u in look.get_unique_constraints(table)),
            "indices": sorted(
                (str(i["name"]), i["column_names"], bool(i["unique"]))
                for i in look.get_indexes(table)
            ),
        }
        for table in look.get_table_names()
        if table != "spatial_ref_sys"
    }
    engine.dispose()
    return found


def test_the_newest_revision_is_the_one_that_a_store_is_asked_for() -> None:
    scripts = ScriptDirectory.from_config(migrations.config_for())
    assert scripts.get_heads() == [revisions.HEAD]
    # which of two is later is told by their names alone
    ids = [script.revision for script in scripts.walk_revisions()]
    assert ids == sorted(ids, reverse=True)
    assert all(len(each) == 4 and each.isdigit() for each in ids)


def tables_for(url: str) -> MetaData:
    """The tables of this version without what only the other database has."""
    tables = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(tables)
    if url.startswith("sqlite"):
        for table in tables.tables.values():
            table.indexes -= {i for i in table.indexes if i.dialect_options["postgresql"]["using"]}
    return tables


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """PostGIS brings a table of its own."""
    return (name, kind) != ("spatial_ref_sys", "table")


def compared(_context: Any, _inspected: Any, _column: Any, found: Any, wanted: Any) -> bool | None:
    """Whether a column is of another type; None where Alembic may say so by itself."""
    if not isinstance(wanted, Shape):
        return None
    return str(found).lower() not in {"blob", "geometry(geometry,4326)"}


@pytest.mark.parametrize("is_new", [True, False])
def test_the_tables_are_those_of_this_version(url: str, is_new: bool) -> None:
    if not is_new:
        older_store.make(url)
    database = Database(url, upgrade=True)
    assert revision_of(url) == revisions.HEAD
    with database.write() as connection:
        options = {"compare_type": compared, "include_name": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables_for(url)) == []
    database.close()


def test_an_upgraded_store_has_the_tables_of_a_new_one(older: str, tmp_path: Path) -> None:
    new = f"sqlite:///{tmp_path / 'new.db'}"
    if not older.startswith("sqlite"):
        new = older + "_new"
        engine = create_engine(older, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{new.rpartition("/")[2]}"')
        engine.dispose()
    Database(new).close()
    Database(older, upgrade=True).close()
    assert shape(older) == shape(new)


def test_an_upgrade_loses_no_row_and_changes_none(older: str) -> None:
    before = older_store.rows()
    Database(older, upgrade=True).close()
    after = contents(older)
    for step in before["steps"]:
        del step["payload"]
        step["failures"] = 0
    for job in after["jobs"]:
        area = job.pop("area")
        aoi = job["inputs"].get("aoi")
        assert (area is None) == (aoi is None)
        if aoi:
            circle = to_shape(area) if isinstance(area, WKBElement) else from_wkb(area)
            assert circle.equals_exact(polygon_of(Aoi(*aoi).polygon()), 1e-9)
    assert {name: after[name] for name in before} == before


def test_the_jobs_of_an_older_store_are_read_as_they_were(older: str) -> None:
    store, before = store_of(older), older_store.rows()["jobs"]
    assert {entry.id for entry in store.list()[0]} == {job["id"] for job in before}
    for row in before:
        job = store.get(row["id"])
        same = ("process", "owner", "status", "progress", "message", "inputs", "request", "digest")
        assert {name: getattr(job, name) for name in same} == {name: row[name] for name in same}
        assert (job.result, job.error) == (row["result"], row["error"])
        assert job.created.timestamp() == pytest.approx(row["created"], abs=1e-6)
    assert store.plan_of("mapping") == b'{"plan":"mapping"}'
    store.close()


def test_the_open_jobs_of_an_older_store_go_on_to_their_end(older: str) -> None:
    store, done = store_of(older), []
    with store._database.write() as connection:
        # whoever held leases is gone, and every wait is over
        connection.execute(text("UPDATE steps SET at = 0"))
    while (step := store.claim(steps.KINDS)) is not None:
        done.append((step.job_id, step.kind, step.name))
        if step.kind == steps.PLAN:
            assert store.planned(step, b"{}", ["0-0"], "d9" * 32)
        elif step.kind == steps.BLOCK:
            assert store.block_done(step)
        elif step.kind == steps.CLEAN:
            assert store.cleaned(step)
        else:
            assert store.finished(step, {"outputs": {}}, None)
    # nothing that was done is done again
    assert sorted(done) == [
        ("broken", "clean", ""),
        ("echoing", "run", ""),
        ("ended", "clean", ""),
        ("mapping", "block", "0-1"),
        ("mapping", "block", "1-0"),
        ("mapping", "block", "1-1"),
        ("mapping", "finish", ""),
        ("retried", "run", ""),
        ("waiting", "block", "0-0"),
        ("waiting", "finish", ""),
        ("waiting", "plan", ""),
        ("withdrawn", "clean", ""),
    ]
    status = {entry.id: entry.status for entry in store.list()[0]}
    assert status == {
        "done": "successful",
        "elsewhere": "successful",
        "withdrawn": "dismissed",
        "again": "successful",
        "broken": "failed",
        "mapping": "successful",
        "echoing": "successful",
        "retried": "successful",
        "ended": "dismissed",
        "waiting": "successful",
    }
    store.close()


def test_the_products_of_an_older_store_are_found(older: str) -> None:
    store = store_of(older)
    found = {item["id"]: item for item in store.items()[0]}
    kept = {row["job_id"]: row["item"] for row in older_store.rows()["items"]}
    assert found == {name: kept[name] for name in ("done", "elsewhere")}
    assert [i["id"] for i in store.items(bbox=(31.0, -18, 32, -17))[0]] == ["elsewhere"]
    # the box of its footprint, a diamond, is met, and the footprint is not
    corner = box(30.1, -17.5, 30.12, -17.48)
    assert [i["id"] for i in store.items(bbox=corner.bounds)[0]] == ["done"]
    assert store.items(area=corner)[0] == []
    assert [i["id"] for i in store.items(area=box(30.19, -17.41, 30.2, -17.4))[0]] == ["done"]
    assert store.contents().seasons == [2021, 2022]
    assert store.contents().models == [("stripes", "1")]
    with store._database.read() as connection:
        classes = [(c.code, c.name) for c in class_codes.all_classes(connection)]
    assert classes == [(1, "maize"), (2, "cotton"), (4, "soybean")]
    # a product that is listed no more is told of no more, and its earlier user keeps the other
    store.dismiss("done")
    assert store.items(ids=["done"])[1] == 1
    store.dismiss("again")
    assert store.items(ids=["done"])[1] == 0
    store.close()


def test_a_store_that_has_been_used_by_versions_without_revisions_is_recognised(older: str) -> None:
    """Each version made the tables that were missing, and no index of those that were there."""
    engine = create_engine(older)
    with engine.begin() as connection:
        migrations.stamp(connection, "0001")
        command.upgrade(migrations.config_for(connection), "0005")
        for statement in (
            "DROP TABLE alembic_version",
            "DROP INDEX published_by_begin",
            "DROP INDEX published_by_end",
            "DELETE FROM footprints",
            "DELETE FROM published",
            "INSERT INTO deliveries (id, job_id, occasion, address, state, at, attempt, failures, messages) "  # noqa: ISC004
            "VALUES (1, 'mapping', 'success', 'https://app.example.org/', 'due', 5.5, 1, 1, 0)",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    store = store_of(older)
    assert {item["id"] for item in store.items()[0]} == {"done", "elsewhere"}
    store.close()
    assert {"published_by_begin", "published_by_end"} <= {
        name for name, *_ in shape(older)["published"]["indices"]
    }
    (delivery,) = contents(older)["deliveries"]
    assert (delivery["job_id"], delivery["at"], delivery["failures"]) == ("mapping", 5.5, 1)


_KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from geocrop_processes.service.database import Database, revision_of

@event.listens_for(Engine, "after_cursor_execute")
def look(_connection, _cursor, statement, *_):
    if statement.strip().startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Database(sys.argv[1], upgrade=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("last", ["ALTER TABLE steps ADD", "INSERT INTO published"])
def test_an_upgrade_that_is_killed_leaves_the_store_as_it_was(older: str, last: str) -> None:
    before, tables = contents(older), shape(older)
    ended = subprocess.run([sys.executable, "-c", _KILLED, older, last], check=False)
    assert ended.returncode == -9
    assert contents(older) == before
    assert shape(older) == tables
    store = store_of(older)
    assert store.items()[1] == 2
    store.close()


_OPENS = """
import sys
from geocrop_processes.service.database import Database, revision_of
Database(sys.argv[1], upgrade=True).close()
print("alembic" in sys.modules)
"""


@pytest.mark.slow
def test_processes_that_upgrade_at_once_do_it_once_and_later_ones_not_at_all(older: str) -> None:
    command = [sys.executable, "-c", _OPENS, older]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(process.wait(120), process.communicate()[0]) for process in together].count(
        (0, "True\n")
    ) >= 1
    assert {process.returncode for process in together} == {0}
    store = store_of(older)
    assert store.items()[1] == 2
    store.close()
    # Alembic costs a start-up time, and nothing is to be done
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_store_of_a_later_version_is_refused_and_left_as_it_is(url: str) -> None:
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    before = contents(url)
    with pytest.raises(UnusableStore, match=r"revision 9999, later than \d{4}"):
        Database(url, upgrade=True)
    assert contents(url) == before


def test_a_store_on_a_server_is_upgraded_when_it_is_asked_to_and_a_file_when_it_is_opened(
    older: str,
) -> None:
    before = contents(older)
    if older.startswith("sqlite"):
        JobStore(older, lease_s=60, attempts=3).close()
        assert revision_of(older) == revisions.HEAD
        return
    with pytest.raises(UnusableStore, match="run `geocrop database upgrade` once"):
        JobStore(older, lease_s=60, attempts=3)
    assert contents(older) == before


def test_the_command_line_tells_the_revision_and_upgrades(
    older: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path))
    monkeypatch.setenv("GEOCROP_SERVICE__DATABASE", older)
    head = revisions.HEAD
    told = CliRunner().invoke(app, ["database", "current"])
    assert told.output == f"The job store is of revision 0001; this version needs {head}.\n"
    assert told.exit_code == 1
    told = CliRunner().invoke(app, ["database", "upgrade", "--json"])
    assert json.loads(told.output) == {"before": "0001", "revision": head}
    told = CliRunner().invoke(app, ["database", "upgrade"])
    assert told.output == f"The job store is of revision {head}; nothing was to be done.\n"
    told = CliRunner().invoke(app, ["database", "current", "--json"])
    assert json.loads(told.output) == {"revision": head, "needed": head}
    assert told.exit_code == 0


def test_looking_at_a_store_makes_none(tmp_path: Path) -> None:
    assert revision_of(f"sqlite:///{tmp_path / 'jobs.db'}") is None
    assert list(tmp_path.iterdir()) == []
