import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.imagery.ahead import read_ahead


@given(st.lists(st.integers()))
def test_every_block_comes_once_in_order_with_what_was_read_of_it(blocks: list[int]) -> None:
    found = [(block, read.result()) for block, read in read_ahead(blocks, lambda b: b * 2)]
    assert found == [(block, block * 2) for block in blocks]


class Reading:
    """Tells which blocks were begun."""

    def __init__(self, fails: int | None = None) -> None:
        self.begun: list[int] = []
        self.began = threading.Condition()
        self.cubes: list[weakref.ref[npt.NDArray[np.int64]]] = []
        self._fails = fails

    def __call__(self, block: int) -> npt.NDArray[np.int64]:
        with self.began:
            self.begun.append(block)
            self.began.notify_all()
        if block == self._fails:
            raise ValueError(f"block {block} is broken")
        cube = np.full(10, block)
        self.cubes.append(weakref.ref(cube))
        return cube

    def wait_for(self, enough: Callable[[list[int]], bool]) -> bool:
        with self.began:
            return self.began.wait_for(lambda: enough(self.begun), timeout=30)


def test_the_next_block_is_read_while_one_is_in_use_and_none_beyond_it() -> None:
    reading = Reading()
    for block, cube in read_ahead(range(5), reading):
        assert cube.result()[0] == block
        if block < 4:
            assert reading.wait_for(lambda begun, block=block: begun[-1] == block + 1)  # type: ignore[misc]
        assert len(reading.begun) <= block + 2


def test_blocks_are_taken_one_ahead_too() -> None:
    taken: list[int] = []

    def blocks() -> Iterator[int]:
        for block in range(9):
            taken.append(block)
            yield block

    ahead = read_ahead(blocks(), Reading())
    next(ahead)
    assert taken == [0, 1]
    ahead.close()
    assert taken == [0, 1]


def test_only_the_block_in_use_and_the_next_are_held() -> None:
    reading = Reading()
    for block, cube in read_ahead(range(6), reading):
        cube.result()
        gc.collect()
        alive = [n for n, ref in enumerate(reading.cubes) if ref() is not None]
        assert set(alive) <= {block, block + 1}


def test_an_error_is_that_of_its_block_and_the_others_are_read() -> None:
    reading = Reading(fails=2)
    read = []
    for block, cube in read_ahead(range(5), reading):
        if block == 2:
            with pytest.raises(ValueError, match="block 2 is broken"):
                cube.result()
        else:
            read.append(int(cube.result()[0]))
    assert read == [0, 1, 3, 4]


def test_a_caller_that_stops_leaves_no_thread_and_begins_no_other_block() -> None:
    reading = Reading()
    ahead = read_ahead(range(100), reading)
    next(ahead)
    assert reading.wait_for(lambda begun: len(begun) == 2)
    ahead.close()
    assert reading.begun == [0, 1]
    assert not [t for t in threading.enumerate() if t.name.startswith("reading-ahead")]


def test_an_error_among_the_blocks_themselves_surfaces() -> None:
    def blocks() -> Iterator[int]:
        yield 1
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(read_ahead(blocks(), Reading()))
