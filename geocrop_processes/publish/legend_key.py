"""The classes of a legend as a small picture: a square of the colour, and the name beside it."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from geocrop_processes.domain.legend import Legend

_LINE, _SQUARE, _MARGIN, _TEXT = 26, 16, 10, 15
"""Pixels: from line to line, the side of a square, around it all, the height of letters."""
_INK, _EDGE = "#1f2933", "#9aa5b1"
_LONGEST = 60
"""Letters of a name that are shown."""


def write_key(legend: Legend) -> bytes:
    """A PNG on white, as wide as the longest name needs."""
    font = ImageFont.load_default(_TEXT)
    names = [(c.colour, _shown(c.name)) for c in legend]
    widest = max(font.getlength(name) for _colour, name in names)
    size = (round(3 * _MARGIN + _SQUARE + widest), 2 * _MARGIN + _LINE * len(names))
    image = Image.new("RGB", size, "#ffffff")
    draw = ImageDraw.Draw(image)
    for row, (colour, name) in enumerate(names):
        top = _MARGIN + row * _LINE + (_LINE - _SQUARE) // 2
        box = (_MARGIN, top, _MARGIN + _SQUARE, top + _SQUARE)
        draw.rectangle(box, fill=colour, outline=_EDGE)
        place = (2 * _MARGIN + _SQUARE, top + _SQUARE / 2)
        draw.text(place, name, fill=_INK, font=font, anchor="lm")
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _shown(name: str) -> str:
    """A name on one line that ends."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
