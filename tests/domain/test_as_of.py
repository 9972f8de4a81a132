from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.domain.as_of import (
    DEKADS,
    WHOLE,
    check_as_of,
    day_of,
    dekads_by,
    dekads_of_as_of,
    in_order,
    name_of,
)
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import InvalidSeason
from geocrop_processes.features import series

DAYS = st.integers(0, 272).map(lambda n: date(2022, 9, 1) + timedelta(days=n))
YEARS = st.integers(2015, 2100)


@pytest.mark.parametrize(
    ("day", "dekads"),
    [
        (date(2022, 9, 1), 0),
        (date(2022, 9, 10), 1),
        (date(2022, 9, 30), 3),
        (date(2022, 10, 31), 6),
        (date(2022, 11, 30), 9),
        (date(2022, 12, 30), 11),
        (date(2022, 12, 31), 12),
        (date(2023, 2, 5), 15),
        (date(2023, 2, 28), 18),
        (date(2024, 2, 28), 18),
        (date(2024, 2, 29), 18),
        (date(2023, 5, 31), 27),
    ],
)
def test_the_dekads_that_have_ended_by_a_day_are_counted(day: date, dekads: int) -> None:
    assert dekads_by(day) == dekads


@given(day=DAYS)
def test_a_dekad_counts_from_the_last_day_that_observations_fall_in_it(day: date) -> None:
    # by the features' own calendar: those of a later dekad begin on the next day
    ended = series.dekads_of([day])[0] + 1
    last = day == date(2023, 5, 31) or series.dekads_of([day + timedelta(days=1)])[0] == ended

    assert dekads_by(day) == (ended if last else ended - 1)


@given(day=DAYS, year=YEARS)
def test_an_as_of_date_means_the_same_dekads_in_every_season(day: date, year: int) -> None:
    if dekads_by(day) < series.MIN_DEKADS:
        with pytest.raises(InvalidSeason, match="10-31 is the first"):
            day_of(name_of(day), year)
        return

    found = day_of(name_of(day), year)

    assert name_of(found) == name_of(day)
    assert dekads_by(found) == dekads_by(day) == dekads_of_as_of(name_of(day))
    assert Season(year, found).dekads == dekads_by(day)
    assert Season(year, found).as_of_day == ("" if name_of(day) == "05-31" else name_of(day))


def test_the_whole_season_has_27_dekads_and_no_as_of_date() -> None:
    assert dekads_of_as_of(WHOLE) == Season(2022).dekads == DEKADS == series.DEKADS
    assert Season(2022).as_of_day == Season(2022, date(2023, 5, 31)).as_of_day == WHOLE


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("02-29", "02-28 counts the same dekads"),
        ("10-30", "too early.*10-31 is the first"),
        ("09-01", "too early"),
        ("06-01", "outside every season"),
        ("02-30", "no day 02-30"),
        ("00-00", "no day"),
        ("13-01", "no day"),
        ("1-31", "form MM-DD"),
        ("2023-01-31", "form MM-DD"),
        ("\u0660\u0661-\u0663\u0661", "form MM-DD"),
        ("01-31\n", "form MM-DD"),
        ("", "form MM-DD"),
        ("9" * 1000, "form MM-DD"),
    ],
)
def test_what_is_no_as_of_date_is_refused(as_of: str, words: str) -> None:
    with pytest.raises(InvalidSeason, match=words) as refused:
        check_as_of(as_of)
    assert len(str(refused.value)) < 200


def test_as_of_dates_are_put_in_the_order_of_the_season() -> None:
    assert in_order(["03-31", "12-31", "01-31", "12-31"]) == ("12-31", "01-31", "03-31")
    assert in_order([]) == ()


def test_the_seasons_last_day_is_no_date_within_it() -> None:
    with pytest.raises(InvalidSeason, match="05-31 is the season's last day"):
        in_order(["12-31", "05-31"])
