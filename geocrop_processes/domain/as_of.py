"""As-of dates: a day of any season, "MM-DD", up to which a map within a season sees.

A series has 27 dekads: days 1-10, 11-20 and the rest of each month from September to May. Only those that have
ended by the as-of date count, the day itself included: by "01-31" fifteen have, by "02-05" the same fifteen.
The third dekad of February ends on the 28th, so that a date means the same dekads in every season, and 29
February is no as-of date: most seasons lack it.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date

from geocrop_processes.errors import InvalidSeason

MIN_DEKADS = 6
"""A pixel with fewer valid dekads has no features: too little is seen for a season's course."""
DEKADS = 27
"""Those of a whole season."""
WHOLE = ""
"""Stands for no as-of date: the whole season counts."""

_FORM = re.compile(r"[0-9]{2}-[0-9]{2}")
_OPENS_WITH, _CLOSES_WITH = 9, 5
_COMMON_YEAR = 2001
"""Any year without 29 February, with those around it."""
_LEAST, _LAST = "10-31", "05-31"
"""The days that end the sixth and the last dekad."""


def dekads_by(day: date) -> int:
    """How many dekads of its season have ended by the evening of a day from September to May: 0 to 27."""
    month = (day.month - _OPENS_WITH) % 12
    _, last = monthrange(_COMMON_YEAR, day.month)
    ended = 3 if day.day >= last else min(day.day // 10, 2)
    return 3 * month + ended


def check_as_of(as_of: str) -> None:
    """Accept an as-of date, "MM-DD".

    Raises:
        InvalidSeason: it is no day of a season, is 29 February, or so early that nothing can be told.
    """
    if not _FORM.fullmatch(as_of):
        raise InvalidSeason(
            f"An as-of date has the form MM-DD, such as 01-31, unlike {as_of[:40]!r}."
        )
    try:
        # a leap year, so that 29 February is told for what it is
        day = date(2000, *map(int, as_of.split("-")))
    except ValueError:
        raise InvalidSeason(f"There is no day {as_of} that an as-of date could be.") from None
    if _CLOSES_WITH < day.month < _OPENS_WITH:
        raise InvalidSeason(f"The as-of date {as_of} lies outside every season, 09-01 to {_LAST}.")
    check_day(day)


def check_day(day: date) -> None:
    """Accept a day of a season as its as-of date.

    Raises:
        InvalidSeason: it is 29 February, or so early that nothing can be told.
    """
    if (day.month, day.day) == (2, 29):
        raise InvalidSeason(
            "The as-of date 29 February is a day that most seasons lack: 02-28 counts the same dekads."
        )
    if dekads_by(day) < MIN_DEKADS:
        raise InvalidSeason(
            f"The as-of date {name_of(day)} is too early: a map needs {MIN_DEKADS} dekads (thirds of a month), "
            f"so {_LEAST} is the first that can be asked for."
        )


def name_of(day: date) -> str:
    """A day as "MM-DD"."""
    return f"{day.month:02}-{day.day:02}"


def day_of(as_of: str, year: int) -> date:
    """The as-of date in the season that starts in September of `year`.

    Raises:
        InvalidSeason: as `check_as_of` says.
    """
    check_as_of(as_of)
    month, day = map(int, as_of.split("-"))
    return date(year + (month < _OPENS_WITH), month, day)


def dekads_of_as_of(as_of: str) -> int:
    """How many dekads count: 6 to 26, and all 27 of the whole season (`WHOLE`, or its last day).

    Raises:
        InvalidSeason: as `check_as_of` says.
    """
    return DEKADS if as_of == WHOLE else dekads_by(day_of(as_of, _COMMON_YEAR))


def in_order(dates: Iterable[str]) -> tuple[str, ...]:
    """As-of dates, "MM-DD", in the order of the season, each once.

    Raises:
        InvalidSeason: one is no as-of date, or is the season's last day, which is no date within it.
    """
    found = {day_of(as_of, _COMMON_YEAR): as_of for as_of in dates}
    if _LAST in found.values():
        raise InvalidSeason(
            f"The as-of date {_LAST} is the season's last day: leave it out, the whole season is always there."
        )
    return tuple(found[day] for day in sorted(found))
