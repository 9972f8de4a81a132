"""The steps of an extraction of samples: plan, site after site, finish."""

from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.labels import MEDIA_TYPES
from geocrop_processes.pipeline.samples import (
    SamplePlan,
    SampleRequest,
    finish_samples,
    plan_samples,
    sample_block,
)
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.labelled import labels_of
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work.files import finish_with, open_given


def plan(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Read the labels and decide what will be looked at."""
    job, settings = context.store.get(step.job_id), context.settings
    inputs = job.inputs
    upload = open_given(context, inputs["labels"], MEDIA_TYPES)
    request = SampleRequest(
        labels_of(upload, inputs, settings),
        settings.catalog.url,
        per_field=inputs["per_field"],
        seed=inputs["seed"],
        as_of=tuple(inputs["as_of"]),
        min_acquisitions=settings.map.min_acquisitions,
    )
    made = plan_samples(
        job.id,
        job.created,
        request,
        context.find,
        context.access,
        storage=context.storage,
        abandoned=left,
    )
    names = [site.name for site in made.blocks]
    return context.store.planned(step, made.to_json(), names, None)


def block(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Look at one site."""
    planned = context.plan(step.job_id, SamplePlan.from_json)
    site = next(site for site in planned.blocks if site.name == step.name)
    sample_block(
        planned, site, context.storage, context.access, attempt=step.attempt, abandoned=left
    )
    return context.store.block_done(step)


def finish(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Join the table."""
    planned = context.plan(step.job_id, SamplePlan.from_json)
    attempts = context.store.attempts_of_blocks(step.job_id)
    made = finish_samples(planned, context.storage, attempts=attempts, abandoned=left)
    return finish_with(context, step, made.files)
