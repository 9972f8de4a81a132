"""What commands about a place have in common: the circle, the season, and where scenes are searched."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated

import typer

from geocrop_processes.domain.progress import Progress
from geocrop_processes.domain.season import Season
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.demonstration import ARCHIVE, prepare_archive

Lon = Annotated[
    float, typer.Argument(help="Longitude of the centre in degrees east; it comes first.")
]
Lat = Annotated[
    float, typer.Argument(help="Latitude of the centre in degrees north: negative in Zimbabwe.")
]
Radius = Annotated[float, typer.Argument(help="Radius of the circle in metres, at least 100.")]
Year = Annotated[
    int,
    typer.Option(help="The season by its first September: 2022 is 2022-09-01 to 2023-05-31."),
]
CatalogAddress = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        help=f"The STAC API to search, or '{ARCHIVE}'; else the setting GEOCROP_CATALOG__URL.",
    ),
]


@contextmanager
def served(settings: Settings, address: str, progress: Progress) -> Iterator[str]:
    """Where to search; the simulated archive is built and served while it is needed."""
    if address != ARCHIVE:
        yield address
        return
    with serve(prepare_archive(settings.data, settings.catalog.collection, progress)) as url:
        yield url


def seen_season(year: int, as_of: datetime | None) -> Season:
    """The season that was asked for.

    Raises:
        InvalidSeason: there is none such, or what counts of it is still to come.
    """
    season = Season(year, as_of.date() if as_of else None)
    season.check_seen(date.today())  # noqa: DTZ011 - the day where the person is
    return season
