"""The one step of an assessment."""

import json
from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.pipeline.abandon import Asked, leave
from geocrop_processes.pipeline.assess import assess
from geocrop_processes.pipeline.labels import MEDIA_TYPES
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.publish.record import SIMULATED_NOTICE
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.labelled import legend_of_item, reference_of
from geocrop_processes.service.steps import SUCCESSFUL, Step
from geocrop_processes.service.work.files import finish_with, folder_of, open_given
from geocrop_processes.storage import RESULTS


def run(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Judge a map."""
    job, storage = context.store.get(step.job_id), context.storage
    inputs = job.inputs
    mapped = context.store.get(inputs["product"])
    if mapped.status != SUCCESSFUL or mapped.result is None:
        raise InvalidUpload(f"The job {mapped.id} is {mapped.status}: its map is there no more.")
    folder = folder_of(mapped.result["job_id"])
    item: dict[str, Any] = json.loads(storage.get(RESULTS, f"{folder}{ITEM}"))
    points = reference_of(
        open_given(context, inputs["reference"], MEDIA_TYPES),
        context.settings,
        int(mapped.inputs["year"]),
        legend_of_item(item),
    )
    leave(left)
    properties = item["properties"]
    made = assess(
        job.id,
        storage.get(RESULTS, folder + KINDS["class-map"].file_name),
        points,
        storage,
        title=str(properties["title"]),
        notice=SIMULATED_NOTICE if properties["geocrop:simulated"] else None,
    )
    leave(left)
    return finish_with(context, step, made.files)
