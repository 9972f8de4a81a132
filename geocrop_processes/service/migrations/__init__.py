"""How a job store of an earlier version becomes one of this version, by Alembic; only a store that is behind needs it.

Each file of `versions/` is one step, frozen: it names tables and values as they were when it was written, and uses no
code of the service, which goes on changing.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config_for(connection: Connection | None = None) -> Config:
    """What Alembic wants to know: where the revisions are, and whose transaction it works in."""
    config = Config()
    # Alembic takes a per cent sign for a reference
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Take a store to the newest revision, as part of the connection's transaction: whole, or not at all."""
    command.upgrade(config_for(connection), "head")


def stamp(connection: Connection, revision: str) -> None:
    """Note which revision a store is of."""
    command.stamp(config_for(connection), revision)
