"""Moments and intervals as coverages are asked for: what is left out of a moment counts from its start to its end."""

import re
from datetime import UTC, datetime, timedelta

from geocrop_processes.service.problems import invalid

Interval = tuple[datetime | None, datetime | None]
"""First and last moment, both included; None is an open end."""

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"([Zz]|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
"""RFC 3339 (5.6), of which the last parts may be left out."""
_OPEN = {"", "..", "*"}


def interval_of(name: str, text: str) -> Interval:
    """A moment, from its start to its end, or an interval whose ends are open where they are `..` or nothing.

    Raises:
        Problem: it is neither, or it ends before it begins (400).
    """
    # a plus in an address that nobody quoted arrives as a blank
    start, slash, end = text.strip().replace(" ", "+").partition("/")
    if not slash:
        if start in _OPEN:
            raise _unusable(name, text)
        return between(name, start, start)
    return between(name, start, end)


def between(name: str, start: str, end: str) -> Interval:
    """The interval from the first moment of `start` to the last of `end`.

    Raises:
        Problem: one of them is no moment, or it ends before it begins (400).
    """
    since, until = _moment(name, start, at_end=False), _moment(name, end, at_end=True)
    if since and until and since > until:
        raise invalid(
            f"The parameter {name!r} ends before it begins: {start[:60]!r} to {end[:60]!r}."
        )
    return since, until


def _moment(name: str, text: str, *, at_end: bool) -> datetime | None:
    if text in _OPEN:
        return None
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise _unusable(name, text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    at = f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}"
    midnight = bool(hour == "24" and minute == "00" and not int(second or 0) + int(fraction or 0))
    try:
        if midnight:
            at = at.replace("T24", "T00")
        moment = datetime.fromisoformat(f"{at}.{(fraction or '0'):0<6.6}{_zone(zone)}")
        if midnight:
            return (moment + timedelta(days=1)).astimezone(UTC)
        if at_end and fraction is None:
            moment = _end_of(moment, (month, day, hour, second))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _unusable(name, text) from error


def _zone(zone: str | None) -> str:
    return zone.upper().replace("Z", "+00:00") if zone else "+00:00"


def _end_of(moment: datetime, given: tuple[str | None, ...]) -> datetime:
    """The last microsecond of the year, month, day, minute or second that a moment names."""
    month, day, hour, second = given
    if month is None:
        after = moment.replace(year=moment.year + 1)
    elif day is None:
        after = (moment + timedelta(days=31)).replace(day=1)
    else:
        unit = "days" if hour is None else "minutes" if second is None else "seconds"
        after = moment + timedelta(**{unit: 1})
    return after - timedelta(microseconds=1)


def _unusable(name: str, text: str) -> Exception:
    return invalid(
        f"The parameter {name!r} is {text[:120]!r}: allowed are a date or time such as 2022-09-01 or "
        "2022-09-01T00:00:00Z, or two of them with a slash between, where `..` leaves an end open."
    )
