"""From labels to samples, and from maps to what they are worth, on the command line."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from geocrop_processes.cli_files import by_hand, labels_of, read, write
from geocrop_processes.cli_place import (
    CatalogAddress,
    Lat,
    Lon,
    Radius,
    Year,
    seen_season,
    served,
)
from geocrop_processes.cli_text import AsJson, bar, out, print_json, print_places
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.legend import Legend
from geocrop_processes.errors import (
    InvalidLabels,
    UnusableModel,
)
from geocrop_processes.pipeline.features import extract_features
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.pipeline.samples import SampleRequest, extract_samples
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, result_key

LabelFile = Annotated[
    Path,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help="Labelled places: GeoJSON, CSV (lon, lat) or GeoPackage, with the columns class and season.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same.")]
OneSeason = Annotated[
    int | None, typer.Option(help="The season of labels that name none, by its first September.")
]


def sample_extraction(  # noqa: PLR0913 - each is an option of the command line
    labels: LabelFile,
    *,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", dir_okay=False, help="Where to copy the table to, besides the store."
        ),
    ] = None,
    season: OneSeason = None,
    as_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MM-DD",
            help="A date within the season to compute features of beside the whole season; once for each.",
        ),
    ] = None,
    per_field: Annotated[int, typer.Option(min=1, help="The most pixels of one polygon.")] = 20,
    seed: Seed = 1,
    legend: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The classes as JSON, a list as a model's card has it; made from the labels where none is given.",
        ),
    ] = None,
    catalog: CatalogAddress = None,
    as_json: AsJson = False,
) -> None:
    """Compute the 51 features of labelled pixels: a table to train models with.

    Labels are points, or polygons of which pixels are drawn. Every row that cannot be used is named. The table is
    Parquet; report.json says what became of each label, and which scenes were looked at.
    """
    settings = Settings.read()
    read = labels_of(labels, settings, season=season, legend=_legend(legend))
    storage = settings.open_storage()
    address = catalog or settings.catalog.url
    request = SampleRequest(
        read,
        address,
        per_field=per_field,
        seed=seed,
        as_of=tuple(as_of or ()),
        min_acquisitions=settings.map.min_acquisitions,
    )
    settings.warm_up()
    with bar(quiet=as_json) as progress, served(settings, address, progress) as url:
        made = extract_samples(
            by_hand(),
            request,
            find=settings.open_catalog(url).find,
            storage=storage,
            access=settings.access(),
            threads=settings.map.threads,
            progress=progress,
        )
    paths = dict(made.paths)
    if out_file is not None:
        write(out_file, storage.get(RESULTS, result_key(made.job_id, "samples.parquet")))
        paths["samples"] = str(out_file)
    if as_json:
        print_json({"report": made.report, "paths": paths})
        return
    _print_samples(made.report)
    print_places(paths)


def feature_extraction(  # noqa: PLR0913 - each is an argument of the command line
    lon: Lon,
    lat: Lat,
    radius: Radius,
    *,
    year: Year,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Use imagery up to this day only."),
    ] = None,
    catalog: CatalogAddress = None,
    as_json: AsJson = False,
) -> None:
    """Write the 51 features of a circle in one season as a raster.

    A Cloud Optimized GeoTIFF with a band for each feature, named as in docs/features.md, and a STAC item that names
    every source scene.
    """
    settings = Settings.read()
    aoi = Aoi(lon, lat, radius)
    aoi.check(settings.service_region(), settings.map.max_radius_m)
    season = seen_season(year, as_of)
    storage = settings.open_storage()
    address = catalog or settings.catalog.url
    request = Request(aoi, season, address, settings.map.block_px, settings.map.min_acquisitions)
    settings.warm_up()
    with bar(quiet=as_json) as progress, served(settings, address, progress) as url:
        made = extract_features(
            by_hand(),
            request,
            find=settings.open_catalog(url).find,
            storage=storage,
            access=settings.access(),
            threads=settings.map.threads,
            progress=progress,
        )
    if as_json:
        checksums = {file.key: file.sha256 for file in made.files}
        print_json({"job_id": made.job_id, "paths": made.paths, "checksums_sha256": checksums})
    else:
        print_places(made.paths)


def _legend(path: Path | None) -> Legend | None:
    if path is None:
        return None
    try:
        return Legend.from_json(json.loads(read(path)))
    except (ValueError, UnusableModel) as error:
        raise InvalidLabels(f"The legend {path} cannot be read: {error}") from error


def _print_samples(report: Mapping[str, Any]) -> None:
    if report["notice"]:
        out.print(f"[yellow]{escape(report['notice'])}[/]")
    table = Table("class", "samples", box=None, pad_edge=False)
    for row in report["classes"]:
        table.add_row(escape(row["name"]), str(row["samples"]))
    out.print(table)
    out.print(
        f"{report['samples']} samples of {report['labels']['count']} labels, at {len(report['sites'])} sites"
    )
    for reason, count in report["labels_left_out_by_reason"].items():
        out.print(escape(f"  {count} left out: {reason}"), highlight=False)
