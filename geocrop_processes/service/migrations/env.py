"""Alembic enters here, inside the transaction of whoever upgrades."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
