"""Over the limit a request is refused at once, says when to ask again, and makes no job; what was accepted is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geocrop_processes.errors import QueueFull, TooManyJobs
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.limits import Limits
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
