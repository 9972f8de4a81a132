"""Whose turn it is, is found along indices of the jobs and steps that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_PARTIAL = {
    "jobs_in_line": ("jobs", ["owner", "turn", "number"], "status IN ('accepted', 'running')"),
    "jobs_begun": ("jobs", ["owner", "turn"], "started IS NOT NULL"),
    "steps_to_clean": (
        "steps",
        ["kind", "state", "at"],
        "kind = 'clean' AND state IN ('due', 'leased')",
    ),
}


def upgrade() -> None:
    """Three more indices, and one that is in the order of steps."""
    op.drop_index("steps_by_job", table_name="steps", if_exists=True)
    op.create_index("steps_by_job", "steps", ["job_id", "state", "id"])
    for name, (table, columns, where) in _PARTIAL.items():
        op.create_index(
            name,
            table,
            columns,
            if_not_exists=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
