"""`geocrop`: maps from the command line.

Exit codes: 0 done; 1 no map can be made, one sentence says why; 2 the request must be changed.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import typer
from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.exceptions import TyperException

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import GeoCropError, InvalidRequest, InvalidSeason
from geocrop_processes.pipeline.classify import Progress
from geocrop_processes.pipeline.classify import classify as make_map
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.pipeline.product import Product
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.archive import build_archive
from geocrop_processes.simulation.demonstration import ARCHIVE, Demonstration, demonstrate

app = typer.Typer(
    help="Crop-type maps of Zimbabwe from Sentinel-2: a place and a season in, a published map out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")
]


@app.command(
    # latitudes of the south start with a minus, as options do
    context_settings={"ignore_unknown_options": True},
    epilog="Example: geocrop classify 30.20 -17.36 1500 --year 2022",
)
def classify(  # noqa: PLR0913 - each is an argument of the command line
    lon: Annotated[
        float, typer.Argument(help="Longitude of the centre in degrees east; it comes first.")
    ],
    lat: Annotated[
        float, typer.Argument(help="Latitude of the centre in degrees north: negative in Zimbabwe.")
    ],
    radius: Annotated[float, typer.Argument(help="Radius of the circle in metres, at least 100.")],
    *,
    year: Annotated[
        int,
        typer.Option(help="The season by its first September: 2022 is 2022-09-01 to 2023-05-31."),
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Use imagery up to this day only, for a map within a season."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A registered model: name, name@version or name@alias. `geocrop models` lists them."
        ),
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option(
            help=f"The STAC API to search, or '{ARCHIVE}'; else the setting GEOCROP_CATALOG__URL."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Map the crops of a circle in one season.

    Finds the Sentinel-2 scenes, masks clouds, computes 51 features of each pixel, lets the model vote, and
    writes the map as Cloud Optimized GeoTIFF with its confidence, figures, a picture and a STAC item.
    """
    settings = Settings.read()
    aoi = Aoi(lon, lat, radius)
    aoi.check(settings.service_region(), settings.map.max_radius_m)
    season = _season(year, as_of)
    storage = settings.open_storage()
    chosen = settings.open_registry(storage).load(model or settings.map.model)
    address = catalog or settings.catalog.url
    request = Request(aoi, season, address, settings.map.block_px, settings.map.min_acquisitions)
    with _progress(quiet=as_json) as progress, _served(settings, address, progress) as url:
        product = make_map(
            uuid4().hex,
            request,
            chosen,
            find=settings.open_catalog(url).find,
            storage=storage,
            access=settings.access(),
            threads=settings.map.threads,
            progress=progress,
        )
    if as_json:
        _print_json(
            {
                "summary": product.summary,
                "paths": product.paths,
                "checksums_sha256": product.checksums,
            }
        )
    else:
        _print_product(product)


@app.command()
def demo(*, as_json: AsJson = False) -> None:
    """Make a map from nothing: simulate an archive, train a model, map a place, compare with the truth.

    Everything is kept under the data folder (.geocrop) and used again the next time. The same figures are
    written to demo.json there.
    """
    settings = Settings.read()
    storage = settings.open_storage()
    registry = settings.open_registry(storage)
    with _progress(quiet=as_json) as progress:
        made = demonstrate(settings.data, storage, registry, settings.access(), progress)
    (settings.data / "demo.json").write_text(json.dumps(made.to_json(), indent=1) + "\n")
    if as_json:
        _print_json(made.to_json())
    else:
        _print_demonstration(made)


@app.command()
def models(*, as_json: AsJson = False) -> None:
    """List the registered models, the newest version of each first."""
    settings = Settings.read()
    entries = settings.open_registry(settings.open_storage()).list()
    if as_json:
        _print_json(
            [
                {"model": e.reference, "aliases": list(e.aliases), "description": e.description}
                for e in entries
            ]
        )
        return
    if not entries:
        out.print("No model is registered yet: `geocrop demo` makes one.")
        return
    table = Table("model", "aliases", "description", box=None, pad_edge=False)
    for e in entries:
        table.add_row(escape(e.reference), escape(", ".join(e.aliases)), escape(e.description))
    out.print(table)


def main() -> None:
    """Run a command; what went wrong becomes one sentence and an exit code."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Abort:
        sys.exit(130)
    except TyperException as error:
        _fail(error.format_message(), error.exit_code)
    except GeoCropError as error:
        _fail(str(error), 2 if isinstance(error, InvalidRequest) else 1)


def _fail(sentence: str, code: int) -> NoReturn:
    if sentence:  # a command without arguments has printed its help
        err.print(f"[red]Error:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def _season(year: int, as_of: datetime | None) -> Season:
    season = Season(year, as_of.date() if as_of else None)
    if not season.has_begun(date.today()):  # noqa: DTZ011 - the day where the person is
        raise InvalidSeason(
            f"There is no imagery of season {year} yet: it begins on {season.start}."
        )
    return season


@contextmanager
def _served(settings: Settings, address: str, progress: Progress) -> Iterator[str]:
    """Where to search; the simulated archive is built and served while it is needed."""
    if address != ARCHIVE:
        yield address
        return
    build_archive(settings.data / ARCHIVE, progress)
    with serve(settings.data / ARCHIVE) as url:
        yield url


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar on the terminal; nothing where a script listens."""
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=err, disable=quiet, transient=True) as shown:
        bar = shown.add_task("starting", total=1.0)
        yield lambda share, message: shown.update(bar, completed=share, description=escape(message))


def _print_product(product: Product) -> None:
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
    reasons = Counter(scene["reason"] for scene in figures["scenes_left_out"])
    titles = {scene["reason"]: scene["title"] for scene in figures["scenes_left_out"]}
    for reason, count in reasons.items():
        which = titles[reason] if count == 1 else f"{count} scenes"
        out.print(escape(f"  {which}: {reason}"), highlight=False)
    for key, path in product.paths.items():
        out.print(f"{key:<12} {escape(path)}", highlight=False, soft_wrap=True)


def _print_demonstration(made: Demonstration) -> None:
    _print_product(made.product)
    out.print(f"sha256 of the class map: {made.product.checksums['class-map']}", soft_wrap=True)
    out.print(
        f"agreement with the known truth {made.accuracy.overall:.3f}, macro-F1 {made.accuracy.macro_f1:.3f}, "
        f"{made.seconds:.0f} s"
    )


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
