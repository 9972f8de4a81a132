"""What a map is worth, on the command line: points to label, and what they say of it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from geocrop_processes.cli_files import KINDS, by_hand, labels_of, read, write
from geocrop_processes.cli_text import AsJson, out, print_json, print_places
from geocrop_processes.errors import (
    GeoCropError,
    InvalidSample,
    UnknownJob,
)
from geocrop_processes.models.sampling import LEAST, TARGET_ERROR
from geocrop_processes.pipeline.assess import assess, legend_of_map
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.design import design_sample, read_strata
from geocrop_processes.pipeline.labels import CSV, GEOJSON
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.labels import POINTS, answer, field_labels, point_labels
from geocrop_processes.storage import RESULTS, Storage, result_key

Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same.")]
Map = Annotated[
    str,
    typer.Argument(metavar="PRODUCT", help="The job of a map, or the path of its class-map.tif."),
]


def accuracy_assessment(
    product: Map,
    reference: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Points with the column class: what is there. GeoJSON, CSV (lon, lat) or GeoPackage.",
        ),
    ],
    *,
    strata: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What the map said when the points were drawn, as `geocrop sample-design` keeps it apart.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a map by reference points: confusion matrix, accuracies, error-adjusted areas.

    User's, producer's and overall accuracy and the area of each class, with 95 % confidence intervals (Olofsson et al.
    2014). Points that cannot be compared are counted, with the reason.
    """
    settings = Settings.read()
    storage = settings.open_storage()
    content = _class_map(product, storage)
    judged = ClassMap.of(content)
    labels = labels_of(
        reference, settings, season=judged.year, legend=legend_of_map(content), open_legend=True
    )
    made = assess(
        by_hand(),
        content,
        labels,
        storage,
        title=judged.tags.get("TITLE", product),
        year=judged.year,
        strata=None if strata is None else read_strata(strata.read_bytes()),
        notice=judged.tags.get("NOTICE"),
    )
    if as_json:
        print_json({"assessment": made.report, "paths": made.paths})
        return
    _print_assessment(made.report)
    print_places(made.paths)


def sample_design(  # noqa: PLR0913 - each is an option of the command line
    product: Map,
    *,
    out_file: Annotated[
        Path, typer.Option("--out", dir_okay=False, help="The points to label: .geojson or .csv.")
    ],
    strata: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="What the map says of each, not to be seen by whoever labels; beside the points by default.",
        ),
    ] = None,
    target_error: Annotated[
        float, typer.Option(help="Standard error of overall accuracy to aim at.")
    ] = TARGET_ERROR,
    least: Annotated[int, typer.Option(help="Points of a rare class.")] = LEAST,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the points of a map that a person should label, so that it can be judged.

    Stratified random by the map's classes, as many as Olofsson et al. 2014 advise, in an order that tells nothing. What
    the map says of each is written to a file of its own.
    """
    kind = KINDS.get(out_file.suffix.lower())
    if kind not in {GEOJSON, CSV}:
        raise InvalidSample(f"Points are written as .geojson or .csv, not as {out_file.name!r}.")
    settings = Settings.read()
    storage = settings.open_storage()
    content = _class_map(product, storage)
    judged = ClassMap.of(content)
    designed = design_sample(
        content,
        expected=_expected(judged, settings, storage),
        year=judged.year or 0,
        target_error=target_error,
        least=least,
        seed=seed,
        media_type=kind,
    )
    kept = strata or out_file.with_suffix(".strata.csv")
    write(out_file, designed.points)
    write(kept, designed.strata)
    paths = {"points": str(out_file), "strata": str(kept)}
    if as_json:
        print_json({"sizes": {str(k): n for k, n in designed.sizes.items()}, "paths": paths})
        return
    table = Table("class", "points", box=None, pad_edge=False)
    for code, size in designed.sizes.items():
        table.add_row(escape(judged.legend.name_of(code)), str(size))
    out.print(table)
    print_places(paths)


def simulated_labels(
    *,
    fields: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Training fields, written as GeoJSON.")
    ] = None,
    points: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Points in other fields, as GeoJSON.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answer", dir_okay=False, help="A design's points; their class is filled in."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many points.")] = POINTS,
    seed: Seed = 1,
) -> None:
    """Write what a surveyor would bring home from the place of the simulated archive: the truth about it."""
    if fields is not None:
        write(fields, field_labels(seed))
    if points is not None:
        write(points, point_labels(seed, count))
    if answers is not None:
        write(answers, answer(read(answers)))
    print_places(
        {"fields": str(fields or "-"), "points": str(points or "-"), "answers": str(answers or "-")}
    )


def _class_map(product: str, storage: Storage) -> bytes:
    """The COG of a job, or of a path."""
    path = Path(product)
    if path.is_file():
        return read(path)
    key = result_key(product, "class-map.tif")
    if not re.fullmatch(r"[0-9A-Za-z_-]+", product) or not storage.has(RESULTS, key):
        raise UnknownJob(f"There is no map of a job {product!r}, and no such file.")
    return storage.get(RESULTS, key)


def _expected(judged: ClassMap, settings: Settings, storage: Storage) -> Mapping[int, float]:
    """The user's accuracies that the model's card tells, out of fold in space; none where it cannot be found."""
    try:
        card, _ = settings.open_registry(storage).card(judged.tags.get("MODEL", ""))
    except GeoCropError:
        return {}
    told = card.assessments.get("spatial", {}).get("classes", [])
    return {c["code"]: c["users"]["value"] for c in told if c.get("users")}


def _print_assessment(report: Mapping[str, Any]) -> None:
    if report["notice"]:
        out.print(f"[yellow]{escape(report['notice'])}[/]")
    table = Table(
        "class", "mapped ha", "estimated ha", "user's", "producer's", box=None, pad_edge=False
    )
    for c in report["classes"]:
        table.add_row(
            escape(c["name"]),
            f"{c['mapped_hectares']:,.1f}",
            _with_margin(c["hectares"], 1),
            _with_margin(c["users"]["map"] or c["users"]["sample"], 3),
            _with_margin(c["producers"]["map"] or c["producers"]["sample"], 3),
        )
    out.print(table)
    overall = report["overall"]["map"] or report["overall"]["sample"]
    out.print(f"overall accuracy {_with_margin(overall, 3)}; {report['points']['used']} points")
    out.print(escape(report["no_areas_because"] or report["design"]), highlight=False)
    for reason, count in report["points"]["left_out_by_reason"].items():
        out.print(escape(f"  {count} left out: {reason}"), highlight=False)


def _with_margin(figure: Mapping[str, Any] | None, digits: int) -> str:
    """A figure with its 95 % confidence interval."""
    if figure is None:
        return "-"
    value = f"{figure['value']:,.{digits}f}"
    if figure["interval_95"] is None:
        return value
    low, high = figure["interval_95"]
    return f"{value} ({low:,.{digits}f} to {high:,.{digits}f})"
