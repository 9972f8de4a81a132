"""Steps count the attempts that failed, and carry nothing else.

Stores up to 0005 did not say what they are of: what one of them has already is left as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One column more, one less."""
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("steps")}
    if "failures" not in columns:
        failures = sa.Column("failures", sa.Integer, nullable=False, server_default="0")
        op.add_column("steps", failures)
    if "payload" in columns:
        op.drop_column("steps", "payload")
