"""A job store as the first version that held jobs has left it, with jobs in every state: written by that version."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

_FOLDER = Path(__file__).parent / "stores"


def rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of each table, by the table's name, as Python has them."""
    found: dict[str, list[dict[str, Any]]] = json.loads((_FOLDER / "oldest.json").read_text())
    for plan in found["plans"]:
        plan["content"] = plan["content"].encode()
    return found


def make(url: str) -> None:
    """Make the store in an empty database."""
    dialect = make_url(url).get_backend_name()
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (_FOLDER / f"oldest-{dialect}.sql").read_text().split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        for table, its_rows in rows().items():
            names = ", ".join(its_rows[0])
            values = ", ".join(f":{name}" for name in its_rows[0])
            insert = text(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608 - our own words
            connection.execute(insert, [_plain(row) for row in its_rows])
        if dialect == "postgresql":
            for table, key in (("jobs", "number"), ("items", "number"), ("steps", "id")):
                connection.exec_driver_sql(
                    f"SELECT setval('{table}_{key}_seq', (SELECT max({key}) FROM {table}))"  # noqa: S608
                )
    engine.dispose()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()
    }
