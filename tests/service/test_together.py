from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from geocrop_processes.errors import StoreUnavailable
from geocrop_processes.service.together import Together


class Slow:
    """Writes nothing before it is let; notes what came together."""

    def __init__(self) -> None:
        self.begun, self.let = Event(), Event()
        self.batches: list[Sequence[int]] = []

    def __call__(self, ones: Sequence[int]) -> Sequence[str]:
        self.begun.set()
        assert self.let.wait(30)
        self.batches.append(ones)
        if 113 in ones:
            raise ValueError("113 cannot be written")
        return [f"{one} is written" for one in ones]


def test_each_is_given_its_own_and_what_waits_is_written_at_once() -> None:
    slow = Slow()
    write = Together(slow)
    with ThreadPoolExecutor(32) as pool:
        first = pool.submit(write, 0)
        assert slow.begun.wait(30)
        others = [pool.submit(write, number) for number in range(1, 20)]
        while len(write._waiting) < 19:
            pass
        slow.let.set()
        assert [one.result(30) for one in (first, *others)] == [
            f"{number} is written" for number in range(20)
        ]
    assert [len(batch) for batch in slow.batches] == [1, 19]


def test_one_that_cannot_be_written_keeps_no_other_from_it() -> None:
    slow = Slow()
    write = Together(slow)
    with ThreadPoolExecutor(32) as pool:
        first = pool.submit(write, 0)
        assert slow.begun.wait(30)
        others = {number: pool.submit(write, number) for number in range(110, 116)}
        while len(write._waiting) < 6:
            pass
        slow.let.set()
        assert first.result(30) == "0 is written"
        for number, one in others.items():
            if number == 113:
                with pytest.raises(ValueError, match="113"):
                    one.result(30)
            else:
                assert one.result(30) == f"{number} is written"


def test_a_store_that_is_away_is_asked_once_for_all_that_wait() -> None:
    begun, let, asked = Event(), Event(), []

    def away(ones: Sequence[int]) -> Sequence[int]:
        begun.set()
        assert let.wait(30)
        asked.append(len(ones))
        raise StoreUnavailable("The job store does not answer.")

    write = Together(away)
    with ThreadPoolExecutor(32) as pool:
        first = pool.submit(write, 0)
        assert begun.wait(30)
        others = [pool.submit(write, number) for number in range(1, 20)]
        while len(write._waiting) < 19:
            pass
        let.set()
        for one in (first, *others):
            with pytest.raises(StoreUnavailable):
                one.result(30)
    assert asked == [1, 19]
