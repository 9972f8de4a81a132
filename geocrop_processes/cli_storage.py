"""`geocrop storage`: what lies in the object store."""

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from geocrop_processes.cli_text import AsJson, out, print_json
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.sweeping.sweep import sweep
from geocrop_processes.settings import Settings

storage = typer.Typer(help="The object store.", no_args_is_help=True)


@storage.callback()
def _group() -> None:
    """Keep `sweep` a command of its own, though it is the only one."""


@storage.command("sweep", epilog="Example: geocrop storage sweep --dry-run")
def sweep_storage(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed; nothing is.")
    ] = False,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown",
            help="Remove whole products too whose jobs the job store does not know: of another store, or of an "
            "earlier version's commands.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what nobody needs any more, as the service does by itself once in a while.

    That is what jobs have left that were dismissed or failed, checkpoints of those that are done, what was brought
    for none that is open, and what was half written. What is younger than GEOCROP_KEEP__GRACE_S stays.
    """
    settings = Settings.read()
    with closing(JobStore.of(settings)) as store:
        swept = sweep(settings, store, settings.open_storage(), dry_run=dry_run, unknown=unknown)
    if as_json:
        print_json(asdict(swept))
        return
    out.print(f"{'Would remove' if dry_run else 'Removed'}: {swept}.")
    if swept.unknown:
        out.print(
            f"{len(swept.unknown)} whole products of jobs that the job store does not know stay; --unknown removes them."
        )
