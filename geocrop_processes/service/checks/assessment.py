"""The inputs of an assessment: a map that there is, and points."""

from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.pipeline.labels import Labels, Limits, read_labels
from geocrop_processes.service.checks.desk import Desk, refusing, today
from geocrop_processes.service.processes.crop_classification import CROP_CLASSIFICATION
from geocrop_processes.service.uploads import Upload
from geocrop_processes.settings import Settings


def check(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """The map must be there; reference and strata are read where they are here."""
    with refusing("product"):
        job, _ = desk.files.output(values["product"], "class-map")
        if job.process != CROP_CLASSIFICATION:
            raise InvalidUpload(f"The job {job.id} is one of {job.process}: it made no map.")
    upload = values["reference"].upload
    if upload is not None:
        with refusing("reference"):
            reference_of(upload, desk.settings)
    return values


def reference_of(upload: Upload, settings: Settings, **known: Any) -> Labels:
    """The reference points of a file.

    Raises:
        InvalidLabels: they cannot be used; the rows at fault are named.
    """
    return read_labels(
        upload.content,
        upload.media_type,
        region=settings.service_region(),
        today=today(),
        limits=Limits(max_bytes=settings.uploads.max_bytes),
        **known,
    )
