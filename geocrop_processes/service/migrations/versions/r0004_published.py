"""What searches look at is kept beside the items, filled from the items that there are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from shapely import to_wkb
from shapely.geometry import box, shape

revision = "0004"
down_revision = "0003"

_PLACE = ("collection", "west", "south", "east", "north", "begins", "ends")


def upgrade() -> None:
    """Two more tables, and their rows."""
    op.create_table(
        "published",
        sa.Column(
            "number",
            sa.Integer,
            sa.ForeignKey("items.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("job_id", sa.String(64), nullable=False, unique=True),
        sa.Column("collection", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in _PLACE[1:]),
        sa.Column("created", sa.Double),
        sa.Column("season", sa.Integer),
        sa.Column("as_of", sa.String(16)),
        sa.Column("model", sa.String(255)),
        sa.Column("model_version", sa.String(64)),
        sa.Column("complete", sa.Boolean),
        sa.Column("simulated", sa.Boolean),
        sa.Column("mask", sa.String(16)),
        sa.Column("crs", sa.String(32)),
        if_not_exists=True,
    )
    op.create_table(
        "footprints",
        sa.Column(
            "number",
            sa.Integer,
            sa.ForeignKey("items.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("shape", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_published_season", "published", ["season"], if_not_exists=True)
    op.create_index("published_by_begin", "published", ["begins", "number"], if_not_exists=True)
    op.create_index("published_by_end", "published", ["ends"], if_not_exists=True)
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """List the products that a successful job uses and that are not listed."""
    tables = sa.MetaData()
    jobs, items, published, footprints = (
        sa.Table(name, tables, autoload_with=connection)
        for name in ("jobs", "items", "published", "footprints")
    )
    used = sa.exists().where(jobs.c.product == items.c.job_id, jobs.c.status == "successful")
    listed = sa.exists().where(published.c.number == items.c.number)
    missing = sa.select(items.c.number).where(used, ~listed).order_by(items.c.number)
    for number in list(connection.execute(missing).scalars()):
        # one at a time: items are large
        row = connection.execute(sa.select(items).where(items.c.number == number)).one()
        place = {name: getattr(row, name) for name in _PLACE}
        values = {"number": number, "job_id": row.job_id} | place | _said(row.item["properties"])
        connection.execute(sa.insert(published).values(values))
        outline = row.item.get("geometry")
        wkb = to_wkb(shape(outline) if outline else box(*row.item["bbox"]))
        connection.execute(sa.insert(footprints).values(number=number, shape=wkb))


def _said(properties: Mapping[str, Any]) -> dict[str, Any]:
    season, model = properties.get("geocrop:season") or {}, properties.get("geocrop:model") or {}
    created = properties.get("created")
    return {
        "created": created and datetime.fromisoformat(created).timestamp(),
        "season": season.get("year"),
        "as_of": season.get("as_of"),
        "model": model.get("name"),
        "model_version": model.get("version"),
        "complete": properties.get("geocrop:complete"),
        "simulated": properties.get("geocrop:simulated"),
        "mask": properties.get("geocrop:mask"),
        "crs": properties.get("proj:code"),
    }
