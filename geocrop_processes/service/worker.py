"""Carries out what is due: Celery enters here.

A worker claims a step from the job store, does it, and reports it with its attempt number. It may be killed
at any moment: the lease ends, another worker takes the step, and the same bytes come of it.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from threading import Event
from typing import Any

from celery import Celery  # type: ignore[import-untyped]

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import (
    BrokerUnavailable,
    GeoCropError,
    InvalidSetting,
    Unavailable,
)
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import Scene
from geocrop_processes.pipeline.block import blocks_prefix, map_block
from geocrop_processes.pipeline.plan import Plan, Request, plan
from geocrop_processes.pipeline.product import ITEM, finish
from geocrop_processes.publish.assets import KINDS as FILES
from geocrop_processes.registry import RegisteredModel, Registry
from geocrop_processes.service import steps
from geocrop_processes.service.echo import echo
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.lease import kept
from geocrop_processes.service.problems import problem_of
from geocrop_processes.service.queue import REPUBLISH, WORK, create_queue, publish, republish
from geocrop_processes.service.steps import Step
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.demonstration import ARCHIVE, prepare_archive
from geocrop_processes.storage import RESULTS, Storage

__all__ = ["WorkerContext", "create_worker", "publish", "run_step", "work"]

logger = logging.getLogger(__name__)

_ITEM_TYPE = "application/geo+json"


@dataclass(frozen=True)
class WorkerContext:
    """What a worker's process works with; made after the fork."""

    settings: Settings
    """The deployment."""
    store: JobStore
    """The jobs."""
    storage: Storage
    """Where products go."""
    registry: Registry
    """Where models come from."""
    access: Access
    """How scenes are read."""
    models: dict[str, RegisteredModel] = field(default_factory=dict)
    """Those that were loaded, by reference: a version never changes."""

    @classmethod
    def of(cls, settings: Settings) -> "WorkerContext":
        """What a deployment's settings name."""
        storage = settings.open_storage()
        return cls(
            settings,
            JobStore.of(settings),
            storage,
            settings.open_registry(storage),
            settings.access(),
        )

    def model(self, reference: str) -> RegisteredModel:
        """A model, loaded once."""
        if reference not in self.models:
            self.models[reference] = self.registry.load(reference)
        return self.models[reference]

    def find(self, aoi: Aoi, season: Season) -> Found:
        """The scenes of a place and season; those of the simulated archive are files of the data folder.

        Its catalogue is served while it is asked: which process reads the scenes later is not known here.
        """
        if self.settings.catalog.url != ARCHIVE:
            return self.settings.open_catalog(self.settings.catalog.url).find(aoi, season)
        folder = prepare_archive(
            self.settings.data.absolute(),
            self.settings.catalog.collection,
            lambda _share, _message: None,
        )
        with serve(folder) as url:
            found = self.settings.open_catalog(url).find(aoi, season)
        return Found(
            tuple(_local(s, f"{url}/files", str(folder)) for s in found.scenes), found.left_out
        )


def _local(scene: Scene, address: str, folder: str) -> Scene:
    """A simulated scene whose files are read where they are, without a link that ends with the server."""
    files = {
        name: replace(file, href=file.href.replace(address, folder, 1))
        for name, file in scene.files.items()
    }
    return replace(scene, files=files, link=None)


def run_step(context: WorkerContext, step: Step) -> bool:
    """Do a claimed step and report it; True where the report counted.

    Raises:
        StoreUnavailable: the report cannot be made; the step is due again when its lease ends.
    """
    store = context.store
    with kept(store, step) as lost:
        try:
            counted = _DO[step.kind](context, step, lost)
        except GeoCropError as error:
            logger.warning("job %s: %s %s: %s", step.job_id, step.kind, step.name, error)
            document = problem_of(error).document()
            counted = store.failed(step, document, retry=isinstance(error, Unavailable))
        except Exception as error:
            logger.exception("job %s: %s %s", step.job_id, step.kind, step.name)
            detail = f"The step {step.kind!r} met an unexpected {type(error).__name__}: {error}"
            document = {"title": "Internal error", "status": 500, "detail": detail}
            counted = store.failed(step, document, retry=True)
        if not counted:
            _sweep(context, step.job_id)
    return counted


def _plan(context: WorkerContext, step: Step, _lost: Event) -> bool:
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
    )


def _exists(context: WorkerContext, digest: str) -> bool:
    """Whether a product of the digest is published, and its files are there."""
    earlier = context.store.product_of(digest)
    if earlier is None or earlier.result is None:
        return False
    item = f"{_folder(earlier.result['job_id'])}{ITEM}"
    return item in context.storage.list(RESULTS, item)


def _block(context: WorkerContext, step: Step, _lost: Event) -> bool:
    """Map one block."""
    planned = Plan.from_json(context.store.plan_of(step.job_id))
    block = next(block for block in planned.blocks if block.name == step.name)
    ensemble = context.model(planned.model).ensemble
    map_block(planned, block, ensemble, context.storage, context.access)
    return context.store.block_done(step)


def _finish(context: WorkerContext, step: Step, _lost: Event) -> bool:
    """Publish the map; what another attempt has published is whole if it has its item."""
    storage, folder = context.storage, _folder(step.job_id)
    if f"{folder}{ITEM}" not in storage.list(RESULTS, folder):
        planned = Plan.from_json(context.store.plan_of(step.job_id))
        finish(planned, context.model(planned.model), storage)
    storage.delete(RESULTS, blocks_prefix(step.job_id))
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


def _run(context: WorkerContext, step: Step, lost: Event) -> bool:
    """Do a process of one step."""
    job = context.store.get(step.job_id)
    outputs = _SIMPLE[job.process](job.inputs, lost)
    return context.store.finished(step, {"outputs": outputs}, None)


def _clean(context: WorkerContext, step: Step, _lost: Event) -> bool:
    """Remove what a closed job has left, and what nobody uses any more."""
    _remove(context, step.job_id)
    return context.store.cleaned(step)


def _sweep(context: WorkerContext, job_id: str) -> None:
    """A report came too late: what was written for it may have been cleaned up before it was written."""
    status = context.store.get(job_id).status
    if status == steps.SUCCESSFUL:
        context.storage.delete(RESULTS, blocks_prefix(job_id))
    elif status not in steps.OPEN:
        _remove(context, job_id)


def _remove(context: WorkerContext, job_id: str) -> None:
    for product in context.store.products_to_clean(job_id):
        context.storage.delete(RESULTS, _folder(product))


def _folder(job_id: str) -> str:
    return f"results/{job_id}/"


_SIMPLE: Mapping[str, Callable[[dict[str, Any], Event], dict[str, Any]]] = {
    "echo": lambda inputs, lost: echo(inputs, cancelled=lost.is_set),
}
"""Processes of one step, by their ids."""

_DO: Mapping[str, Callable[[WorkerContext, Step, Event], bool]] = {
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
    step = context.store.claim(steps.KINDS)
    if step is None:
        return False
    run_step(context, step)
    try:
        tell()
    except BrokerUnavailable as error:
        logger.warning("job %s: %s", step.job_id, error)
    return True


def create_worker(settings: Settings) -> Celery:
    """The worker of a deployment.

    Raises:
        InvalidSetting: no broker is named.
    """
    if settings.service.broker is None:
        raise InvalidSetting("A worker needs a queue: GEOCROP_SERVICE__BROKER names none.")
    app = create_queue(settings)

    @cache
    def context_of(_process: int) -> WorkerContext:
        # connections, models and threads do not survive a fork
        return WorkerContext.of(settings)

    def do_work(_kind: str) -> None:
        context = context_of(os.getpid())
        work(context, lambda: republish(app, context.store))

    def do_republish() -> None:
        republish(app, context_of(os.getpid()).store)

    app.task(do_work, name=WORK)
    app.task(do_republish, name=REPUBLISH)
    return app
