"""`geocrop database`: the job store's database, for whoever operates a deployment."""

import typer

from geocrop_processes.cli_text import AsJson, out, print_json
from geocrop_processes.service.database import Database, revision_of
from geocrop_processes.service.revisions import HEAD
from geocrop_processes.settings import Settings

database = typer.Typer(
    help="The job store's database: its revision, and upgrades.", no_args_is_help=True
)


@database.command()
def current(*, as_json: AsJson = False) -> None:
    """Tell which revision the job store is of. Nothing is made or changed.

    Exit code 0 where it is that of this version, 1 where it is another or there is no store yet.
    """
    found = revision_of(Settings.read().store_url())
    if as_json:
        print_json({"revision": found, "needed": HEAD})
    elif found is None:
        out.print("There is no job store yet.")
    elif found == HEAD:
        out.print(f"The job store is of revision {HEAD}, as this version needs it.")
    else:
        out.print(f"The job store is of revision {found}; this version needs {HEAD}.")
    raise typer.Exit(int(found != HEAD))


@database.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Make the job store one of this version, or make a new one: whole, or not at all.

    Make a backup first: there is no way back but to restore it. Several may run at once, one of them does it.
    """
    url = Settings.read().store_url()
    before = revision_of(url)
    Database(url, upgrade=True).close()
    if as_json:
        print_json({"before": before, "revision": HEAD})
    elif before == HEAD:
        out.print(f"The job store is of revision {HEAD}; nothing was to be done.")
    else:
        was = f"it was of {before}" if before else "it is new"
        out.print(f"The job store is of revision {HEAD}; {was}.")
