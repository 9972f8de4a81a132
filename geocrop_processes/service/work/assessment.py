"""The one step of an assessment."""

import json
from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.pipeline.abandon import Asked, leave
from geocrop_processes.pipeline.assess import assess, legend_of_map, read_strata
from geocrop_processes.pipeline.labels import CSV, MEDIA_TYPES
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.publish.record import SIMULATED_NOTICE
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.labelled import reference_of
from geocrop_processes.service.steps import SUCCESSFUL, Step
from geocrop_processes.service.work.files import finish_with, open_given
from geocrop_processes.storage import RESULTS, result_key


def run(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Judge a map."""
    job, storage = context.store.get(step.job_id), context.storage
    inputs = job.inputs
    mapped = context.store.get(inputs["product"])
    if mapped.status != SUCCESSFUL or mapped.result is None:
        raise InvalidUpload(f"The job {mapped.id} is {mapped.status}: its map is there no more.")
    folder = result_key(mapped.result["job_id"])
    item: dict[str, Any] = json.loads(storage.get(RESULTS, f"{folder}{ITEM}"))
    class_map = storage.get(RESULTS, folder + KINDS["class-map"].file_name)
    year = int(mapped.inputs["year"])
    upload = open_given(context, inputs["reference"], MEDIA_TYPES)
    points = reference_of(upload, context.settings, year, legend_of_map(class_map))
    strata = None
    if "strata" in inputs:
        strata = read_strata(open_given(context, inputs["strata"], [CSV]).content)
    leave(left)
    properties = item["properties"]
    made = assess(
        job.id,
        class_map,
        points,
        storage,
        title=str(properties["title"]),
        year=year,
        strata=strata,
        notice=SIMULATED_NOTICE if properties["geocrop:simulated"] else None,
    )
    leave(left)
    return finish_with(context, step, made.files)
