"""The parts of a job are done some at a time, and not at all once one has failed."""

import time

import pytest

from geocrop_processes.errors import NothingClear
from geocrop_processes.pipeline.parts import do_all


@pytest.mark.parametrize("threads", [1, 3])
def test_every_part_is_done_once_and_each_is_told(threads: int) -> None:
    done: list[int] = []
    told: list[tuple[float, str]] = []
    do_all(done.append, range(4), threads, "site", lambda *of: told.append(of))
    assert sorted(done) == [0, 1, 2, 3]
    assert told == [(n / 4, f"site {n} of 4") for n in (1, 2, 3, 4)]


def test_when_a_part_fails_those_that_have_not_begun_are_left() -> None:
    begun: list[int] = []

    def do(part: int) -> None:
        begun.append(part)
        time.sleep(0.01)
        if part == 3:
            raise NothingClear("Part 3 sees nothing.")

    with pytest.raises(NothingClear, match="Part 3"):
        do_all(do, range(300), 2, "block", lambda *_: None)
    assert 3 in begun
    assert len(begun) < 150
