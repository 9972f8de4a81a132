"""A worker's steps, without Celery."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery.signals import worker_init  # type: ignore[import-untyped]
from sqlalchemy import update

from geocrop_processes import settings as settings_module
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import Abandoned, CatalogUnavailable, InvalidSetting, TooFewScenes
from geocrop_processes.pipeline import block as block_module
from geocrop_processes.pipeline.block import map_block
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.service import context as context_module
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.schema import steps
from geocrop_processes.service.steps import KINDS, Step
from geocrop_processes.service.work import maps
from geocrop_processes.service.worker import WorkerContext, create_worker, run_step, work
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS

INPUTS = {"aoi": [30.2, -17.36, 300], "year": 2022, "model": "stripes@1", "mask": "none"}


def submit(context: WorkerContext, job_id: str, **inputs: Any) -> None:
    context.store.add(job_id, "crop-classification", {**INPUTS, "fresh": False, **inputs}, {})


def take(context: WorkerContext, *kinds: str) -> Step:
    step = context.store.claim(kinds or KINDS)
    assert step is not None
    return step


def drain(context: WorkerContext) -> None:
    """Do whatever is due, as one worker does."""
    while work(context, lambda: None):
        pass


def stored(context: WorkerContext, job_id: str) -> list[str]:
    return context.storage.list(RESULTS, f"results/{job_id}/")


def forget_leases(context: WorkerContext) -> None:
    """Every lease has ended."""
    with context.store._database.write() as connection:
        connection.execute(update(steps).values(at=0))


def finished(context: WorkerContext, job_id: str) -> Job:
    job = context.store.get(job_id)
    assert job.status == "successful", job.message
    return job


def test_a_job_gives_the_same_bytes_as_the_command_line(
    context: WorkerContext, model: RegisteredModel
) -> None:
    submit(context, "a")
    drain(context)
    result = finished(context, "a").result
    assert result is not None
    request = Request(Aoi(30.2, -17.36, 300), Season(2022), context.settings.catalog.url, 512, 6)
    at_once = classify(
        "b",
        request,
        model,
        find=context.find,
        storage=context.storage,
        access=context.access,
    )
    assert result["outputs"]["class-map"]["sha256"] == at_once.checksums["class-map"]
    assert result["outputs"]["confidence"]["sha256"] == at_once.checksums["confidence"]
    assert result["summary"]["classes"] == at_once.summary["classes"]


def test_a_map_within_a_season_is_made_by_the_model_of_its_date(
    context: WorkerContext, dated: str
) -> None:
    submit(context, "a", model=dated, as_of="2023-02-28")
    drain(context)
    result = finished(context, "a").result
    assert result is not None
    assert result["summary"]["season"]["dekads"] == 18
    # a pass every 13.4 days
    assert 10 <= len(result["summary"]["scenes_used"]) <= 14
    properties = json.loads(context.storage.get(RESULTS, "results/a/item.json"))["properties"]
    assert properties["end_datetime"] == "2023-02-28T23:59:59Z"
    assert properties["geocrop:season"]["as_of"] == "2023-02-28"
    assert set(context.models) == {("stripes@1", ""), (dated, "02-28")}


def test_a_date_that_a_model_was_not_trained_for_fails_with_those_that_it_knows(
    context: WorkerContext, dated: str
) -> None:
    # a submission is refused; the alias may have moved since
    submit(context, "a", model=dated, as_of="2023-01-31")
    drain(context)
    job = context.store.get("a")
    assert job.status == "failed"
    assert "01-31" in str(job.message)
    assert "02-28" in str(job.message)


def test_a_result_names_each_file_as_it_is_stored(context: WorkerContext) -> None:
    submit(context, "a")
    drain(context)
    result = finished(context, "a").result
    assert result is not None
    assert result["job_id"] == "a"
    names = {output["file"] for output in result["outputs"].values()}
    assert {f"results/a/{name}" for name in names} == set(stored(context, "a"))
    for output in result["outputs"].values():
        content = context.storage.get(RESULTS, f"results/a/{output['file']}")
        assert hashlib.sha256(content).hexdigest() == output["sha256"]
        assert len(content) == output["size"]
    item = json.loads(context.storage.get(RESULTS, "results/a/item.json"))
    assert context.store.items() == ([item], 1)


def test_the_same_request_is_answered_from_the_earlier_product(context: WorkerContext) -> None:
    submit(context, "a")
    drain(context)
    submit(context, "b")
    assert run_step(context, take(context, "plan"))
    assert finished(context, "b").result == finished(context, "a").result
    assert stored(context, "b") == []
    submit(context, "c", fresh=True)
    assert run_step(context, take(context, "plan"))
    assert context.store.get("c").status == "running"


def test_a_product_whose_files_are_gone_answers_nothing(context: WorkerContext) -> None:
    submit(context, "a")
    drain(context)
    context.storage.delete(RESULTS, "results/a/")
    submit(context, "b")
    assert run_step(context, take(context, "plan"))
    assert context.store.get("b").status == "running"


def test_a_product_in_use_outlives_the_job_that_made_it(context: WorkerContext) -> None:
    for job_id in ("a", "b"):
        submit(context, job_id)
        drain(context)
    context.store.dismiss("a")
    drain(context)
    assert stored(context, "a") != []
    context.store.dismiss("b")
    drain(context)
    assert stored(context, "a") == []


def test_a_dismissed_product_leaves_no_file(context: WorkerContext) -> None:
    submit(context, "a")
    drain(context)
    context.store.dismiss("a")
    drain(context)
    assert stored(context, "a") == []
    assert context.store.get("a").status == "dismissed"


def test_a_block_that_was_being_written_at_the_dismissal_leaves_no_file(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cleaning waits for the writer; a writer whose lease was lost sweeps up itself."""
    for job_id in ("a", "b"):
        submit(context, job_id)
        assert run_step(context, take(context, "plan"))
        for _ in range(2):
            assert run_step(context, take(context, "block"))
        step = take(context, "block")
        whole = map_block

        def dismissed(*args: Any, of: str = job_id, first: Any = whole, **options: Any) -> None:
            context.store.dismiss(of)
            if of == "b":
                forget_leases(context)
                drain(context)
            first(*args, **options)

        monkeypatch.setattr(maps, "map_block", dismissed)
        assert not run_step(context, step)
        monkeypatch.setattr(maps, "map_block", whole)
        drain(context)
        assert stored(context, job_id) == []
        assert context.store.get(job_id).status == "dismissed"


@pytest.mark.parametrize("kind", ["plan", "block", "finish"])
def test_the_running_step_of_a_dismissed_job_is_left_and_the_job_cleaned_at_once(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    submit(context, "a")
    while (step := take(context)).kind != kind:
        run_step(context, step)
    context.store.lease_s = 0.3
    name = {"plan": "plan_map", "block": "map_block", "finish": "finish_map"}[kind]
    whole = getattr(maps, name)
    left: list[str] = []

    def dismissed(*args: Any, abandoned: Callable[[], bool], **options: Any) -> Any:
        context.store.dismiss("a")
        while not abandoned():
            threading.Event().wait(0.01)
        before = stored(context, "a")
        try:
            return whole(*args, abandoned=abandoned, **options)
        except Abandoned:
            left.append(kind)
            assert stored(context, "a") == before
            raise

    monkeypatch.setattr(maps, name, dismissed)
    assert not run_step(context, step)
    assert left == [kind]
    assert context.store.due() == {"clean": 1}
    drain(context)
    assert stored(context, "a") == []
    assert context.store.get("a").status == "dismissed"


def test_an_attempt_that_comes_late_changes_nothing_of_the_one_that_was_counted(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The late one could not read what the other could: its block is empty."""
    submit(context, "whole")
    drain(context)
    submit(context, "a", fresh=True)
    assert run_step(context, take(context, "plan"))
    late = take(context, "block")
    forget_leases(context)
    counted = take(context, "block")
    assert (counted.name, counted.attempt) == (late.name, 2)
    assert run_step(context, counted)
    computed = block_module.compute_block

    def unreadable(*args: Any) -> Any:
        result = computed(*args)
        return replace(result, classes=result.classes * 0)

    with monkeypatch.context() as patched:
        patched.setattr(block_module, "compute_block", unreadable)
        assert not run_step(context, late)
    drain(context)
    checksums = []
    for job_id in ("whole", "a"):
        result = finished(context, job_id).result
        assert result is not None
        checksums.append(result["outputs"]["class-map"]["sha256"])
    assert checksums[0] == checksums[1]


def test_a_late_block_of_a_finished_job_leaves_no_checkpoint(context: WorkerContext) -> None:
    submit(context, "a")
    run_step(context, take(context, "plan"))
    late = take(context, "block")
    assert context.store.failed(late, {"title": "", "detail": "", "status": 500}, retry=True)
    threading.Event().wait(1.1)
    drain(context)
    finished(context, "a")
    before = stored(context, "a")
    context.storage.put(RESULTS, f"results/a/blocks/{late.name}.1.npz", b"late", "text/plain")
    context.store.sweep("a")
    drain(context)
    finished(context, "a")
    assert stored(context, "a") == before


def test_finishing_again_after_a_crash_takes_what_is_published(context: WorkerContext) -> None:
    """The report was never made, though every file was written and the checkpoints were removed."""
    submit(context, "a")
    while (step := take(context)).kind != "finish":
        run_step(context, step)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(context.store, "finished", lambda *_: False)
        run_step(context, step)
    written = {key: context.storage.get(RESULTS, key) for key in stored(context, "a")}
    assert run_step(context, step)
    finished(context, "a")
    assert {key: context.storage.get(RESULTS, key) for key in stored(context, "a")} == written


def test_a_map_that_cannot_be_made_fails_at_once_and_says_why(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TooFewScenes("Only 2 acquisitions can be used, a map needs 6.")

    monkeypatch.setattr(maps, "plan_map", refuse)
    submit(context, "a")
    assert run_step(context, take(context))
    job = context.store.get("a")
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["status"], job.error["detail"]) == (
        422,
        "Only 2 acquisitions can be used, a map needs 6.",
    )


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (CatalogUnavailable("The catalogue is away."), "The catalogue is away."),
        (
            ZeroDivisionError("nought"),
            "The step 'plan' met an unexpected ZeroDivisionError.",
        ),
    ],
)
def test_what_may_pass_is_tried_again(
    context: WorkerContext,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    detail: str,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(maps, "plan_map", refuse)
    submit(context, "a")
    assert run_step(context, take(context))
    job = context.store.get("a")
    assert (job.status, job.message) == ("running", f"will be tried again: {detail}")
    assert "job a: plan" in caplog.text


def test_what_was_written_too_late_is_cleaned_up_though_its_writer_is_killed_then(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(context, "a")
    run_step(context, take(context, "plan"))
    late = take(context, "block")
    context.store.dismiss("a")
    forget_leases(context)
    drain(context)

    def written(*args: Any, abandoned: Any, **options: Any) -> None:
        del abandoned
        map_block(*args, **options)

    monkeypatch.setattr(maps, "map_block", written)
    assert not run_step(context, late)
    # the report was the last that it did
    assert stored(context, "a") != []
    assert context.store.due() == {"clean": 1}
    drain(context)
    assert stored(context, "a") == []


@pytest.mark.embedded_only
def test_a_finished_job_leaves_nothing_half_written(context: WorkerContext) -> None:
    """A worker was killed while it put a file of the product into its place."""
    submit(context, "a")
    while (step := take(context)).kind != "finish":
        run_step(context, step)
    folder = Path(context.storage.url(RESULTS, "results/a"))
    (folder / ".0123.partial").write_bytes(b"half")
    assert run_step(context, step)
    assert {path.name for path in folder.iterdir()} == {
        key.rpartition("/")[2] for key in stored(context, "a")
    }


def test_an_echo_is_one_step(context: WorkerContext) -> None:
    context.store.add("a", "echo", {"message": "mangwanani"}, {})
    drain(context)
    result = finished(context, "a").result
    assert result is not None
    assert result["outputs"]["message"] == "mangwanani"


def test_a_dismissed_pause_ends(context: WorkerContext) -> None:
    context.store.lease_s = 0.3
    context.store.add("a", "echo", {"message": "x", "pause": 30}, {})
    step = take(context)
    threading.Timer(0.2, context.store.dismiss, ["a"]).start()
    assert not run_step(context, step)
    assert context.store.get("a").status == "dismissed"


def test_what_a_stopping_worker_does_is_left_to_another_and_no_failure(
    context: WorkerContext,
) -> None:
    asked = threading.Event()
    stopping = replace(context, stopping=asked.is_set)
    context.store.add("a", "echo", {"message": "x", "pause": 30}, {})
    step = take(context)
    threading.Timer(0.2, asked.set).start()
    assert not run_step(stopping, step)
    assert not work(stopping, lambda: None)
    assert context.store.due() == {"run": 1}
    again = take(context)
    assert (again.attempt, again.failures) == (2, 0)


def test_a_lease_is_kept_while_a_step_is_done(context: WorkerContext) -> None:
    context.store.lease_s = 0.3
    context.store.add("a", "echo", {"message": "x", "pause": 1}, {})
    step = take(context)
    rival: list[Step | None] = []
    timer = threading.Timer(0.7, lambda: rival.append(context.store.claim(KINDS)))
    timer.start()
    assert run_step(context, step)
    timer.join()
    assert rival == [None]


def test_the_simulated_archive_is_read_from_its_folder(
    settings: Settings, context: WorkerContext, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which process reads the scenes is not known when they are searched: no address of this one is in them."""
    simulated = settings.model_copy(
        update={"catalog": settings.catalog.model_copy(update={"url": "simulation"})}
    )
    asked = WorkerContext(
        simulated, context.store, context.storage, context.registry, context.access
    )
    folder = settings.data.absolute() / "simulation"
    monkeypatch.setattr(context_module, "prepare_archive", lambda data, *_: data / "simulation")

    class Served:
        def __enter__(self) -> str:
            return archive

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(context_module, "serve", lambda _folder: Served())
    found = asked.find(Aoi(30.2, -17.36, 300), Season(2022))
    assert {scene.link for scene in found.scenes} == {None}
    for scene in found.scenes:
        assert scene.files["B02"].href == f"{folder}/{scene.key}/B02.tif"


def test_a_worker_compiles_before_it_takes_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery sends this signal in the parent, before there is a process that could take a step."""
    folders: list[Path] = []
    monkeypatch.setattr(settings_module, "warm_up", folders.append)
    service = settings.service.model_copy(update={"broker": "memory://"})
    create_worker(settings.model_copy(update={"service": service}))
    assert folders == []
    worker_init.send(sender=None)
    assert folders[-1] == settings.data.absolute() / "cache" / "kernels"


@pytest.mark.embedded_only
def test_a_worker_needs_a_broker(settings: Settings) -> None:
    with pytest.raises(InvalidSetting, match="GEOCROP_SERVICE__BROKER"):
        create_worker(settings)


def test_probabilities_are_made_where_the_request_names_them(context: WorkerContext) -> None:
    wanted: dict[str, Any] = {"outputs": {"class-map": {}, "probabilities": {}}}
    context.store.add("a", "crop-classification", {**INPUTS, "fresh": False}, wanted)
    drain(context)
    submit(context, "b")
    drain(context)
    asked, plain = (finished(context, job_id).result for job_id in ("a", "b"))
    assert asked is not None
    assert plain is not None
    assert asked["outputs"]["probabilities"]["file"] == "probabilities.tif"
    assert "results/a/probabilities.tif" in stored(context, "a")
    # a map without them is another product: it is not answered by this one, nor are they made for it
    assert plain["job_id"] == "b"
    assert "probabilities" not in plain["outputs"]
