"""The steps of a map: plan, block after block, finish."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NothingClear, Unavailable, UnknownJob
from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.block import discard_results, map_block, take_over
from geocrop_processes.pipeline.plan import Plan, Request
from geocrop_processes.pipeline.plan import plan as plan_map
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.pipeline.product import finish as finish_map
from geocrop_processes.publish.assets import KINDS as FILES
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.service import budget
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.steps import Step
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, result_key

_ITEM_TYPE = "application/geo+json"
_TAKEN_OVER = 8
"""Partial maps whose blocks are taken over, the newest ones."""

logger = logging.getLogger(__name__)


def plan(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Decide what will be done, unless the same map exists."""
    job = context.store.get(step.job_id)
    request = request_of(context.settings, job)
    model = context.model(job.inputs["model"], request.season.as_of_day)
    made = plan_map(
        job.id,
        job.created,
        request,
        model,
        context.find,
        context.access,
        storage=context.storage,
        abandoned=lost,
    )
    fresh = job.inputs.get("fresh", False)
    earlier = None if fresh else _exists(context, made.digest)
    if earlier and context.store.answered(step, made.digest, earlier):
        return True
    names = [block.name for block in made.blocks]
    done = () if fresh else _taken_over(context, made)
    return context.store.planned(step, made.to_json(), names, made.digest, done)


def _taken_over(context: WorkerContext, made: Plan) -> Sequence[str]:
    """The blocks of partial maps of the same digest, kept under the new job's name."""
    done: dict[str, None] = {}
    for earlier in context.store.partial_of(made.digest)[:_TAKEN_OVER]:
        with suppress(UnknownJob):
            before = Plan.from_json(context.store.plan_of(earlier))
            # blocks of another size have other names, or other pixels
            if before.blocks == made.blocks:
                attempts = context.store.attempts_of_blocks(earlier)
                new = {name: n for name, n in attempts.items() if name not in done}
                done |= dict.fromkeys(take_over(before, made, context.storage, new))
    return list(done)


def request_of(settings: Settings, job: Job) -> Request:
    """What a job of a place and a season asks for."""
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
        # to say nothing of outputs means all of them, but these are large, and few need them
        probabilities="probabilities" in (job.request.get("outputs") or {}),
    )


def _model(context: WorkerContext, planned: Plan) -> RegisteredModel:
    return context.model(planned.model, planned.request.season.as_of_day)


def _exists(context: WorkerContext, digest: str) -> str | None:
    """The whole product of the digest that is published; one that lacked a scene is made anew."""
    product = context.store.whole_of(digest)
    if product is None:
        return None
    item = result_key(product, ITEM)
    if not context.storage.has(RESULTS, item):
        return None
    published = json.loads(context.storage.get(RESULTS, item))
    return product if published["properties"]["geocrop:complete"] else None


def block(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Map one block."""
    max_seconds = context.store.get(step.job_id).inputs.get("max_seconds")
    if max_seconds is not None and context.store.out_of_time(step, max_seconds):
        return True
    planned = context.plan(step.job_id, Plan.from_json)
    map_block(
        planned,
        planned.block(step.name),
        _model(context, planned),
        context.storage,
        context.access,
        attempt=step.attempt,
        abandoned=lost,
    )
    return context.store.block_done(step)


def finish(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Publish the map; what another attempt has published is whole if it has its item."""
    storage, folder = context.storage, result_key(step.job_id)
    if not storage.has(RESULTS, f"{folder}{ITEM}"):
        planned = context.plan(step.job_id, Plan.from_json)
        attempts = context.store.attempts_of_blocks(step.job_id)
        model = _model(context, planned)
        try:
            finish_map(planned, model, storage, attempts=attempts, abandoned=lost)
        except NothingClear:
            if len(attempts) == len(planned.blocks):
                raise
            # perhaps there is something clear in the blocks that are missing
            seconds = context.store.get(step.job_id).inputs["max_seconds"]
            return context.store.failed(step, budget.problem(seconds), retry=False)
    summary = json.loads(storage.get(RESULTS, f"{folder}{FILES['summary'].file_name}"))
    message = _message(summary)
    # the blocks of a partial map are kept for the job that maps the others
    if "missing_blocks" not in summary:
        discard_results(step.job_id, storage)
    # what a killed attempt has left half written
    storage.discard_unfinished(RESULTS, folder)
    content = storage.get(RESULTS, f"{folder}{ITEM}")
    item = json.loads(content)
    outputs = _outputs(item) | {
        "item": {
            "file": ITEM,
            "media_type": _ITEM_TYPE,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    }
    result = {"job_id": step.job_id, "outputs": outputs, "summary": summary}
    counted = context.store.finished(step, result, item, message)
    if counted:
        _discard_taken(context, step.job_id, whole="missing_blocks" not in summary)
    return counted


def _discard_taken(context: WorkerContext, job_id: str, *, whole: bool) -> None:
    """Remove the blocks that partial maps have kept for a map that is made now, or was made before."""
    try:
        digest = context.store.get(job_id).digest or ""
        if not whole and context.store.whole_of(digest) is None:
            return
        for partial in context.store.partial_of(digest):
            discard_results(partial, context.storage)
    except Unavailable as error:
        # they go with their jobs
        logger.warning("job %s: %s", job_id, error)


def _message(summary: Mapping[str, Any]) -> str:
    """What people are told of a map that is done."""
    if "missing_blocks" not in summary:
        return "done"
    return (
        f"partial: the time was over, {len(summary['missing_blocks'])} of {summary['blocks']} blocks are missing; "
        "the same request again maps them"
    )


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
