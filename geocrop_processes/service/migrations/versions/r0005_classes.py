"""Classes have one code in `crop-maps`, given in the order in which products came."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_UNKNOWN = "\ufffd"


def upgrade() -> None:
    """One more table, and its rows where it has none."""
    op.create_table(
        "classes",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("code", sa.Integer, nullable=False, unique=True),
        sa.Column("colour", sa.String(7), nullable=False),
        if_not_exists=True,
    )
    connection, tables = op.get_bind(), sa.MetaData()
    classes, items, published = (
        sa.Table(name, tables, autoload_with=connection)
        for name in ("classes", "items", "published")
    )
    if connection.execute(sa.select(classes).limit(1)).first() is not None:
        return
    numbers = sa.select(published.c.number).order_by(published.c.number)
    codes: dict[str, int] = {}
    for number in list(connection.execute(numbers).scalars()):
        row = connection.execute(sa.select(items.c.item).where(items.c.number == number)).one()
        for stated in _stated(row.item):
            # characters that cannot be shown are no text of XML, which styles are written in
            shown = (c if c.isprintable() else _UNKNOWN for c in stated["title"])
            name, code = "".join(shown), _free(codes, stated["value"])
            if name in codes or code is None:
                continue
            codes[name] = code
            colour = f"#{stated['color_hint'].lower()}"
            connection.execute(sa.insert(classes).values(name=name, code=code, colour=colour))


def _stated(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    asset = (item.get("assets") or {}).get("class-map") or {}
    stated = asset.get("classification:classes") or ()
    return [c for c in stated if not c.get("nodata")]


def _free(codes: Mapping[str, int], wanted: int) -> int | None:
    """The code that is wanted, else the first that no class has; None where all are given."""
    taken = set(codes.values())
    return next((n for n in (wanted, *range(1, 255)) if n not in taken), None)
