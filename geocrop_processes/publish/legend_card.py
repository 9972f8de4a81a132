"""The panel of a quicklook that says what its colours mean, and how far the map can be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from geocrop_processes.domain.grid import PIXEL_HA
from geocrop_processes.publish.record import MapRecord

WIDTH = 344
"""The card's width in pixels; its height follows from what it says."""
_PADDING = 22
_LINE = 27
"""The height of a legend's line."""
_MOST_LINES = 16
"""More classes than these are summed up in a last line."""
_PAPER, _EDGE, _INK, _FAINT, _WARNING = "#ffffff", "#cbd2d9", "#1f2933", "#616e7c", "#b42318"
_WRAPPED = 19
"""From one line of a long name to the next."""
_BAR_PIXELS = 130
"""The longest scale bar."""
_BAR_METRES = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""The lengths that a scale bar can have."""
_TITLE, _TEXT, _SMALL = 26, 16, 13
"""Sizes of letters in pixels."""


@dataclass(frozen=True)
class _Line:
    colour: str
    name: str
    pixels: int


@dataclass
class _Pen:
    """Writes line under line; draws only where it has something to draw on, so that it can measure first."""

    draw: ImageDraw.ImageDraw
    y: int = _PADDING

    def text(self, text: str, size: int, colour: str) -> None:
        font = ImageFont.load_default(size)
        for line in _wrap(text, font, WIDTH - 2 * _PADDING):
            self.draw.text((_PADDING, self.y), line, fill=colour, font=font)
            self.y += round(size * 1.35)

    def rule(self) -> None:
        self.y += 8
        self.draw.line((_PADDING, self.y, WIDTH - _PADDING, self.y), fill=_EDGE)
        self.y += 12

    def entry(self, line: _Line, mapped: int) -> None:
        font, small = ImageFont.load_default(_TEXT), ImageFont.load_default(_SMALL)
        box = (_PADDING, self.y + 3, _PADDING + 18, self.y + 19)
        self.draw.rounded_rectangle(box, radius=3, fill=line.colour, outline=_FAINT)
        right = WIDTH - _PADDING
        share = f"{100 * line.pixels / mapped:.1f} %" if mapped else ""
        self.draw.text((right, self.y + 4), share, fill=_FAINT, font=small, anchor="ra")
        area, left = f"{line.pixels * PIXEL_HA:,.1f} ha", _PADDING + 28
        self.draw.text((right - 56, self.y + 4), area, fill=_INK, font=small, anchor="ra")
        room = right - 56 - small.getlength(area) - 8 - left
        for index, words in enumerate(_wrap(line.name, font, room)):
            self.y += _WRAPPED if index else 0
            self.draw.text((left, self.y + 1), words, fill=_INK, font=font)
        self.y += _LINE

    def scale_bar(self, metres: int, pixels: int) -> None:
        y = self.y + 10
        self.draw.line((_PADDING, y, _PADDING + pixels, y), fill=_INK, width=3)
        for x in (_PADDING, _PADDING + pixels):
            self.draw.line((x, y - 5, x, y + 5), fill=_INK, width=2)
        label = f"{metres:,} m" if metres < 1000 else f"{metres // 1000:,} km"
        font = ImageFont.load_default(_SMALL)
        self.draw.text((_PADDING + pixels + 10, y), label, fill=_INK, font=font, anchor="lm")
        self.y += 28


def draw_card(record: MapRecord, unmapped: str, pixels_per_metre: float) -> Image.Image:
    """Draw the card: title, place, classes present by area, scale, model, and the notice if there is one.

    Args:
        record: what is known of the map.
        unmapped: the colour of pixels without a class, `#rrggbb`.
        pixels_per_metre: the scale of the map beside it.
    """
    scratch = Image.new("RGBA", (WIDTH, 4096))
    draw = ImageDraw.Draw(scratch)
    height = _write(_Pen(draw), record, unmapped, pixels_per_metre) + _PADDING
    card = Image.new("RGBA", (WIDTH, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(card)
    draw.rounded_rectangle((0, 0, WIDTH - 1, height - 1), radius=12, fill=_PAPER, outline=_EDGE)
    _write(_Pen(draw), record, unmapped, pixels_per_metre)
    return card


def _write(pen: _Pen, record: MapRecord, unmapped: str, pixels_per_metre: float) -> int:
    """Write everything; gives the height that it took."""
    season, aoi, tally = record.season, record.aoi, record.tally
    pen.text(f"Crop map {season.year}/{(season.year + 1) % 100:02d}", _TITLE, _INK)
    pen.y += 2
    pen.text(f"{record.place}, radius {aoi.radius_m / 1000:g} km", _SMALL, _FAINT)
    pen.text(f"{season.start} {'as of' if record.as_of else 'to'} {season.end}", _SMALL, _FAINT)
    pen.rule()
    for line in _lines(record):
        pen.entry(line, tally.mapped)
    if tally.inside > tally.mapped:
        pen.entry(_Line(unmapped, "no class", tally.inside - tally.mapped), 0)
    pen.rule()
    metres = _bar_metres(pixels_per_metre)
    pen.scale_bar(metres, round(metres * pixels_per_metre))
    pen.text(f"Model {record.model}, {len(record.scenes)} scenes", _SMALL, _FAINT)
    if not record.simulated:
        # what the Copernicus licence asks of whoever shows what was made from Sentinel data
        pen.text("Contains modified Copernicus Sentinel data", _SMALL, _FAINT)
    if record.notice:
        pen.y += 6
        pen.text(record.notice, _TEXT, _WARNING)
    return pen.y


def _lines(record: MapRecord) -> list[_Line]:
    """The classes present, largest first; the smallest of too many as one line."""
    counts = [_Line(c.colour, c.name, record.tally.pixels[c.code]) for c in record.legend]
    present = sorted((line for line in counts if line.pixels), key=lambda line: -line.pixels)
    if len(present) <= _MOST_LINES:
        return present
    rest = present[_MOST_LINES - 1 :]
    more = _Line(_PAPER, f"{len(rest)} more classes", sum(line.pixels for line in rest))
    return [*present[: _MOST_LINES - 1], more]


def _bar_metres(pixels_per_metre: float) -> int:
    """The longest round length that the bar has room for."""
    fitting = [metres for metres in _BAR_METRES if metres * pixels_per_metre <= _BAR_PIXELS]
    return max(fitting, default=_BAR_METRES[0])


def _wrap(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float
) -> Iterator[str]:
    """Break a text into lines of at most `width` pixels; a longer word has a line of its own."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            line = word
        else:
            line = longer
    yield line
