"""How long a client is asked to wait: by how many wait, and how fast it went lately."""

from typing import Any

import pytest
from sqlalchemy import event, update

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.pace import Pace
from geocrop_processes.service.schema import jobs, steps


class Clock:
    """One that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pace(store: JobStore) -> Pace:
    store.pace = Pace(store._database, Clock())
    return store.pace


def ended(store: JobStore, job_id: str, seconds: float, **values: Any) -> None:
    """A successful job that ran so long."""
    store.add(job_id, "echo", {}, {})
    with store._database.write() as connection:
        connection.execute(update(steps).where(steps.c.job_id == job_id).values(state="done"))
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id)
            .values(status="successful", started=1.0, finished=1.0 + seconds, **values)
        )


def asked(store: JobStore) -> int:
    return Pace(store._database).seconds()


def test_without_a_job_that_ended_it_is_a_second_for_each_that_waits(store: JobStore) -> None:
    assert asked(store) == 1
    for n in range(3):
        store.add(f"j{n}", "echo", {}, {})
    assert asked(store) == 3
    assert store.claim(["run"]) is not None
    assert asked(store) == 3


def test_the_more_wait_and_the_slower_it_goes_the_later_is_asked_again(store: JobStore) -> None:
    ended(store, "a", 30.0, blocks=8, blocks_done=8)  # ten steps with the plan and the end
    ended(store, "b", 30.0)
    # 60 s, 11 steps
    store.add("c", "echo", {}, {})
    assert asked(store) == 6
    store.add("d", "echo", {}, {})
    assert asked(store) == 11
    for n in range(40):
        store.add(f"j{n}", "echo", {}, {})
    assert asked(store) == 60


def test_only_what_was_worked_for_counts(store: JobStore) -> None:
    ended(store, "a", 8.0, product="a")
    for n in range(5):
        ended(store, f"b{n}", 0.0, product="a")
    store.add("c", "echo", {}, {})
    assert asked(store) == 8
    # what was long ago does not
    for n in range(16):
        ended(store, f"d{n}", 2.0)
    assert asked(store) == 2


def test_partial_and_resumed_jobs_do_not_count(store: JobStore) -> None:
    ended(store, "whole", 8.0)
    ended(store, "partial", 60.0, blocks=8, blocks_done=1)
    store.add("resumed", "crop-classification", {}, {})
    plan = store.claim(["plan"])
    assert plan is not None
    assert store.planned(plan, b"{}", ["b0", "b1"], "d" * 64, ["b0"])
    with store._database.write() as connection:
        values = {"status": "successful", "started": 1.0, "finished": 1.1, "blocks_done": 2}
        connection.execute(update(jobs).where(jobs.c.id == "resumed").values(values))
        connection.execute(update(steps).where(steps.c.state == "due").values(state="done"))
    assert store.attempts_of_blocks("resumed") == {"b0": 1, "b1": 0}
    store.add("c", "echo", {}, {})
    assert asked(store) == 8


def test_those_who_ask_together_cost_one_query(store: JobStore, pace: Pace) -> None:
    assert pace.seconds() == 1
    for n in range(5):
        store.add(f"j{n}", "echo", {}, {})
    assert pace.seconds() == 1
    pace._clock.now = 1.0  # type: ignore[attr-defined]
    assert pace.seconds() == 5


@pytest.mark.embedded_only
def test_the_query_walks_along_indices(store: JobStore) -> None:
    """10,000 jobs cost no more than ten."""
    queries: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        queries.append(statement)
        parameters.append(given)

    parameters: list[Any] = []
    event.listen(store._database._reader, "before_cursor_execute", heard)
    assert asked(store) == 1
    event.remove(store._database._reader, "before_cursor_execute", heard)
    with store._database.read() as connection:
        (query,) = [one for one in queries if one.startswith("SELECT")]
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters[-1])
        plan = [str(row[-1]) for row in explained]
    assert any("steps_by_state" in line for line in plan), plan
    assert any("ix_jobs_status" in line for line in plan), plan
    assert not any("ORDER BY" in line for line in plan), plan
