"""Crop classes: code, name, colour. A legend is data of a model; 0 is always no data."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from geocrop_processes.errors import UnusableModel

NO_DATA = 0
"""The class code of pixels that have no class: outside the AOI, or never seen clearly enough."""

NOT_CROPLAND = "not cropland (baseline)"
"""The name of what a mask puts in the place of crops where a land-cover baseline shows none."""
_NOT_CROPLAND_COLOUR = "#e8dcc8"
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class CropClass:
    """One class of a legend."""

    code: int
    """1..254; the pixel value in the class map."""
    name: str
    """What people call it, in English."""
    colour: str
    """`#rrggbb`, lower case."""
    worldcereal: int | None = None
    """The ten-digit code of the WorldCereal (EWoC) legend, where it has this class."""
    cropland: bool = False
    """Whether the class is a crop in the sense of a cropland mask."""

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, 0..255 each."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


@dataclass(frozen=True)
class Legend:
    """The classes of a model, in the order of their codes.

    Raises:
        UnusableModel: a code is outside 1..254 or used twice, a name is empty, used twice or holds characters
            that cannot be shown, or a colour is not `#rrggbb`.
    """

    classes: tuple[CropClass, ...]
    """At least one class; ascending codes."""

    def __post_init__(self) -> None:
        codes = [c.code for c in self.classes]
        if not codes or codes != sorted(set(codes)) or not 1 <= codes[0] <= codes[-1] <= 254:
            raise UnusableModel(f"A legend needs ascending, unique codes in 1..254, not {codes}.")
        names = [c.name for c in self.classes]
        if len(set(names)) < len(names) or not all(names):
            raise UnusableModel(f"A legend needs unique class names, not {names}.")
        for c in self.classes:
            if not c.name.isprintable():
                raise UnusableModel(
                    f"Class {c.name!r} has characters that cannot be shown; a name has none of them."
                )
            if not _COLOUR.fullmatch(c.colour):
                raise UnusableModel(f"Class {c.name!r} has the colour {c.colour!r}, not '#rrggbb'.")

    def __iter__(self) -> Iterator[CropClass]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def codes(self) -> tuple[int, ...]:
        """The class codes, ascending."""
        return tuple(c.code for c in self.classes)

    @property
    def cropland(self) -> tuple[int, ...]:
        """The codes of the classes that are crops, ascending."""
        return tuple(c.code for c in self.classes if c.cropland)

    def masked(self) -> "Legend":
        """The legend of a map that a cropland mask was laid on: one class more, above the highest code.

        Raises:
            UnusableModel: there is no code above the highest, or a class has the new one's name.
        """
        code = self.codes[-1] + 1
        return Legend((*self.classes, CropClass(code, NOT_CROPLAND, _NOT_CROPLAND_COLOUR)))

    def name_of(self, code: int) -> str:
        """The class's name; `KeyError` where the legend has no such code."""
        return {c.code: c.name for c in self.classes}[code]

    def to_json(self) -> list[dict[str, Any]]:
        """The legend as JSON values, for a model card or a STAC item."""
        return [asdict(c) for c in self.classes]

    @classmethod
    def from_json(cls, values: list[dict[str, Any]]) -> "Legend":
        """The inverse of `to_json`; characters of a name that cannot be shown become U+FFFD.

        Such names are refused of new legends, and are in what earlier versions have kept.

        Raises:
            UnusableModel: a class lacks a member, has an unknown one, or breaks a legend's rules.
        """
        try:
            classes = [CropClass(**v) for v in values]
            return cls(tuple(replace(c, name=shown(c.name)) for c in classes))
        except TypeError as error:
            raise UnusableModel(f"A class of the legend cannot be read: {error}.") from error


def shown(name: str) -> str:
    """A name with U+FFFD, which stands for what is unknown, in the place of each character that cannot be shown.

    Control characters are no text of XML, which styles are written in.
    """
    return "".join(each if each.isprintable() else "\ufffd" for each in name)
