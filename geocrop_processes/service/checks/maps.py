"""The inputs of a map, and of a raster of features: a place and a season."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import InvalidSeason, UnknownAsOf
from geocrop_processes.service.checks.desk import Desk, refusing, today


def check(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """Those of a map, each accepted by the domain; the model is named with its version."""
    values = check_place_and_season(values, desk)
    as_of = _season(values).as_of_day
    asked = values.get("model", desk.settings.map.model)
    with refusing("model", {UnknownAsOf: "as_of"}):
        model = desk.resolve(asked, as_of)
    return values | {"model": model}


def check_place_and_season(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """The place and the season, accepted by the domain."""
    with refusing("aoi"):
        place = Aoi(*_floats(values["aoi"]))
        place.check(desk.settings.service_region(), desk.settings.map.max_radius_m)
    with refusing("year"):
        check_year(values["year"])
    with refusing("as_of" if "as_of" in values else "year"):
        _season(values).check_seen(today())
    return values | {"aoi": [place.lon, place.lat, place.radius_m]}


def check_year(year: int) -> None:
    """Accept a season, or say why not.

    Raises:
        InvalidSeason: there is none, or it has not begun.
    """
    Season(year).check_begun(today())


def _floats(numbers: list[Any]) -> list[float]:
    """Numbers as floats: JSON's whole numbers have no end, and become infinite here."""
    return [float(v) if abs(v) < 1e300 else math.inf for v in numbers]


def _season(values: Mapping[str, Any]) -> Season:
    """The season that is asked for.

    Raises:
        InvalidSeason: the as-of date is none, lies outside the season or is too early.
    """
    as_of = values.get("as_of")
    return Season(values["year"], None if as_of is None else _day(as_of))


def _day(text: str) -> date:
    """A date of the one form that is asked for; Python knows more of them."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise InvalidSeason(f"The as-of date {text!r} is no date of the form YYYY-MM-DD.")
    return day
