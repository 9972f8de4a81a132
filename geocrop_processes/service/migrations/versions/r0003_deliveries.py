"""Callbacks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One more table."""
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("occasion", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("told", sa.Double),
        sa.Column("reason", sa.Text),
        if_not_exists=True,
    )
    op.create_index("ix_deliveries_job_id", "deliveries", ["job_id"], if_not_exists=True)
    op.create_index("deliveries_by_state", "deliveries", ["state", "at"], if_not_exists=True)
