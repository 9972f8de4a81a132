"""Over the limit a request is refused at once, says when to ask again, and makes no job; what was accepted is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geocrop_processes.errors import QueueFull, TooManyJobs
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.limits import Door, Limits
from geocrop_processes.service.pace import Pace
from tests.service.asking import ASYNC, Api

ECHO = {"inputs": {"message": "x"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    """One that takes five jobs, three of each owner."""
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    opened = JobStore(url, lease_s=60, attempts=3, limits=Limits(5, 3))
    yield opened
    opened.close()


def test_an_owner_s_jobs_are_counted_and_those_of_all(store: JobStore) -> None:
    for n in range(3):
        store.add(f"a{n}", "echo", {}, {}, owner="a")
    with pytest.raises(TooManyJobs, match="3 of your jobs are open, and 3 may be"):
        store.add("a3", "echo", {}, {}, owner="a")
    for n in range(2):
        store.add(f"b{n}", "echo", {}, {}, owner="b")
    with pytest.raises(QueueFull, match="5 jobs are open, and 5 may be"):
        store.add("b2", "echo", {}, {}, owner="b")
    store.dismiss("a0")
    store.add("b3", "echo", {}, {}, owner="b")
    assert store.list()[1] == 6


def test_those_who_come_at_once_are_counted_together(store: JobStore) -> None:
    def add(n: int) -> bool:
        try:
            store.add(f"j{n}", "echo", {}, {}, owner=f"owner-{n}")
        except QueueFull:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        accepted = list(pool.map(add, range(40)))
    assert sum(accepted) == 5
    assert {job.id for job in store.list()[0]} == {f"j{n}" for n, one in enumerate(accepted) if one}


def test_a_client_is_told_to_ask_again_when_the_queue_has_moved(api: Api, store: JobStore) -> None:
    for _ in range(3):
        answer = api.execute("echo", ECHO, **ASYNC)
        assert answer.status_code == 201, answer.text
    store.pace = Pace(store._database)  # an answer is kept for a second
    refused = api.execute("echo", ECHO, **ASYNC)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) == 3
    for n in range(2):
        store.add(f"b{n}", "echo", {}, {}, owner="b")
    store.dismiss(store.list(owner="anonymous")[0][0].id)
    store.add("c", "echo", {}, {}, owner="c")
    refused = api.execute("echo", ECHO, **ASYNC)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert store.list()[1] == 6


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[JobStore]:
    """One that takes any number of jobs."""
    opened = JobStore(f"sqlite:///{tmp_path / 'roomy.db'}", lease_s=60, attempts=3)
    yield opened
    opened.close()


def fill(store: JobStore, count: int, start: int) -> None:
    for number in range(start, start + count):
        store.add(f"job-{number}", "echo", {}, {})


def let_in(door: Door, store: JobStore, count: int) -> int:
    """How many of so many jobs, one after the other, the door lets in; none is written down."""
    found = 0
    for _ in range(count):
        with store.database.read() as connection:
            found += door.refusals(connection, ["anonymous"]) == [None]
    return found


def test_what_others_let_in_is_seen_a_second_later_and_little_passes_until_then(
    roomy: JobStore, clock: Clock
) -> None:
    door = Door(Limits(100, 60), clock)
    fill(roomy, 9, start=0)
    assert let_in(door, roomy, 1) == 1
    # another process fills what is left: a tenth of the room of 50 that there was is let in unseen
    fill(roomy, 51, start=9)
    assert let_in(door, roomy, 20) == 5
    clock.seconds = 1.0
    assert let_in(door, roomy, 20) == 0


def test_what_is_unseen_lasts_a_second(roomy: JobStore, clock: Clock) -> None:
    door = Door(Limits(100, 60), clock)
    assert let_in(door, roomy, 1) == 1
    fill(roomy, 60, start=0)
    clock.seconds = 1.0
    with roomy.database.read() as connection:
        (refusal,) = door.refusals(connection, ["anonymous"])
    assert isinstance(refusal, TooManyJobs)


def test_where_there_is_little_room_each_job_is_counted(roomy: JobStore, clock: Clock) -> None:
    door = Door(Limits(100, 9), clock)
    fill(roomy, 8, start=0)
    assert let_in(door, roomy, 1) == 1
    fill(roomy, 1, start=8)
    assert let_in(door, roomy, 5) == 0
