"""`geocrop`: maps from the command line.

Exit codes: 0 done; 1 no map can be made, one sentence says why; 2 the request must be changed.
"""

import sys
from datetime import datetime
from typing import Annotated, Literal, NoReturn

import typer
from rich.markup import escape
from typer.exceptions import TyperException

from geocrop_processes import (
    cli_accuracy,
    cli_database,
    cli_doctor,
    cli_learning,
    cli_models,
    cli_service,
    cli_storage,
)
from geocrop_processes.cli_files import by_hand
from geocrop_processes.cli_place import CatalogAddress, Lat, Lon, Radius, Year, seen_season, served
from geocrop_processes.cli_text import AsJson, bar, err, print_json, print_product
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.errors import GeoCropError, InvalidRequest
from geocrop_processes.pipeline.classify import classify as make_map
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.settings import Settings

app = typer.Typer(
    help="Crop-type maps of Zimbabwe from Sentinel-2: a place and a season in, a published map out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(cli_service.demo)
app.command()(cli_service.serve)
app.command()(cli_doctor.doctor)
app.command("sample-extraction")(cli_learning.sample_extraction)
app.command("feature-extraction", context_settings={"ignore_unknown_options": True})(
    cli_learning.feature_extraction
)
app.command("model-training")(cli_models.model_training)
app.command("accuracy-assessment")(cli_accuracy.accuracy_assessment)
app.command("sample-design")(cli_accuracy.sample_design)
app.command("simulated-labels", hidden=True)(cli_accuracy.simulated_labels)
app.add_typer(cli_service.jobs, name="jobs")
app.add_typer(cli_service.catalog, name="catalog")
app.add_typer(cli_storage.storage, name="storage")
app.add_typer(cli_database.database, name="database")
app.add_typer(cli_models.models, name="models")


@app.command(
    # latitudes of the south start with a minus, as options do
    context_settings={"ignore_unknown_options": True},
    epilog="Example: geocrop classify 30.20 -17.36 1500 --year 2022",
)
def classify(  # noqa: PLR0913 - each is an argument of the command line
    lon: Lon,
    lat: Lat,
    radius: Radius,
    *,
    year: Year,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="For a map within a season: only dekads (thirds of months) that have ended by this day "
            "count. The model must have been trained for the date.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A registered model: name, name@version or name@alias. `geocrop models` lists them."
        ),
    ] = None,
    catalog: CatalogAddress = None,
    mask: Annotated[
        Literal["none", "cropland"],
        typer.Option(
            help="'cropland' takes off crops where the season's Dynamic World baseline shows none."
        ),
    ] = "none",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each class too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Map the crops of a circle in one season.

    Finds the Sentinel-2 scenes, masks clouds, computes 51 features of each pixel, lets the model vote, and
    writes the map as Cloud Optimized GeoTIFF with its confidence, figures, a picture and a STAC item.
    """
    settings = Settings.read()
    aoi = Aoi(lon, lat, radius)
    aoi.check(settings.service_region(), settings.map.max_radius_m)
    season = seen_season(year, as_of)
    storage = settings.open_storage()
    chosen = settings.open_registry(storage).load(model or settings.map.model, season.as_of_day)
    address = catalog or settings.catalog.url
    request = Request(
        aoi,
        season,
        address,
        settings.map.block_px,
        settings.map.min_acquisitions,
        mask,
        settings.cache.features,
        probabilities,
    )
    settings.warm_up()
    with bar(quiet=as_json) as progress, served(settings, address, progress) as url:
        product = make_map(
            by_hand(),
            request,
            chosen,
            find=settings.open_catalog(url).find,
            storage=storage,
            access=settings.access(),
            threads=settings.map.threads,
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "summary": product.summary,
                "paths": product.paths,
                "checksums_sha256": product.checksums,
            }
        )
    else:
        print_product(product)


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


if __name__ == "__main__":
    main()
