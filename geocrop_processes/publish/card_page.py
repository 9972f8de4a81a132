"""A model's card as one page for people: nothing but itself is needed to read it, on a screen or on paper."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, StrictUndefined
from jinja2.exceptions import UndefinedError

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.card import ModelCard
from geocrop_processes.publish.charts import interval_bar, reliability_chart, season_chart
from geocrop_processes.publish.record import SIMULATED_NOTICE

_NONE: Mapping[str, str] = MappingProxyType({})


def card_page(card: ModelCard, version: str = "", checksums: Mapping[str, str] = _NONE) -> str:
    """The page, HTML with everything in it: no script, no address of anything else.

    The same arguments give the same page.

    Args:
        card: what is known of the model.
        version: in the registry; empty where it has none yet.
        checksums: SHA-256 of its files by path.

    Raises:
        UnusableModel: the card's assessments are not as `models.assessment` makes them.
    """
    try:
        return _render(card, version, checksums)
    except (KeyError, TypeError, ValueError, UndefinedError) as error:
        raise UnusableModel(f"The card of {card.name!r} cannot be shown: {error}.") from error


def _render(card: ModelCard, version: str, checksums: Mapping[str, str]) -> str:
    stated = card.assessments
    spatial = stated.get("spatial")
    rows = [
        (name, stated[key])
        for name, key in (("spatial blocks", "spatial"), ("random", "random"))
        if key in stated
    ]
    in_season = [
        (f"as of {day}", stated[f"spatial as of {day}"])
        for day in card.as_of
        if f"spatial as of {day}" in stated
    ]
    return _TEMPLATE.render(
        card=card,
        title=f"{card.name}@{version}" if version else card.name,
        checksums=dict(sorted(checksums.items())),
        notice=SIMULATED_NOTICE if card.simulated else None,
        total=sum(card.samples.values()),
        main=spatial,
        protocols=rows,
        in_season=in_season,
        gap=_gap(stated),
        season=season_chart(
            [(name, float(a["overall"]["value"])) for name, a in in_season]
            + ([("whole season", float(spatial["overall"]["value"]))] if spatial else [])
        )
        if in_season
        else None,
        reliability=reliability_chart(
            spatial["reliability"]["before"], spatial["reliability"]["after"]
        )
        if spatial
        else None,
    )


def _gap(stated: Mapping[str, Any]) -> float | None:
    """How much better the overall accuracy looks where neighbours are in training and test."""
    if not {"spatial", "random"} <= set(stated):
        return None
    return float(stated["random"]["overall"]["value"] - stated["spatial"]["overall"]["value"])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _within(figure: Mapping[str, float] | None) -> str:
    """A share with its 95 % confidence interval."""
    if figure is None:
        return "-"
    return (
        f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
    )


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}° {positive if value >= 0 else negative}"


def _strength(count: int, row: list[int]) -> str:
    """How strongly a cell of the confusion matrix is shaded, 0..1, by its share of the row."""
    return f"{count / max(sum(row), 1):.3f}"


_ENVIRONMENT = Environment(
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters.update(percent=_percent, within=_within, strength=_strength)
_ENVIRONMENT.globals.update(bar=interval_bar, degrees=_degrees)
_TEMPLATE = _ENVIRONMENT.from_string(
    Path(__file__).with_name("card_page.html").read_text(encoding="utf-8")
)
