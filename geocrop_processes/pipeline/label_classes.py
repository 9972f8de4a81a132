"""The classes of labels: found in a legend, or a legend made of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geocrop_processes.domain.legend import NOT_CROPLAND, CropClass, Legend
from geocrop_processes.domain.palette import colour
from geocrop_processes.errors import InvalidLabels, UnusableModel

_YES, _NO = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")
_CODES = {str(code) for code in range(1, 255)}
_LONGEST = 100
"""Characters of a class's name."""


@dataclass(frozen=True)
class Classes:
    """What labels call their classes, and the codes that these have."""

    legend: Legend
    """The classes."""
    codes: Mapping[str, int]
    """By the class's name or code as `_key` writes it."""

    @classmethod
    def of(
        cls, rows: Sequence[Mapping[str, str]], legend: Legend | None, *, open_legend: bool
    ) -> "Classes":
        """Find the classes of labels in a legend, or make one.

        Args:
            rows: the labels' columns as text.
            legend: where the classes are looked up; made where there is none.
            open_legend: whether classes that it lacks are added.

        Raises:
            InvalidLabels: there are more classes than a legend can have.
        """
        given = legend.classes if legend else ()
        known = {_key(c.name): c.code for c in given}
        known |= {str(c.code): c.code for c in given if str(c.code) not in known}
        if legend is not None and not open_legend:
            return cls(legend, known)
        spellings: dict[str, Counter[str]] = {}
        for row in rows:
            name = " ".join(row.get("class", "").split())
            if name and _usable(name) and _key(name) not in known:
                spellings.setdefault(_key(name), Counter())[name] += 1
        numbers = not given and all(k in _CODES for k in spellings)
        first = max((c.code for c in given), default=0) + 1
        wanted = _told(rows)
        added = []
        for n, key in enumerate(sorted(spellings, key=int if numbers else str)):
            code = int(key) if numbers else first + n
            name = f"class {code}" if numbers else _usual(spellings[key])
            known[key] = code
            shown, cropland = wanted.get(key, ("", True))
            added.append(CropClass(code, name, shown or colour(len(given) + n), cropland=cropland))
        return cls(_legend((*given, *added)), known)

    def code(self, values: Mapping[str, str]) -> int:
        """The code of a label's class.

        Raises:
            ValueError: it has none, or none of the legend; or its colour or `cropland` is none. A phrase that follows
                "Row 3: ".
        """
        name = " ".join(values.get("class", "").split())
        if not name:
            raise ValueError("the class is missing")
        if len(name) > _LONGEST:
            raise ValueError(
                f"the class has {len(name)} characters; at most {_LONGEST} are accepted"
            )
        if not _usable(name):
            raise ValueError(f"the class {name!r} has characters that cannot be shown")
        if _key(name) not in self.codes:
            names = ", ".join(c.name for c in self.legend)
            raise ValueError(f"the class {name!r} is unknown; known are: {names}")
        if _key(name) == _key(NOT_CROPLAND) and NOT_CROPLAND not in {c.name for c in self.legend}:
            raise ValueError(f"the class {NOT_CROPLAND!r} is that of a mask")
        shown, crop = _colour(values), values.get("cropland", "").lower()
        if shown and not _is_colour(shown):
            raise ValueError(f"the colour {shown[:40]!r} is none such as '#ffd300'")
        if crop and crop not in (*_YES, *_NO):
            raise ValueError(f"cropland is {crop[:40]!r}; allowed are true and false")
        return self.codes[_key(name)]


def _told(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, bool]]:
    """What labels say of their classes: colour ("" where none can be used) and whether it is a crop; the first counts."""
    colours: dict[str, str] = {}
    crops: dict[str, bool] = {}
    for row in rows:
        key = _key(row.get("class", ""))
        if _is_colour(_colour(row)):
            colours.setdefault(key, _colour(row))
        if row.get("cropland"):
            crops.setdefault(key, row["cropland"].lower() in _YES)
    return {key: (colours.get(key, ""), crops.get(key, True)) for key in {*colours, *crops}}


def _colour(values: Mapping[str, str]) -> str:
    return (values.get("colour", "") or values.get("color", "")).lower()


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(c in "0123456789abcdef" for c in text[1:])


def _usable(name: str) -> bool:
    return len(name) <= _LONGEST and name.isprintable()


def _usual(spellings: Counter[str]) -> str:
    """The spelling that is used most, the first by the alphabet of those used equally."""
    return min(spellings, key=lambda name: (-spellings[name], name))


def _key(name: str) -> str:
    """What names of one class have in common: upper case and blanks do not count."""
    return " ".join(name.split()).casefold()


def _legend(classes: tuple[CropClass, ...]) -> Legend:
    try:
        return Legend(classes)
    except UnusableModel as error:
        if not classes:
            raise InvalidLabels("No label has a class.") from error
        raise InvalidLabels(
            f"The labels' {len(classes)} classes make no legend: {error}"
        ) from error
