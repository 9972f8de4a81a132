"""What each process does when one of its steps is claimed."""

from collections.abc import Callable, Mapping

from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.service import steps
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work import assessment, echoing, features, maps, samples, training

Do = Callable[[WorkerContext, Step, Asked], bool]
"""Does a claimed step and reports it: True where the report counted. Asked in between whether it is wanted."""

WORK_OF: Mapping[str, Mapping[str, Do]] = {
    "crop-classification": {
        steps.PLAN: maps.plan,
        steps.BLOCK: maps.block,
        steps.FINISH: maps.finish,
    },
    "sample-extraction": {
        steps.PLAN: samples.plan,
        steps.BLOCK: samples.block,
        steps.FINISH: samples.finish,
    },
    "feature-extraction": {
        steps.PLAN: features.plan,
        steps.BLOCK: features.block,
        steps.FINISH: features.finish,
    },
    "model-training": {steps.RUN: training.run},
    "accuracy-assessment": {steps.RUN: assessment.run},
    "echo": {steps.RUN: echoing.run},
}
"""By process, then by kind of step."""
