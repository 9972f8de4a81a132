"""Whose turn it is: owners and jobs that wait are served in turns, and a look costs the same however much waits."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.schema import jobs, steps
from geocrop_processes.service.steps import KINDS, Step

MAP = "crop-classification"


def planned(store: JobStore, job_id: str, blocks: int, owner: str = "anonymous") -> None:
    """A job whose blocks are due; others have to wait meanwhile."""
    store.add(job_id, MAP, {}, {}, owner=owner)
    step = store.claim(["plan"])
    assert step is not None
    assert step.job_id == job_id
    assert store.planned(step, b"{}", [f"b{n}" for n in range(blocks)], "d" * 64)


def served(store: JobStore) -> list[Step]:
    """What one worker does, up to the end."""
    order = []
    while (step := store.claim(["block"])) is not None:
        order.append(step)
        assert store.block_done(step)
    return order


def test_a_small_job_waits_for_one_step_of_a_large_one_at_a_time(store: JobStore) -> None:
    planned(store, "large", 50)
    for _ in range(7):
        step = store.claim(["block"])
        assert step is not None
        store.block_done(step)
    planned(store, "small", 4)
    order = "".join(step.job_id[0] for step in served(store))
    assert order[:8] in {"lslslsls", "slslslsl"}
    assert order.count("l") == 43


def test_a_large_job_goes_on_though_new_ones_keep_coming(store: JobStore) -> None:
    planned(store, "large", 5)
    left = 5
    for n in range(12):
        store.add(f"new-{n}", "echo", {}, {})
        step = store.claim(KINDS)
        assert step is not None
        if step.kind == "block":
            left -= 1
            store.block_done(step)
        else:
            store.finished(step, {"outputs": {}}, None)
    # the line grows: each turn of it comes later, and it comes
    assert left <= 1


def test_an_owner_with_many_jobs_gets_no_more_than_one_with_one(store: JobStore) -> None:
    for n in range(10):
        planned(store, f"many-{n}", 3, "many")
    planned(store, "one", 6, "one")
    first = [step.job_id.partition("-")[0] for step in served(store)[:12]]
    assert Counter(first) == {"many": 6, "one": 6}


def test_workers_are_spread_over_owners_before_jobs_and_over_jobs_before_blocks(
    store: JobStore,
) -> None:
    for job_id, owner in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")):
        planned(store, job_id, 9, owner)
    held = [store.claim(["block"]) for _ in range(6)]
    assert Counter(step.job_id for step in held if step) == {"a1": 1, "a2": 1, "a3": 1, "b1": 3}


@settings(max_examples=25)
@given(sizes=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), min_size=1, max_size=7))
def test_of_two_that_wait_none_is_served_twice_before_the_other(
    sizes: list[tuple[str, int]],
) -> None:
    """Any jobs of any owners, one worker: owners take turns while they wait, and so do the jobs of each."""
    with TemporaryDirectory() as folder:
        store = JobStore(f"sqlite:///{Path(folder) / 'jobs.db'}", lease_s=60, attempts=3)
        for n, (owner, blocks) in enumerate(sizes):
            planned(store, f"{owner}{n}", blocks, owner)
        order = [step.job_id for step in served(store)]
        store.close()
    assert Counter(order) == {f"{owner}{n}": blocks for n, (owner, blocks) in enumerate(sizes)}
    assert_takes_turns([job_id[0] for job_id in order])
    for owner in "abc":
        assert_takes_turns([job_id for job_id in order if job_id[0] == owner])


def assert_takes_turns(order: list[str]) -> None:
    """Between two turns of one, no other had two; those that ended wait no more."""
    last = {one: n for n, one in enumerate(order)}
    for one in last:
        at = [n for n, other in enumerate(order) if other == one]
        for begin, end in pairwise(at):
            between = Counter(order[begin + 1 : end])
            assert all(count == 1 for count in between.values()), (one, order)


@pytest.fixture
def crowded(store: JobStore) -> JobStore:
    """Ten jobs of 500 due blocks each, and 2,000 jobs that have ended."""
    base: dict[str, Any] = {
        "process": MAP,
        "created": 1.0,
        "updated": 1.0,
        "started": 1.0,
        "inputs": {},
        "request": {},
        "blocks": 500,
    }
    ended = [
        base | {"id": f"e{n}", "owner": "e", "status": "failed", "turn": n} for n in range(2000)
    ]
    waiting = [
        base | {"id": f"o{n}", "owner": "o", "status": "running", "turn": n} for n in range(10)
    ]
    with store._database.write() as connection:
        connection.execute(insert(jobs), ended + waiting)
        connection.execute(
            insert(steps),
            [
                {"job_id": job["id"], "kind": "block", "name": str(n), "state": "due", "at": 1.0}
                for job in waiting
                for n in range(500)
            ],
        )
    return store


@pytest.mark.embedded_only
def test_no_query_of_a_claim_goes_through_what_waits_or_has_ended(crowded: JobStore) -> None:
    queries: list[tuple[str, Any]] = []

    def heard(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        queries.append((statement, given))

    engine = crowded._database._reader
    event.listen(engine, "before_cursor_execute", heard)
    step = crowded.claim(KINDS)
    assert step is not None
    assert crowded.due(64) == {"block": 64}
    assert crowded.block_done(step)
    event.remove(engine, "before_cursor_execute", heard)
    with crowded._database.read() as connection:
        for query, given in queries:
            if query.startswith(("SELECT", "WITH", "UPDATE")):
                explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)
                plan = [str(row[-1]) for row in explained]
                # all that is under way is sorted; it is no more than there are workers
                assert not any(line.startswith(("SCAN jobs", "SCAN steps")) for line in plan), plan
