"""The inputs of an assessment: a map that there is, and points."""

from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.pipeline.assess import read_strata
from geocrop_processes.service.checks.desk import Desk, refusing
from geocrop_processes.service.labelled import reference_of
from geocrop_processes.service.processes.crop_classification import CROP_CLASSIFICATION


def check(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """The map must be there; reference and strata are read where they are here."""
    with refusing("product"):
        job, _ = desk.files.output(values["product"], "class-map")
        if job.process != CROP_CLASSIFICATION:
            raise InvalidUpload(f"The job {job.id} is one of {job.process}: it made no map.")
    upload = values["reference"].upload
    if upload is not None:
        with refusing("reference"):
            reference_of(upload, desk.settings, int(job.inputs["year"]))
    strata = values["strata"].upload if "strata" in values else None
    if strata is not None:
        with refusing("strata"):
            read_strata(strata.content)
    return values
