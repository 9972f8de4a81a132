"""The job store, by its public face."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, Update, event, text, update

from geocrop_processes.errors import StoreUnavailable, UnknownJob
from geocrop_processes.service.database import Database
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.results import timestamp
from geocrop_processes.service.schema import steps
from geocrop_processes.service.steps import KINDS, Step
from tests.backends import Backend

MAP = "crop-classification"
ERROR = {"title": "Broken", "detail": "It broke.", "status": 500}


def add_map(store: JobStore, job_id: str, blocks: int) -> None:
    """A job whose blocks are due."""
    store.add(job_id, MAP, {"year": 2022}, {})
    step = claimed(store, "plan")
    assert step.job_id == job_id
    assert store.planned(step, b"{}", [f"b{n}" for n in range(blocks)], "d" * 64)


def claimed(store: JobStore, *kinds: str) -> Step:
    step = store.claim(kinds or KINDS)
    assert step is not None
    return step


def run_whole(store: JobStore, job_id: str, digest: str = "d" * 64) -> dict[str, Any]:
    """A successful job of one block, with an item."""
    store.add(job_id, MAP, {"year": 2022}, {})
    store.planned(claimed(store, "plan"), b"{}", ["b0"], digest)
    store.block_done(claimed(store, "block"))
    item = item_of(job_id)
    result = {"job_id": job_id, "outputs": {}, "summary": {}}
    assert store.finished(claimed(store, "finish"), result, item)
    return item


def run_partial(store: JobStore, job_id: str) -> None:
    """A successful job whose time was over after one block of two."""
    store.add(job_id, MAP, {"year": 2022}, {})
    store.planned(claimed(store, "plan"), b"{}", ["b0", "b1"], "d" * 64)
    store.block_done(claimed(store, "block"))
    assert store.out_of_time(claimed(store, "block"), 0)
    item = item_of(job_id)
    item["properties"]["geocrop:complete"] = False
    result = {"job_id": job_id, "outputs": {}, "summary": {"missing_blocks": ["b1"]}}
    assert store.finished(claimed(store, "finish"), result, item)


def item_of(job_id: str, west: float = 30.0, year: int = 2022) -> dict[str, Any]:
    return {
        "id": job_id,
        "bbox": [west, -18.0, west + 1, -17.0],
        "properties": {
            "start_datetime": f"{year}-09-01T00:00:00Z",
            "end_datetime": f"{year + 1}-05-31T23:59:59Z",
        },
    }


def expire(store: JobStore) -> None:
    """Every lease has ended and every wait is over."""
    with store.database.write() as connection:
        connection.execute(text("update steps set at = 0"))


def test_a_job_is_accepted_with_its_first_step_due(store: JobStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    job = store.add("a", MAP, {"year": 2022}, {"outputs": {}})
    assert (job.status, job.progress, job.started, job.finished) == ("accepted", 0, None, None)
    assert before < job.created < datetime.now(UTC) + timedelta(seconds=1)
    assert (job.inputs, job.request, job.owner) == ({"year": 2022}, {"outputs": {}}, "anonymous")
    assert store.due() == {"plan": 1}
    store.add("b", "echo", {}, {})
    assert store.due() == {"plan": 1, "run": 1}


def test_a_job_goes_from_plan_to_blocks_to_finish(store: JobStore) -> None:
    store.add("a", MAP, {}, {})
    step = claimed(store)
    assert (step.kind, step.attempt) == ("plan", 1)
    job = store.get("a")
    assert job.status == "running"
    assert job.started is not None
    assert store.planned(step, b'{"p": 1}', ["r0c0", "r0c1"], "e" * 64)
    assert store.plan_of("a") == b'{"p": 1}'
    assert store.get("a").digest == "e" * 64
    first, second = claimed(store), claimed(store)
    assert [first.name, second.name] == ["r0c0", "r0c1"]
    assert store.claim(KINDS) is None
    assert store.block_done(second)
    assert store.get("a").progress == 50
    assert store.get("a").message == "1 of 2 blocks done"
    assert store.due() == {}
    assert store.block_done(first)
    assert store.due() == {"finish": 1}
    result = {"job_id": "a", "outputs": {}, "summary": {}}
    assert store.finished(claimed(store), result, item_of("a"))
    job = store.get("a")
    assert (job.status, job.progress, job.result) == ("successful", 100, result)
    assert job.finished is not None
    assert store.due() == {}


def test_a_simple_process_is_one_step(store: JobStore) -> None:
    store.add("a", "echo", {"echoInput": "x"}, {})
    assert store.finished(claimed(store, "run"), {"outputs": {"echoOutput": "x"}}, None)
    assert store.get("a").result == {"outputs": {"echoOutput": "x"}}
    assert store.items() == ([], 0)


def test_only_asked_kinds_are_claimed(store: JobStore) -> None:
    store.add("a", MAP, {}, {})
    assert store.claim(["block", "run"]) is None


def test_an_unknown_job_is_an_error(store: JobStore) -> None:
    with pytest.raises(UnknownJob, match="'nobody'"):
        store.get("nobody")
    with pytest.raises(UnknownJob, match="'nobody'"):
        store.dismiss("nobody")
    with pytest.raises(UnknownJob, match="'nobody'"):
        store.plan_of("nobody")


def test_a_late_report_changes_nothing(store: JobStore) -> None:
    add_map(store, "a", 2)
    late = claimed(store)
    expire(store)
    current = claimed(store)
    assert (current.id, current.attempt) == (late.id, 2)
    before = store.get("a")
    assert not store.renew(late)
    assert not store.block_done(late)
    assert not store.failed(late, ERROR, retry=False)
    assert not store.failed(late, ERROR, retry=True)
    assert not store.finished(late, {"outputs": {}}, item_of("a"))
    assert not store.planned(late, b"", ["x"], "")
    assert store.get("a") == before
    assert store.renew(current)
    assert store.block_done(current)
    assert not store.block_done(current)


def test_a_silent_step_is_due_again_until_its_attempts_are_used_up(store: JobStore) -> None:
    add_map(store, "a", 3)
    for attempt in (1, 2, 3):
        assert claimed(store).attempt == attempt
        assert store.due() == {"block": 2}
        expire(store)
        assert store.due() == {"block": 3}
    assert store.claim(["block"]) is None
    job = store.get("a")
    assert job.status == "failed"
    assert job.error is not None
    assert "'block b0' was begun 3 times" in job.error["detail"]
    assert claimed(store).kind == "clean"


def test_a_step_that_is_given_back_is_due_at_once_and_uses_up_no_attempt(store: JobStore) -> None:
    add_map(store, "a", 1)
    for attempt in range(1, 10):
        step = claimed(store)
        assert (step.attempt, step.failures) == (attempt, 0)
        store.release(step)
        store.release(step)
        assert not store.block_done(step)
        assert store.due() == {"block": 1}
    step = claimed(store)
    store.dismiss("a")
    store.release(step)
    assert store.due() == {"clean": 1}


def test_a_thousand_failures_of_cleaning_are_no_error(store: JobStore) -> None:
    add_map(store, "a", 1)
    claimed(store)
    store.dismiss("a")
    expire(store)
    with store._database.write() as connection:
        connection.execute(update(steps).where(steps.c.kind == "clean").values(failures=5000))
    assert store.failed(claimed(store, "clean"), ERROR, retry=True)


def test_what_was_due_is_due_though_the_clock_was_set_back(store: JobStore) -> None:
    """By an hour: leases of a minute seem to last for an hour, and what was due to be so in one."""
    add_map(store, "a", 2)
    held = claimed(store)
    with store._database.write() as connection:
        connection.execute(update(steps).values(at=steps.c.at + 3600))
    assert store.due() == {"block": 2}
    assert store.renew(held)
    assert store.due() == {"block": 1}
    assert claimed(store).name != held.name
    assert store.claim(KINDS) is None


def test_a_job_is_found_by_the_time_that_is_told_of_it(store: JobStore) -> None:
    for n in range(20):
        job = store.add(f"j{n}", "echo", {}, {})
        told = datetime.fromisoformat(timestamp(job.created))
        assert told == job.created
        assert job.id in {found.id for found in store.list(since=told, until=told)[0]}


def test_whoever_changes_steps_by_what_their_job_is_holds_the_job_first(store: JobStore) -> None:
    """On PostgreSQL two who take the same locks in another order wait for each other."""
    order: list[str] = []

    def note(_connection: Any, clause: Any, *_: Any) -> None:
        if isinstance(clause, Select) and clause._for_update_arg is not None:
            order.append("job")
        elif isinstance(clause, Update):
            order.append({"jobs": "job", "steps": "step"}[str(clause.table)])

    event.listen(store._database._writer, "before_execute", note)
    event.listen(store._database._writer, "commit", lambda _: order.append("end"))
    for job_id in ("a", "b"):
        add_map(store, job_id, 3)
        assert store.block_done(claimed(store))
        assert store.failed(claimed(store), ERROR, retry=True)
        store.release(claimed(store))
    store.sweep("a")
    store.dismiss("a")
    expire(store)
    assert store.cleaned(claimed(store, "clean"))
    while store.get("b").status != "failed":
        expire(store)
        store.claim(KINDS)
    transactions = " ".join(order).split("end")
    assert sum("step" in each for each in transactions) > 10
    for each in transactions:
        if "step" in each:
            assert each.split()[0] == "job"


@pytest.mark.embedded_only
def test_a_store_that_breaks_does_not_answer(store: JobStore, tmp_path: Path) -> None:
    store.add("a", "echo", {"message": "x" * 100_000}, {})
    store.close()
    with (tmp_path / "data" / "jobs.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"broken" * 30_000)
    with pytest.raises(StoreUnavailable, match="malformed"):
        store.list()


def test_a_tiny_lease_ends_by_the_databases_clock(backend: Backend) -> None:
    store = backend.open_store(lease_s=0.02)
    store.add("a", "echo", {}, {})
    first = claimed(store)
    threading.Event().wait(0.1)
    assert claimed(store).attempt == 2
    assert not store.finished(first, {"outputs": {}}, None)
    store.close()


def test_a_failed_step_waits_before_it_is_due_again(store: JobStore) -> None:
    add_map(store, "a", 1)
    for _ in range(2):
        assert store.failed(claimed(store), ERROR, retry=True)
        assert store.get("a").message == "will be tried again: It broke."
        assert store.due() == {}
        expire(store)
    assert store.failed(claimed(store), ERROR, retry=True)
    job = store.get("a")
    assert (job.status, job.error, job.message) == ("failed", ERROR, "It broke.")
    assert job.finished is not None


def test_what_no_retry_can_mend_fails_at_once_and_closes_the_other_steps(store: JobStore) -> None:
    add_map(store, "a", 3)
    other, step = claimed(store), claimed(store)
    assert store.failed(step, ERROR, retry=False)
    assert store.get("a").status == "failed"
    assert store.due() == {}
    assert not store.block_done(other)
    assert store.due() == {"clean": 1}


def test_cleaning_never_gives_up_and_changes_no_status(store: JobStore) -> None:
    add_map(store, "a", 1)
    store.dismiss("a")
    for attempt in range(1, 6):
        step = claimed(store)
        assert (step.kind, step.attempt) == ("clean", attempt)
        assert store.renew(step)
        assert store.failed(step, ERROR, retry=True)
        expire(store)
    step = claimed(store)
    assert store.cleaned(step)
    assert not store.cleaned(step)
    assert store.get("a").status == "dismissed"
    assert store.due() == {}


def test_a_dismissed_job_runs_nothing_more_and_is_cleaned_after_its_last_writer(
    store: JobStore,
) -> None:
    add_map(store, "a", 4)
    writers = [claimed(store), claimed(store)]
    job = store.dismiss("a")
    assert (job.status, job.result) == ("dismissed", None)
    assert store.dismiss("a") == job
    assert store.due() == {}
    assert [store.renew(step) for step in writers] == [False, False]
    assert not store.block_done(writers[0])
    assert store.claim(KINDS) is None
    assert not store.failed(writers[1], ERROR, retry=True)
    assert store.due() == {"clean": 1}
    assert claimed(store).kind == "clean"
    assert store.get("a") == job


def test_a_job_that_was_never_begun_leaves_nothing_to_clean(store: JobStore) -> None:
    store.add("a", MAP, {}, {})
    store.dismiss("a")
    assert store.due() == {}


def test_a_product_is_cleaned_when_nobody_uses_it_any_more(store: JobStore) -> None:
    run_whole(store, "old")
    store.add("new", MAP, {}, {})
    assert store.answered(claimed(store), "d" * 64, "old")
    new = store.get("new")
    assert (new.status, new.digest) == ("successful", "d" * 64)
    assert new.result is not None
    assert new.result["job_id"] == "old"
    store.dismiss("old")
    assert claimed(store).job_id == "old"
    assert store.products_to_clean("old") == []
    assert store.in_use("old")
    assert store.items()[1] == 1
    assert store.whole_of("d" * 64) == "old"
    store.dismiss("new")
    assert sorted(store.products_to_clean("new")) == ["new", "old"]
    assert store.items() == ([], 0)
    assert store.whole_of("d" * 64) is None


def test_a_product_that_nobody_uses_any_more_answers_nothing(store: JobStore) -> None:
    run_whole(store, "old")
    store.add("a", MAP, {}, {})
    step = claimed(store)
    assert store.whole_of("d" * 64) == "old"
    # another of the digest comes, and the one that was looked at goes
    run_whole(store, "new")
    store.dismiss("old")
    assert not store.answered(step, "d" * 64, "old")
    assert store.get("a").status == "running"
    assert store.planned(step, b"", ["b"], "d" * 64)


def test_a_job_is_answered_with_the_product_that_was_looked_at(store: JobStore) -> None:
    run_whole(store, "old")
    store.add("a", MAP, {}, {})
    step = claimed(store)
    run_partial(store, "newer")
    assert store.answered(step, "d" * 64, "old")
    result = store.get("a").result
    assert result is not None
    assert result["job_id"] == "old"


def test_a_whole_product_is_found_behind_newer_partial_ones(store: JobStore) -> None:
    run_partial(store, "first")
    assert store.whole_of("d" * 64) is None
    run_whole(store, "whole")
    run_partial(store, "p")
    run_partial(store, "q")
    assert store.whole_of("d" * 64) == "whole"
    assert store.partial_of("d" * 64) == ["q", "p", "first"]
    store.dismiss("q")
    assert store.partial_of("d" * 64) == ["p", "first"]


def test_a_small_job_is_not_starved_by_a_big_one(store: JobStore) -> None:
    """With one worker, which never holds two steps, and with four, which do."""
    for workers in (1, 4):
        add_map(store, f"big{workers}", 100)
        add_map(store, f"small{workers}", 4)
        served: list[str] = []
        held: list[Step] = []
        while f"small{workers}" not in served or served.count(f"small{workers}") < 4:
            step = claimed(store, "block")
            served.append(step.job_id)
            held.append(step)
            if len(held) == workers:
                store.block_done(held.pop(0))
        assert len(served) <= 4 * 3
        store.dismiss(f"big{workers}")
        store.dismiss(f"small{workers}")


def test_two_threads_never_claim_the_same_step(store: JobStore) -> None:
    add_map(store, "a", 60)
    seen: list[int] = []

    def work() -> None:
        while (step := store.claim(["block"])) is not None:
            seen.append(step.id)
            assert store.block_done(step)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(set(seen)) == 60
    assert store.due() == {"finish": 1}
    assert store.get("a").progress == 90


def test_jobs_are_listed_newest_first_page_by_page(store: JobStore) -> None:
    for n in range(5):
        store.add(f"j{n}", "echo" if n % 2 else MAP, {}, {}, owner="ann" if n else "bob")
    page, total = store.list(limit=2, offset=1)
    assert ([job.id for job in page], total) == (["j3", "j2"], 5)
    assert [job.id for job in store.list(process="echo")[0]] == ["j3", "j1"]
    assert store.list(process=["echo", MAP])[1] == 5
    assert store.list(process=[])[1] == 5
    assert [job.id for job in store.list(owner="bob")[0]] == ["j0"]
    store.dismiss("j2")
    assert [job.id for job in store.list(status=["dismissed"])[0]] == ["j2"]
    assert store.list(status=["accepted", "dismissed"])[1] == 5


def test_a_list_reads_nothing_of_a_job_that_it_does_not_show(store: JobStore) -> None:
    """Inputs and results can be large, and a page can have a thousand jobs."""
    store.add("a", "echo", {"message": "x" * 1000}, {})
    asked: list[str] = []
    event.listen(
        store._database._reader,
        "before_cursor_execute",
        lambda *arguments: asked.append(arguments[2]),
    )
    (job,), _ = store.list()
    assert (job.id, job.status) == ("a", "accepted")
    assert any("FROM jobs" in statement for statement in asked)
    for column in ("inputs", "request", "result", "error"):
        assert not any(f"jobs.{column}" in statement for statement in asked)


def test_jobs_are_listed_by_time_and_duration(store: JobStore) -> None:
    for n in range(3):
        store.add(f"j{n}", "echo", {}, {})
    with store.database.write() as connection:
        connection.execute(text("update jobs set created = 1000 * number"))
        connection.execute(text("update jobs set started = 10, finished = 20 where id = 'j0'"))
        connection.execute(text("update jobs set started = created where id = 'j1'"))
    at = datetime.fromtimestamp(2000, UTC)
    assert [job.id for job in store.list(since=at)[0]] == ["j2", "j1"]
    assert [job.id for job in store.list(until=at)[0]] == ["j1", "j0"]
    assert [job.id for job in store.list(min_s=10, max_s=10)[0]] == ["j0"]
    assert [job.id for job in store.list(min_s=0)[0]] == ["j1", "j0"]
    assert store.list(max_s=0)[1] == 0


def test_a_note_reaches_open_jobs_only(store: JobStore) -> None:
    store.add("a", "echo", {}, {})
    store.note("a", "waits for the queue")
    assert store.get("a").message == "waits for the queue"
    store.dismiss("a")
    store.note("a", "too late")
    assert store.get("a").message == "dismissed"


def test_items_are_found_by_id_place_time_and_collection(store: JobStore) -> None:
    first, second = run_whole(store, "a"), run_whole(store, "b")
    assert store.items() == ([second, first], 2)
    assert store.items(limit=1, offset=1) == ([first], 2)
    assert store.items(ids=["a"]) == ([first], 1)
    assert store.items(collections=["crop-maps"])[1] == 2
    assert store.items(collections=["other"]) == ([], 0)
    assert store.items(bbox=[30.5, -17.5, 32, -17])[1] == 2
    assert store.items(bbox=[31.5, -17.5, 32, -17])[1] == 0
    assert store.items(start=datetime(2023, 5, 31, tzinfo=UTC))[1] == 2
    assert store.items(start=datetime(2023, 6, 1, tzinfo=UTC))[1] == 0
    assert store.items(end=datetime(2022, 9, 1, tzinfo=UTC))[1] == 2
    assert store.items(end=datetime(2022, 8, 31, tzinfo=UTC))[1] == 0


def test_what_was_committed_is_there_after_the_process_ended(backend: Backend) -> None:
    first = backend.open_store()
    job = first.add("a", MAP, {"aoi": [30.2, -17.36, 1500]}, {})
    second = backend.open_store()
    assert second.get("a") == job
    assert second.due() == {"plan": 1}
    first.close()
    second.close()


def test_a_store_that_cannot_be_opened_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database._prepare.retry, "stop", lambda _state: True)
    with pytest.raises(StoreUnavailable, match=r"does not answer: unable to open database file\."):
        JobStore(f"sqlite:///{tmp_path}", lease_s=60, attempts=3)
