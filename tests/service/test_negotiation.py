"""Preferences are read as RFC 7240 writes them."""

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.service.negotiation import Preferences


def _of(*fields: str) -> Preferences:
    headers = [(b"prefer", field.encode("latin-1")) for field in fields]
    return Preferences.of(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize(
    ("fields", "respond_async", "wait_s"),
    [
        ((), False, 0),
        (("respond-async",), True, 0),
        (("  Respond-ASYNC  ",), True, 0),
        (("respond-sync",), False, 0),
        (("respond-async, wait=10",), True, 10),
        (("wait=10", "respond-async"), True, 10),
        (('wait = "10" ; x=1 ;; y , foo; respond-async',), False, 10),
        (("return=minimal, respond-async; a=b",), True, 0),
        (('foo="a, respond-async, wait=3"',), False, 0),
        (('foo="a\\", respond-async", wait=3',), False, 3),
        (("wait=1, wait=2",), False, 1),
        (("wait=-1, respond-asynchronously",), False, 0),
        (("wait=1e9", ",,;=,respond-async=1"), True, 0),
        (('foo="never closed, respond-async',), False, 0),
        (("wait=99999999999",), False, 0),
    ],
)
def test_preferences_are_found(fields: tuple[str, ...], respond_async: bool, wait_s: int) -> None:
    assert _of(*fields) == Preferences(respond_async, wait_s)


def test_blanks_are_no_hindrance_and_a_header_that_is_too_long_is_passed_over() -> None:
    assert _of("respond-async" + " " * 900) == Preferences(True, 0)
    assert _of("a" + " " * 40_000 + "x, respond-async") == Preferences(False, 0)
    assert _of("respond-async" + " " * 1000, "wait=3") == Preferences(False, 3)


@given(st.text(st.characters(max_codepoint=255)))
def test_no_header_is_an_error(field: str) -> None:
    assert _of(field).wait_s >= 0
