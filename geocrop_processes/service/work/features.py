"""The steps of a raster of features: plan, block after block, finish."""

from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.features import features_block, finish_features, plan_features
from geocrop_processes.pipeline.plan import Plan
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work.files import finish_with
from geocrop_processes.service.work.maps import request_of


def plan(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Decide what will be computed."""
    job = context.store.get(step.job_id)
    request = request_of(context.settings, job)
    made = plan_features(job.id, job.created, request, context.find, context.access, abandoned=left)
    names = [found.name for found in made.blocks]
    return context.store.planned(step, made.to_json(), names, None)


def block(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Compute one block."""
    planned = context.plan(step.job_id, Plan.from_json)
    found = planned.block(step.name)
    features_block(
        planned, found, context.storage, context.access, attempt=step.attempt, abandoned=left
    )
    return context.store.block_done(step)


def finish(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Assemble the raster."""
    planned = context.plan(step.job_id, Plan.from_json)
    attempts = context.store.attempts_of_blocks(step.job_id)
    made = finish_features(planned, context.storage, attempts=attempts, abandoned=left)
    return finish_with(context, step, made.files)
