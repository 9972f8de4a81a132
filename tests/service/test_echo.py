"""The echo gives back what it is given, after the pause that it is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.service.echo import echo


@given(message=st.text())
def test_the_message_comes_back_with_its_length(message: str) -> None:
    assert echo({"message": message}) == {
        "message": message,
        "length": len(message),
        "measurement": 1.0,
    }


def test_what_is_optional_comes_back_if_it_is_given() -> None:
    inputs = {"message": "x", "items": ["a"], "measurement": "three", "pause": 0}
    assert echo(inputs) == {"message": "x", "length": 1, "items": ["a"], "measurement": "three"}


def test_the_pause_is_kept_second_by_second() -> None:
    slept: list[float] = []
    echo({"message": "x", "pause": 3}, sleep=slept.append)
    assert slept == [1.0, 1.0, 1.0]


def test_a_pause_ends_when_the_job_is_cancelled() -> None:
    slept: list[float] = []
    echo({"message": "x", "pause": 60}, cancelled=lambda: len(slept) > 1, sleep=slept.append)
    assert slept == [1.0, 1.0]
