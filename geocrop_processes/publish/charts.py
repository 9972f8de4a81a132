"""Small charts as SVG within a page: their colours come from the page, their words can be read aloud."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

_SIDE, _LEFT, _TOP, _BARS = 260, 46, 10, 46
"""Pixels: the side of the plot, what is left for its axis, above it, and the height of the bars below it."""


def interval_bar(figure: Mapping[str, float] | None) -> Markup:
    """A share with its 95 % confidence interval, as a bar with a whisker; nothing where there is no figure.

    Args:
        figure: `value`, `low` and `high`, 0..1.
    """
    if figure is None:
        return Markup("")
    low, value, high = (100 * float(figure[key]) for key in ("low", "value", "high"))
    return Markup(  # noqa: S704 - numbers, and words of our own or escaped
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="12"/>'
        f'<rect class="fill" width="{value:.2f}" height="12"/>'
        f'<rect class="whisker" x="{low:.2f}" y="5" width="{max(high - low, 0.4):.2f}" height="2"/></svg>'
    )


def reliability_chart(before: Mapping[str, Any], after: Mapping[str, Any]) -> Markup:
    """What probabilities promised and what was kept, before and after calibration.

    Args:
        before: `promised` and `kept` by bin, None where a bin is empty, and `samples`.
        after: likewise.
    """
    lines = "".join(
        _line(_points(curve), kind) for kind, curve in (("before", before), ("after", after))
    )
    ticks = "".join(_tick(share / 4) for share in range(5))
    bottom = _TOP + _SIDE
    words = (
        "Reliability: for each level of the highest probability, the share of samples that were right. "
        "On the diagonal probabilities mean what they say."
    )
    return Markup(  # noqa: S704 - numbers, and words of our own or escaped
        f'<svg class="chart" viewBox="0 0 {_LEFT + _SIDE + 14} {bottom + _BARS + 62}" role="img">'
        f"<title>{words}</title>"
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>{ticks}'
        f'<line class="diagonal" x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _SIDE}" y2="{_TOP}"/>{lines}'
        f'<text x="{_LEFT + _SIDE / 2}" y="{bottom + 34}" text-anchor="middle">probability of the class mapped</text>'
        f'<text transform="translate(12 {_TOP + _SIDE / 2}) rotate(-90)" text-anchor="middle">share that was right</text>'
        f'<g transform="translate({_LEFT} {bottom + 42})">{_histogram(after["samples"])}'
        f'<text x="{_SIDE / 2}" y="{_BARS + 14}" text-anchor="middle">samples at each level</text></g></svg>'
    )


def season_chart(points: Sequence[tuple[str, float]]) -> Markup:
    """Overall accuracy through the season.

    Args:
        points: of each date and last of the whole season, its name and the accuracy, 0..1.
    """
    width, height, step = 90 * len(points), 170, 90
    at = [(45 + i * step, 20 + (1 - value) * (height - 60)) for i, (_, value) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    marks = "".join(
        f'<circle class="after" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{100 * value:.1f} %</text>'
        f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{escape(name)}</text>'
        for (x, y), (name, value) in zip(at, points, strict=True)
    )
    return Markup(  # noqa: S704 - numbers, and words of our own or escaped
        f'<svg class="chart" style="max-width: {width}px" viewBox="0 0 {width} {height}" role="img"><title>Overall accuracy by as-of date.</title>'
        f'<line class="frame" x1="20" y1="{height - 34}" x2="{width - 20}" y2="{height - 34}"/>'
        f'<polyline class="line after" points="{path}"/>{marks}</svg>'
    )


def _points(curve: Mapping[str, Any]) -> list[tuple[float, float]]:
    pairs = zip(curve["promised"], curve["kept"], strict=True)
    return [
        (_LEFT + float(p) * _SIDE, _TOP + (1 - float(k)) * _SIDE) for p, k in pairs if p is not None
    ]


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    # two shapes of marks: colour alone says nothing to many
    size = 6
    marks = "".join(
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size / 2 + 0.5}"/>'
        if kind == "after"
        else f'<rect class="{kind}" x="{x - size / 2:.1f}" y="{y - size / 2:.1f}" width="{size}" height="{size}"/>'
        for x, y in points
    )
    return f'<polyline class="line {kind}" points="{path}"/>{marks}'


def _tick(share: float) -> str:
    x, y = _LEFT + share * _SIDE, _TOP + (1 - share) * _SIDE
    return (
        f'<text x="{x:.1f}" y="{_TOP + _SIDE + 16}" text-anchor="middle">{share:g}</text>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>'
    )


def _histogram(samples: Sequence[int]) -> str:
    most, wide = max([*samples, 1]), _SIDE / len(samples)
    return "".join(
        f'<rect class="count" x="{i * wide + 1:.1f}" y="{_BARS * (1 - n / most):.1f}" '
        f'width="{wide - 2:.1f}" height="{_BARS * n / most:.1f}"/>'
        for i, n in enumerate(samples)
    )
