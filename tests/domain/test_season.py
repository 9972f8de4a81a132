from datetime import UTC, date, datetime

import pytest

from geocrop_processes.domain.season import Season
from geocrop_processes.errors import InvalidSeason


def test_season_2022_is_september_2022_to_may_2023_both_included() -> None:
    assert Season(2022).interval == (
        datetime(2022, 9, 1, tzinfo=UTC),
        datetime(2023, 5, 31, 23, 59, 59, tzinfo=UTC),
    )
    assert str(Season(2022)) == "2022-09-01..2023-05-31"


def test_an_as_of_date_ends_the_season_early() -> None:
    assert Season(2022, date(2023, 1, 15)).end == date(2023, 1, 15)


@pytest.mark.parametrize("day", [date(2022, 8, 31), date(2023, 6, 1)])
def test_an_as_of_date_outside_the_season_is_refused(day: date) -> None:
    with pytest.raises(InvalidSeason, match="lies outside season 2022, 2022-09-01 to 2023-05-31"):
        Season(2022, day)


def test_a_year_before_sentinel_2_has_no_imagery() -> None:
    with pytest.raises(InvalidSeason, match="no imagery of season 2014"):
        Season(2014)


def test_a_season_begins_on_its_first_day() -> None:
    assert Season(2022).has_begun(date(2022, 9, 1))
    assert not Season(2022).has_begun(date(2022, 8, 31))


@pytest.mark.parametrize(
    ("season", "today", "words"),
    [
        (Season(2026), date(2026, 8, 31), "no imagery of season 2026 yet: it begins on 2026-09-01"),
        (Season(2026), date(2027, 5, 30), "has not ended: it ends on 2027-05-31. .* as of a day"),
        (
            Season(2026, date(2026, 12, 31)),
            date(2026, 12, 30),
            "still to come: today is 2026-12-30",
        ),
    ],
)
def test_what_is_still_to_come_of_a_season_is_not_mapped(
    season: Season, today: date, words: str
) -> None:
    with pytest.raises(InvalidSeason, match=words):
        season.check_seen(today)
    season.check_seen(season.end)


@pytest.mark.parametrize("year", [9999, 20_222, 10**30])
def test_a_year_beyond_the_calendar_is_no_season(year: int) -> None:
    with pytest.raises(InvalidSeason, match=f"no season {year}"):
        Season(year)


def test_seasons_of_a_year_and_as_of_date_are_equal_and_immutable() -> None:
    assert Season(2022, date(2023, 1, 15)) == Season(2022, date(2023, 1, 15))
    with pytest.raises(AttributeError):
        Season(2022).year = 2023  # type: ignore[misc]


def test_an_as_of_date_tells_how_many_dekads_count() -> None:
    assert Season(2022, date(2023, 1, 15)).dekads == 13
    assert Season(2022, date(2023, 1, 15)).as_of_day == "01-15"


@pytest.mark.parametrize(
    ("year", "day", "words"),
    [
        (2022, date(2022, 10, 30), "10-30 is too early.*10-31 is the first"),
        (2023, date(2024, 2, 29), "29 February is a day that most seasons lack"),
    ],
)
def test_an_as_of_date_that_tells_nothing_is_refused(year: int, day: date, words: str) -> None:
    with pytest.raises(InvalidSeason, match=words):
        Season(year, day)
