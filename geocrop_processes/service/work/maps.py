"""The steps of a map: plan, block after block, finish."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.block import discard_results, map_block, take_over
from geocrop_processes.pipeline.plan import Plan, Request
from geocrop_processes.pipeline.plan import plan as plan_map
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.pipeline.product import finish as finish_map
from geocrop_processes.publish.assets import KINDS as FILES
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work.files import folder_of
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS
from geocrop_processes.storage.folder import PARTIAL

_ITEM_TYPE = "application/geo+json"


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
    if not job.inputs.get("fresh", False) and _exists(context, made.digest):
        answered = context.store.answered(step, made.digest)
        if answered:
            return True
    names = [block.name for block in made.blocks]
    done = () if job.inputs.get("fresh", False) else _taken_over(context, made)
    return context.store.planned(step, made.to_json(), names, made.digest, done)


def _taken_over(context: WorkerContext, made: Plan) -> Sequence[str]:
    """The blocks of a partial map of the same digest, kept under the new job's name."""
    earlier = context.store.product_of(made.digest)
    missing = ((earlier and earlier.result) or {}).get("summary", {}).get("missing_blocks")
    if earlier is None or not missing:
        return ()
    before = Plan.from_json(context.store.plan_of(earlier.id))
    # blocks of another size have other names, or other pixels
    if before.blocks != made.blocks:
        return ()
    attempts = context.store.attempts_of_blocks(earlier.id)
    return take_over(before, made, context.storage, attempts)


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


def _exists(context: WorkerContext, digest: str) -> bool:
    """Whether a whole product of the digest is published; one that lacked a scene is made anew."""
    earlier = context.store.product_of(digest)
    if earlier is None or earlier.result is None:
        return False
    item = f"{folder_of(earlier.result['job_id'])}{ITEM}"
    if item not in context.storage.list(RESULTS, item):
        return False
    published = json.loads(context.storage.get(RESULTS, item))
    return bool(published["properties"]["geocrop:complete"])


def block(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Map one block."""
    max_seconds = context.store.get(step.job_id).inputs.get("max_seconds")
    if max_seconds is not None and context.store.out_of_time(step, max_seconds):
        return True
    planned = Plan.from_json(context.store.plan_of(step.job_id))
    found = next(found for found in planned.blocks if found.name == step.name)
    map_block(
        planned,
        found,
        _model(context, planned),
        context.storage,
        context.access,
        attempt=step.attempt,
        abandoned=lost,
    )
    return context.store.block_done(step)


def finish(context: WorkerContext, step: Step, lost: Asked) -> bool:
    """Publish the map; what another attempt has published is whole if it has its item."""
    storage, folder = context.storage, folder_of(step.job_id)
    if f"{folder}{ITEM}" not in storage.list(RESULTS, folder):
        planned = Plan.from_json(context.store.plan_of(step.job_id))
        attempts = context.store.attempts_of_blocks(step.job_id)
        model = _model(context, planned)
        finish_map(planned, model, storage, attempts=attempts, abandoned=lost)
    summary = json.loads(storage.get(RESULTS, f"{folder}{FILES['summary'].file_name}"))
    message = _message(summary)
    # the blocks of a partial map are kept for the job that maps the others
    if "missing_blocks" not in summary:
        discard_results(step.job_id, storage)
    # what a killed attempt has left half written
    storage.delete(RESULTS, folder, PARTIAL)
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
    return context.store.finished(step, result, item, message)


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
