"""Places are geometries of PostGIS with an index, and jobs have theirs."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from shapely import set_srid, to_wkb
from shapely.geometry import shape

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.errors import InvalidPlace

revision = "0007"
down_revision = "0006"

_JOBS = sa.table("jobs", sa.column("number"), sa.column("inputs", sa.JSON), sa.column("area"))
_ROWS = 1000


def upgrade() -> None:
    """One column more, another type of one, and three indices of PostgreSQL."""
    if op.get_bind().dialect.name != "postgresql":
        op.execute("ALTER TABLE jobs ADD COLUMN area BLOB")
        _fill(op.get_bind())
        return
    op.execute("ALTER TABLE jobs ADD COLUMN area geometry(GEOMETRY,4326)")
    _fill(op.get_bind())
    op.execute(
        "ALTER TABLE footprints ALTER COLUMN shape TYPE geometry(GEOMETRY,4326) USING ST_GeomFromWKB(shape, 4326)"
    )
    op.execute(
        "CREATE INDEX published_by_box ON published USING gist (ST_MakeEnvelope(west, south, east, north, 4326))"
    )
    op.execute("CREATE INDEX footprints_by_shape ON footprints USING gist (shape)")
    op.execute("CREATE INDEX jobs_by_area ON jobs USING gist (area)")


def _fill(connection: sa.Connection) -> None:
    last: int | None = 0
    while last is not None:
        page = sa.select(_JOBS.c.number, _JOBS.c.inputs).where(_JOBS.c.number > last)
        rows = connection.execute(page.order_by(_JOBS.c.number).limit(_ROWS)).all()
        for number, inputs in rows:
            area = _area(inputs)
            if area is not None:
                job = sa.update(_JOBS).where(_JOBS.c.number == number)
                connection.execute(job.values(area=area))
        last = rows[-1][0] if rows else None


def _area(inputs: Mapping[str, Any]) -> bytes | None:
    """The circle of a job whose inputs name one."""
    try:
        circle = Aoi(*map(float, inputs["aoi"])).polygon()
    except (KeyError, TypeError, ValueError, InvalidPlace):
        return None
    return bytes(to_wkb(set_srid(shape(circle), 4326), include_srid=True))
