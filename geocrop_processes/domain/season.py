"""A growing season: 2022 means 1 September 2022 to 31 May 2023, both included."""

from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time

from geocrop_processes.domain.as_of import DEKADS, WHOLE, check_day, dekads_by, name_of
from geocrop_processes.errors import InvalidSeason

FIRST_YEAR = 2015
"""Sentinel-2A has delivered since mid 2015: no season before it has imagery."""


@dataclass(frozen=True)
class Season:
    """The season that starts on 1 September of `year`.

    Raises:
        InvalidSeason: the year lies before Sentinel-2 or is no year; or `as_of` lies outside the season, is
            29 February, or lies before the sixth dekad has ended.
    """

    year: int
    """The year of its first September."""
    as_of: date | None = None
    """The last day that counts, for a map within a running season; all of it where none is given."""

    def __post_init__(self) -> None:
        if self.year < FIRST_YEAR:
            raise InvalidSeason(
                f"There is no imagery of season {self.year}: Sentinel-2 has delivered since {FIRST_YEAR}."
            )
        if self.year >= MAXYEAR:
            raise InvalidSeason(
                f"There is no season {self.year}: the calendar ends before it does."
            )
        if self.as_of is not None and not self.start <= self.as_of <= self.last_day:
            raise InvalidSeason(
                f"The as-of date {self.as_of} lies outside season {self.year}, "
                f"{self.start} to {self.last_day}."
            )
        if self.as_of is not None:
            check_day(self.as_of)

    @property
    def start(self) -> date:
        """The first day."""
        return date(self.year, 9, 1)

    @property
    def last_day(self) -> date:
        """The last day of the whole season."""
        return date(self.year + 1, 5, 31)

    @property
    def end(self) -> date:
        """The last day that counts: of the season, or the as-of date."""
        return self.as_of or self.last_day

    @property
    def as_of_day(self) -> str:
        """The as-of date as models know it, "MM-DD"; empty where the whole season counts."""
        return WHOLE if self.end == self.last_day else name_of(self.end)

    @property
    def dekads(self) -> int:
        """How many dekads count, those that have ended by `end`: 6 to 27."""
        return DEKADS if self.end == self.last_day else dekads_by(self.end)

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """First and last second, UTC."""
        return (
            datetime.combine(self.start, time(0), UTC),
            datetime.combine(self.end, time(23, 59, 59), UTC),
        )

    def has_begun(self, today: date) -> bool:
        """Whether the season's first day is not after `today`."""
        return self.start <= today

    def check_begun(self, today: date) -> None:
        """Accept a season that has begun, or say that it has not.

        Raises:
            InvalidSeason: it begins after `today`.
        """
        if not self.has_begun(today):
            raise InvalidSeason(
                f"There is no imagery of season {self.year} yet: it begins on {self.start}."
            )

    def check_seen(self, today: date) -> None:
        """Accept the season for a map, or say why not: what has not been seen yet is not made up.

        Raises:
            InvalidSeason: it has not begun, or its last day that counts is still to come.
        """
        self.check_begun(today)
        if self.end <= today:
            return
        if self.as_of:
            raise InvalidSeason(
                f"The as-of date {self.as_of} is still to come: today is {today}, the latest that is possible."
            )
        raise InvalidSeason(
            f"Season {self.year} has not ended: it ends on {self.end}. Ask for it as of a day that has come."
        )

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"
