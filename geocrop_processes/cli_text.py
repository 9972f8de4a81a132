"""What the command line says: bars and tables for people, JSON for scripts."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from geocrop_processes.domain.progress import Progress
from geocrop_processes.pipeline.product import Product

out = Console()
err = Console(stderr=True)

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")
]


@contextmanager
def bar(*, quiet: bool) -> Iterator[Progress]:
    """A bar on the terminal; nothing where a script listens."""
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=err, disable=quiet, transient=True) as shown:
        task = shown.add_task("starting", total=1.0)
        yield lambda share, message: shown.update(
            task, completed=share, description=escape(message)
        )


def print_json(value: Any) -> None:
    """A value for scripts."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def print_product(product: Product) -> None:
    """A map: hectares, scenes, files."""
    figures = product.summary
    if figures["notice"]:
        out.print(f"[yellow]{escape(figures['notice'])}[/]")
    table = Table("class", "hectares", "share", box=None, pad_edge=False)
    for row in figures["classes"]:
        if row["hectares"]:
            table.add_row(
                f"[{row['colour']}]■[/] {escape(row['name'])}",
                f"{row['hectares']:,.1f}",
                f"{row['share']:.1%}",
            )
    out.print(table)
    out.print(
        f"{len(figures['scenes_used'])} scenes used, {len(figures['scenes_left_out'])} left out; "
        f"{figures['unmapped_hectares']:,.1f} ha without a class"
    )
    if figures["applicability"] and figures["applicability"]["outside_share"] is not None:
        beyond = figures["applicability"]
        out.print(
            f"unlike anything the model was trained on: {beyond['outside_hectares']:,.1f} ha "
            f"({beyond['outside_share']:.1%})"
        )
    against = figures["baseline"]
    if against and against["agreement"] is not None:
        out.print(
            f"cropland before any mask: {against['map_cropland_hectares']:,.1f} ha, in the {against['kind']} "
            f"baseline {against['baseline_cropland_hectares']:,.1f} ha; they agree on {against['agreement']:.1%}"
        )
    reasons = Counter(scene["reason"] for scene in figures["scenes_left_out"])
    titles = {scene["reason"]: scene["title"] for scene in figures["scenes_left_out"]}
    for reason, count in reasons.items():
        which = titles[reason] if count == 1 else f"{count} scenes"
        out.print(escape(f"  {which}: {reason}"), highlight=False)
    print_places(product.paths)


def print_places(places: Mapping[str, str]) -> None:
    """Where things are, a line each."""
    for key, place in places.items():
        out.print(f"{key:<12} {escape(place)}", highlight=False, soft_wrap=True)
