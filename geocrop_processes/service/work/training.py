"""The one step of a training."""

from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.table import MEDIA_TYPE as PARQUET
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work.files import finish_with, open_given, telling


def run(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Train, judge and register a model."""
    from geocrop_processes.pipeline import train  # noqa: PLC0415 - what draws takes long to import

    job = context.store.get(step.job_id)
    inputs = job.inputs
    table = open_given(context, inputs["table"], [PARQUET])
    as_of = inputs.get("as_of")
    request = train.TrainingRequest(
        name=inputs["name"],
        description=inputs["description"],
        use=inputs["use"],
        limits=inputs["limits"],
        seed=inputs["seed"],
        as_of=None if as_of is None else tuple(as_of),
        folds=inputs["folds"],
        block_m=float(inputs["block_m"]),
        trials=inputs["trials"],
        max_rounds=inputs["max_rounds"],
        alias=inputs.get("alias"),
    )
    trained = train.train_model(
        job.id,
        job.created,
        table.content,
        request,
        context.registry,
        context.storage,
        max_bytes=context.settings.uploads.max_bytes,
        progress=telling(context, step),
        abandoned=left,
    )
    return finish_with(context, step, trained.files, {"model": trained.reference})
