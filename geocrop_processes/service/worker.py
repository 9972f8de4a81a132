"""Carries out what is due: Celery enters here.

A worker claims a step from the job store, does it, and reports it with its attempt number. It may be killed
at any moment: the lease ends, another worker takes the step, and the same bytes come of it.
"""

import hashlib
import json
import logging
import mmap
import os
import signal
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, partial
from threading import Event
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from celery.signals import worker_init, worker_ready  # type: ignore[import-untyped]

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import (
    Abandoned,
    BrokerUnavailable,
    GeoCropError,
    InvalidSetting,
    Unavailable,
)
from geocrop_processes.pipeline.abandon import Asked, leave
from geocrop_processes.pipeline.block import discard_results, map_block
from geocrop_processes.pipeline.plan import Plan, Request, plan
from geocrop_processes.pipeline.product import ITEM, finish
from geocrop_processes.publish.assets import KINDS as FILES
from geocrop_processes.service import steps
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.echo import echo
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.lease import kept
from geocrop_processes.service.problems import problem_of
from geocrop_processes.service.queue import WORK, create_queue, republish
from geocrop_processes.service.steps import Step
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS
from geocrop_processes.storage.folder import PARTIAL

__all__ = ["WorkerContext", "create_worker", "run_step", "work"]

logger = logging.getLogger(__name__)

_ITEM_TYPE = "application/geo+json"


def run_step(context: WorkerContext, step: Step) -> bool:
    """Do a claimed step and report it; True where the report counted.

    Raises:
        StoreUnavailable: the report cannot be made; the step is due again when its lease ends.
    """
    store = context.store
    with kept(store, step) as lost:
        try:
            left = partial(_is_left, lost, context.stopping)
            counted = _DO[step.kind](context, step, left)
        except Abandoned:
            logger.info("job %s: %s %s was left", step.job_id, step.kind, step.name)
            store.release(step)
            counted = False
        except GeoCropError as error:
            logger.warning("job %s: %s %s: %s", step.job_id, step.kind, step.name, error)
            document = problem_of(error).document()
            counted = store.failed(step, document, retry=isinstance(error, Unavailable))
        except Exception as error:
            # its words are for the log: they can hold anything
            logger.exception("job %s: %s %s", step.job_id, step.kind, step.name)
            detail = f"The step {step.kind!r} met an unexpected {type(error).__name__}."
            document = {"title": "Internal error", "status": 500, "detail": detail}
            counted = store.failed(step, document, retry=True)
        if not counted:
            # what was written for a closed job may have been cleaned up before it was written
            store.sweep(step.job_id)
    return counted


def _is_left(lost: Event, stopping: Asked) -> bool:
    """Whether nothing will come of a step, or another worker is to do it."""
    return lost.is_set() or stopping()


def _plan(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Decide what will be done, unless the same map exists."""
    job = context.store.get(step.job_id)
    model = context.model(job.inputs["model"])
    made = plan(
        job.id,
        job.created,
        _request(context.settings, job),
        model,
        context.find,
        context.access,
        storage=context.storage,
        abandoned=lost,
    )
    if not job.inputs.get("fresh", False) and _exists(context, made.digest):
        answered = context.store.answered(step, made.digest)
        if answered:
            return True
    names = [block.name for block in made.blocks]
    return context.store.planned(step, made.to_json(), names, made.digest)


def _request(settings: Settings, job: Job) -> Request:
    inputs = job.inputs
    as_of = inputs.get("as_of")
    lon, lat, radius = map(float, inputs["aoi"])
    return Request(
        Aoi(lon, lat, radius),
        Season(inputs["year"], date.fromisoformat(as_of) if as_of else None),
        settings.catalog.url,
        settings.map.block_px,
        settings.map.min_acquisitions,
        inputs.get("mask", "none"),
        keep_features=settings.cache.features,
    )


def _exists(context: WorkerContext, digest: str) -> bool:
    """Whether a whole product of the digest is published; one that lacked a scene is made anew."""
    earlier = context.store.product_of(digest)
    if earlier is None or earlier.result is None:
        return False
    item = f"{_folder(earlier.result['job_id'])}{ITEM}"
    if item not in context.storage.list(RESULTS, item):
        return False
    published = json.loads(context.storage.get(RESULTS, item))
    return bool(published["properties"]["geocrop:complete"])


def _block(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Map one block."""
    planned = Plan.from_json(context.store.plan_of(step.job_id))
    block = next(block for block in planned.blocks if block.name == step.name)
    ensemble = context.model(planned.model).ensemble
    map_block(
        planned,
        block,
        ensemble,
        context.storage,
        context.access,
        attempt=step.attempt,
        abandoned=lost,
    )
    return context.store.block_done(step)


def _finish(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Publish the map; what another attempt has published is whole if it has its item."""
    storage, folder = context.storage, _folder(step.job_id)
    if f"{folder}{ITEM}" not in storage.list(RESULTS, folder):
        planned = Plan.from_json(context.store.plan_of(step.job_id))
        attempts = context.store.attempts_of_blocks(step.job_id)
        model = context.model(planned.model)
        finish(planned, model, storage, attempts=attempts, abandoned=lost)
    discard_results(step.job_id, storage)
    # what a killed attempt has left half written
    storage.delete(RESULTS, folder, PARTIAL)
    content = storage.get(RESULTS, f"{folder}{ITEM}")
    item = json.loads(content)
    summary = json.loads(storage.get(RESULTS, f"{folder}{FILES['summary'].file_name}"))
    outputs = _outputs(item) | {
        "item": {
            "file": ITEM,
            "media_type": _ITEM_TYPE,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    }
    result = {"job_id": step.job_id, "outputs": outputs, "summary": summary}
    return context.store.finished(step, result, item)


def _outputs(item: Mapping[str, Any]) -> dict[str, Any]:
    """The product's files by asset key, as its item tells of them."""
    assets = {key: item["assets"][key] for key in FILES if key in item["assets"]}
    return {
        key: {
            "file": FILES[key].file_name,
            "media_type": FILES[key].media_type,
            # a multihash: what kind and how long, then the checksum
            "sha256": asset["file:checksum"][4:],
            "size": asset["file:size"],
        }
        for key, asset in assets.items()
    }


def _run(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Do a process of one step."""
    job = context.store.get(step.job_id)
    outputs = _SIMPLE[job.process](job.inputs, lost)
    leave(lost)
    return context.store.finished(step, {"outputs": outputs}, None)


def _clean(context: WorkerContext, step: Step, _lost: Asked) -> bool:
    """Remove what a closed job has left, and what nobody uses any more."""
    discard_results(step.job_id, context.storage)
    for product in context.store.products_to_clean(step.job_id):
        context.storage.delete(RESULTS, _folder(product))
    return context.store.cleaned(step)


def _folder(job_id: str) -> str:
    return f"results/{job_id}/"


_SIMPLE: Mapping[str, Callable[[dict[str, Any], Asked], dict[str, Any]]] = {
    "echo": lambda inputs, lost: echo(inputs, cancelled=lost),
}
"""Processes of one step, by their ids."""

_DO: Mapping[str, Callable[[WorkerContext, Step, Asked], bool]] = {
    steps.PLAN: _plan,
    steps.BLOCK: _block,
    steps.FINISH: _finish,
    steps.RUN: _run,
    steps.CLEAN: _clean,
}


def work(context: WorkerContext, tell: Callable[[], object]) -> bool:
    """Claim the next due step and do it, then tell of what is due; False where nothing was due.

    Raises:
        StoreUnavailable: the job store does not answer.
    """
    step = None if context.stopping() else context.store.claim(steps.KINDS)
    if step is None:
        return False
    run_step(context, step)
    try:
        tell()
    except BrokerUnavailable as error:
        logger.warning("job %s: %s", step.job_id, error)
    return True


def _when_asked_to_end() -> Asked:
    """Tells in each process of a worker whether the worker is asked to end.

    Only its first process gets the signal, and Celery's own news of it comes when the others are dead. A byte
    of memory that all share needs no lock, which a killed process could take with it.
    """
    byte = mmap.mmap(-1, 1)

    def listen(**_: Any) -> None:
        first = os.getpid()
        for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(name, partial(end, first, signal.getsignal(name)))

    def end(first: int, celerys: Any, *arguments: Any) -> None:
        if os.getpid() == first:
            byte[0] = 1
        if callable(celerys):
            celerys(*arguments)

    worker_ready.connect(listen, weak=False)
    return lambda: byte[0] == 1


def create_worker(settings: Settings) -> Celery:
    """The worker of a deployment.

    Raises:
        InvalidSetting: no broker is named.
    """
    if settings.service.broker is None:
        raise InvalidSetting("A worker needs a queue: GEOCROP_SERVICE__BROKER names none.")
    app = create_queue(settings)
    stopping = _when_asked_to_end()

    @cache
    def context_of(_process: int) -> WorkerContext:
        # connections, models and threads do not survive a fork
        return WorkerContext.of(settings, stopping)

    def do_work() -> None:
        context = context_of(os.getpid())
        work(context, lambda: republish(settings, context.store))

    def warm_up(**_signal: object) -> None:
        settings.warm_up()

    # in the parent, before it forks and takes work: what is compiled is inherited
    worker_init.connect(warm_up, weak=False)
    # of this app alone: Celery would give it to every app that the process makes
    app.task(do_work, name=WORK, shared=False)
    return app
