"""The one step of an echo."""

from geocrop_processes.pipeline.abandon import Asked, leave
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.echo import echo
from geocrop_processes.service.steps import Step


def run(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Give back what was given."""
    job = context.store.get(step.job_id)
    outputs = echo(job.inputs, cancelled=left)
    leave(left)
    return context.store.finished(step, {"outputs": outputs}, None)
