"""`geocrop doctor`: what is missing or wrong with a deployment."""

import typer
from rich.markup import escape

from geocrop_processes.cli_text import AsJson, out, print_json
from geocrop_processes.service.doctor import Finding, examine
from geocrop_processes.settings import Settings

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(*, as_json: AsJson = False) -> None:
    """Say in one line each what is missing or wrong with a deployment, and what to do.

    Every part that the settings name is asked: folder, database, queue, storage, registry, model, catalogue, imagery,
    workers, beat, address. What is written for that is removed again. Exit code 1 where a part has failed.
    """
    settings, wrong = Settings.read_usable()
    findings = [Finding.of("settings", ("failed", each), settings) for each in wrong]
    findings += [] if wrong else [Finding("settings", "ok", "Every variable is known and usable.")]
    findings += examine(settings)
    if as_json:
        print_json([each.to_json() for each in findings])
    else:
        _print(findings)
    if any(each.state == "failed" for each in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    width = max(len(each.part) for each in findings)
    for each in findings:
        colour = _COLOURS[each.state]
        line = f"[{colour}]{each.state:7}[/{colour}] {each.part:{width}} {escape(each.text)}"
        out.print(line, highlight=False, soft_wrap=True)
