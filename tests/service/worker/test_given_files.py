"""What a worker does with files that it was given, and with those that a job of one step makes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geocrop_processes.errors import Abandoned, InvalidUpload, SourceUnavailable
from geocrop_processes.pipeline import train as pipeline_train
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.service import uploads
from geocrop_processes.service.fetch import Fetched
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.outward import Limits
from geocrop_processes.service.steps import Step
from geocrop_processes.service.uploads import Upload
from geocrop_processes.service.work import files
from geocrop_processes.service.worker import WorkerContext, run_step, work
from geocrop_processes.settings import Settings, UploadSettings
from geocrop_processes.storage import DATASETS, RESULTS

pytestmark = pytest.mark.embedded_only

CSV = b"lon,lat,class,season\n30.2,-17.36,maize,2022\n30.201,-17.36,soybean,2022\n"
HREF = "https://data.example.org/labels.csv?token=hidden"
HOW = {"per_field": 20, "seed": 1, "as_of": []}
TRAINING = {
    "name": "fields",
    "description": "",
    "use": "",
    "limits": "",
    "seed": 1,
    "trials": 0,
    "folds": 2,
    "block_m": 200,
    "max_rounds": 2,
}


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    """A worker's process without a model: none is asked for here."""
    no_registry: Any = None
    access, storage = settings.access(), settings.open_storage()
    opened = WorkerContext(settings, JobStore.of(settings), storage, no_registry, access)
    yield opened
    opened.store.close()


def answering(content: bytes | Exception, media_type: str = "text/csv") -> Callable[..., Fetched]:
    def fetch(href: str, limits: Limits) -> Fetched:
        assert href == HREF
        assert limits == Limits(frozenset({"data.example.org"}), 1024, 5.0)
        if isinstance(content, Exception):
            raise content
        return Fetched(content, media_type)

    return fetch


def fetching(context: WorkerContext, fetch: Callable[..., Fetched]) -> WorkerContext:
    set_up = UploadSettings(hosts="data.example.org", max_bytes=1024, timeout_s=5.0)
    settings = context.settings.model_copy(update={"uploads": set_up})
    return replace(context, settings=settings, fetch=fetch)


def claim(context: WorkerContext) -> Step:
    step = context.store.claim(["plan", "run"])
    assert step is not None
    return step


def extract(context: WorkerContext, labels: dict[str, Any]) -> Job:
    """A job whose labels were read, and whose scenes were searched."""
    context.store.add("a", "sample-extraction", {"labels": labels, **HOW}, {})
    run_step(context, claim(context))
    return context.store.get("a")


def brought(context: WorkerContext) -> list[str]:
    return [key.rpartition("/")[2] for key in context.storage.list(DATASETS, "uploads/")]


@pytest.mark.parametrize(
    ("named", "media_type"),
    [
        ({"href": HREF, "mediaType": "text/csv"}, "text/csv"),
        ({"href": HREF, "mediaType": "text/csv"}, "text/plain"),
        ({"href": HREF, "mediaType": "text/csv"}, ""),
        ({"href": HREF}, "text/csv"),
    ],
)
def test_a_file_is_fetched_and_kept_under_its_checksum(
    named: dict[str, Any], media_type: str, context: WorkerContext
) -> None:
    job = extract(fetching(context, answering(CSV, media_type)), named)
    assert job.status == "running", job.error
    assert job.message == "1 blocks to do"
    assert brought(context) == [hashlib.sha256(CSV).hexdigest()]


@pytest.mark.parametrize(
    ("content", "media_type", "named", "said"),
    [
        (CSV, "text/html", {"mediaType": "text/csv"}, "'text/html'"),
        (CSV, "application/octet-stream", {}, "allowed are"),
        (InvalidUpload("It is too large."), "", {}, "It is too large."),
        (CSV + b"0,0,maize,2022\n", "text/csv", {}, "Row 4"),
        (b"PK\x03\x04", "text/csv", {}, "zip"),
    ],
)
def test_a_fetched_file_that_cannot_be_used_fails_the_job_in_the_same_words(
    content: Any, media_type: str, named: dict[str, Any], said: str, context: WorkerContext
) -> None:
    job = extract(fetching(context, answering(content, media_type)), {"href": HREF, **named})
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["status"] == 400
    assert said in job.error["detail"]
    assert "hidden" not in job.error["detail"]


def test_a_server_that_does_not_answer_is_asked_again(context: WorkerContext) -> None:
    away = answering(SourceUnavailable("It does not answer."))
    job = extract(fetching(context, away), {"href": HREF})
    assert (job.status, job.message) == ("running", "will be tried again: It does not answer.")


def test_a_host_that_is_not_listed_any_more_is_not_asked(context: WorkerContext) -> None:
    """The setting was changed since the job was accepted."""
    job = extract(context, {"href": HREF})
    assert job.error is not None
    assert "allowed are: none" in job.error["detail"]


def test_what_was_brought_and_is_gone_or_changed_fails_the_job(context: WorkerContext) -> None:
    upload = Upload(CSV, "text/csv")
    path = Path(context.storage.url(DATASETS, f"uploads/{upload.sha256}"))
    for name, said in (("gone", "bring it again"), ("changed", "checksum")):
        if name == "changed":
            uploads.keep(context.storage, Upload(CSV, "text/csv"))
            path.write_bytes(CSV + b"x")
        inputs = {"labels": upload.named(), **HOW}
        context.store.add(name, "sample-extraction", inputs, {})
        run_step(context, claim(context))
        error = context.store.get(name).error
        assert error is not None
        assert error["status"] == 400
        assert said in error["detail"]


def test_an_output_that_is_gone_or_changed_fails_the_job(context: WorkerContext) -> None:
    named = {"job": "t", "folder": "t", "file": "samples.parquet", "mediaType": "x", "size": 1}
    for name, said in (("gone", "there no more"), ("changed", "was changed")):
        if name == "changed":
            context.storage.put(RESULTS, "results/t/samples.parquet", b"x", "x")
        inputs = {"table": {**named, "sha256": "0"}, **TRAINING}
        context.store.add(name, "model-training", inputs, {})
        run_step(context, claim(context))
        error = context.store.get(name).error
        assert error is not None
        assert error["status"] == 400
        assert said in error["detail"]


def given_table(context: WorkerContext, job_id: str = "a") -> Step:
    """A training that is due; what its table holds nobody looks at here."""
    upload = Upload(b"table", "application/vnd.apache.parquet")
    uploads.keep(context.storage, upload)
    context.store.add(job_id, "model-training", {"table": upload.named(), **TRAINING}, {})
    return claim(context)


def test_how_far_a_training_is_can_be_seen_while_it_runs(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = given_table(context)
    monkeypatch.setattr(files, "_PAUSE_S", 0.0)
    seen = []

    def train(*_: Any, progress: Callable[[float, str], None], **__: Any) -> Any:
        for share in (0.0, 0.42, 7.0):
            progress(share, f"at {share}")
            job = context.store.get("a")
            seen.append((job.progress, job.message))
        raise InvalidUpload("Enough.")

    monkeypatch.setattr(pipeline_train, "train_model", train)
    assert run_step(context, step)
    assert seen == [(0, "at 0.0"), (42, "at 0.42"), (99, "at 7.0")]
    assert not context.store.told(step, 50, "too late")
    assert context.store.get("a").message == "Enough."


def test_a_dismissed_training_ends_and_leaves_no_file(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = given_table(context)
    context.store.lease_s = 0.3

    def train(*_: Any, abandoned: Callable[[], bool], **__: Any) -> Any:
        context.storage.put(RESULTS, "results/a/card.json", b"{}", "application/json")
        context.store.dismiss("a")
        while not abandoned():
            pass
        raise Abandoned("It was left.")

    monkeypatch.setattr(pipeline_train, "train_model", train)
    assert not run_step(context, step)
    while work(context, lambda: None):
        pass
    assert context.storage.list(RESULTS, "results/a/") == []
    assert context.store.get("a").status == "dismissed"


def test_what_a_killed_attempt_has_half_written_goes_when_a_job_ends(
    context: WorkerContext,
) -> None:
    step = given_table(context)
    context.storage.put(RESULTS, "results/a/card.json", b"{}", "application/json")
    half = Path(context.storage.url(RESULTS, "results/a/.x.partial"))
    half.write_bytes(b"half")
    made = ProducedFile.of_bytes("card", "card.json", "application/json", b"{}")
    assert files.finish_with(context, step, [made], {"model": "fields@1"})
    assert not half.exists()
    result = context.store.get("a").result
    assert result is not None
    assert result["values"] == {"model": "fields@1"}
    assert result["outputs"]["card"]["size"] == 2
