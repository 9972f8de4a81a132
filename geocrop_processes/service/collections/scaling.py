"""How many pixels an answer shall have: `scale-size`, `scale-factor`, `scale-axes`, `width`, `height`, `resolution`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from geocrop_processes.service.collections.crs import RIGHT, UP, PixelGrid
from geocrop_processes.service.problems import invalid

_NUMBER = re.compile(
    r"\s*[+-]?(?:\d{1,20}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?\s*", re.ASCII
)
_PAIR = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]{0,39})\s*\(([^()]*)\)\s*(,|$)", re.ASCII)
_GROUPS = (
    ("scale-size",),
    # of earlier drafts; GDAL's driver asks by it
    ("scaleSize",),
    ("scale-factor",),
    ("scale-axes",),
    ("resolution",),
    ("width", "height"),
)
MOST = 10**9
"""More pixels than this along an axis are no number of pixels."""


@dataclass(frozen=True)
class Scaling:
    """A wish, for the axis to the right and the one upwards; None leaves the axis as it is."""

    kind: str
    """`size` in pixels, `factor` by which pixels become fewer, or `resolution` in units of the axes."""
    right: float | None
    """Along the axis to the right."""
    up: float | None
    """Along the axis upwards."""

    def applied(self, grid: PixelGrid) -> PixelGrid:
        """The grid with so many pixels; its sides stay, but for a resolution that does not divide them."""
        x, y = (
            self._along(self.right, grid.width, grid.x_step),
            self._along(self.up, grid.height, grid.y_step),
        )
        return replace(grid, width=x[0], x_step=x[1], height=y[0], y_step=y[1])

    def _along(self, wish: float | None, pixels: int, step: float) -> tuple[int, float]:
        """Pixels and the side of one."""
        if wish is None:
            return pixels, step
        if self.kind == "resolution":
            return min(MOST, max(1, math.ceil(pixels * step / wish - 1e-6))), wish
        count = wish if self.kind == "size" else pixels / wish
        whole = min(MOST, max(1, round(count)))
        return whole, pixels * step / whole


def scaling_of(query: QueryParams) -> Scaling | None:
    """Read the wish; None where there is none.

    Raises:
        Problem: a value is not allowed, or two of the parameters are given (400).
    """
    given = [[name for name in group if name in query] for group in _GROUPS]
    named = [name for names in given for name in names]
    if sum(map(bool, given)) > 1:
        raise invalid(f"The parameters {' and '.join(map(repr, named))} exclude each other.")
    if not named:
        return None
    name, text = named[0], query[named[0]]
    if name == "scale-factor":
        factor = _above_zero(name, text)
        return Scaling("factor", factor, factor)
    if name in {"width", "height"}:
        sizes = {n: _pixels(n, query[n]) for n in named}
        return Scaling("size", sizes.get("width"), sizes.get("height"))
    if name == "resolution" and not text.strip():
        return None
    kinds = {"scale-size": "size", "scaleSize": "size", "scale-axes": "factor"}
    kind = kinds.get(name, "resolution")
    return _by_axis(name, kind, text)


def _by_axis(name: str, kind: str, text: str) -> Scaling:
    wish = Scaling(kind, None, None)
    for axis, content in pairs(name, text):
        if kind == "resolution" and not content.strip():
            continue
        value = _pixels(name, content) if kind == "size" else _above_zero(name, content)
        if axis.lower() in RIGHT and wish.right is None:
            wish = replace(wish, right=value)
        elif axis.lower() in UP and wish.up is None:
            wish = replace(wish, up=value)
        else:
            raise invalid(
                f"The parameter {name!r} names the axis {axis!r}: allowed are E and N, or Lon and Lat, once each."
            )
    return wish


def pairs(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Axes with what stands in their parentheses, of a list such as `E(1:2),N(3)`.

    Raises:
        Problem: it is no such list (400).
    """
    place = 0
    while place < len(text) or not text:
        match = _PAIR.match(text, place)
        if match is None or (match[3] == "," and match.end() == len(text)):
            raise invalid(
                f"The parameter {name!r} is {text[:120]!r}: allowed are axes with values in parentheses, "
                "such as E(300000:310000),N(8080000:8090000)."
            )
        yield match[1], match[2]
        place = match.end()


def number(name: str, text: str) -> float:
    """A number that is one.

    Raises:
        Problem: it is none (400).
    """
    if not _NUMBER.fullmatch(text):
        raise invalid(f"The parameter {name!r} has {text[:60]!r} where a number is needed.")
    return float(text)


def _above_zero(name: str, text: str) -> float:
    value = number(name, text)
    if value <= 0:
        raise invalid(f"The parameter {name!r} has {text[:60]!r} where a number above 0 is needed.")
    return value


def _pixels(name: str, text: str) -> float:
    value = number(name, text)
    if not 1 <= value <= MOST or value != int(value):
        raise invalid(
            f"The parameter {name!r} has {text[:60]!r} where a whole number from 1 to {MOST} is needed."
        )
    return value
