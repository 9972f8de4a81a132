"""The files of a job: those that it was given, and those that it makes."""

import logging
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from geocrop_processes.domain.progress import Progress
from geocrop_processes.errors import InvalidUpload, Unavailable
from geocrop_processes.pipeline.block import discard_results
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.service import uploads
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.outward import Limits
from geocrop_processes.service.steps import Step
from geocrop_processes.service.uploads import Upload
from geocrop_processes.storage import RESULTS, result_key

logger = logging.getLogger(__name__)

_PAUSE_S = 1.0
"""Seconds between two words about how far a step has come."""
_NONE: Mapping[str, Any] = MappingProxyType({})
_VAGUE = {"", "application/octet-stream", "binary/octet-stream", "text/plain", "application/json"}
"""What servers say of files that they do not know."""


def open_given(context: WorkerContext, named: Mapping[str, Any], allowed: Iterable[str]) -> Upload:
    """A file as a job's inputs name it: brought with the job, an earlier job's output, or fetched now.

    What is fetched is stored beside what was brought.

    Args:
        context: where to look.
        named: what the inputs say of it.
        allowed: the media types that it may be of.

    Raises:
        InvalidUpload: it is not there any more, is too large, or of another kind.
        SourceUnavailable: its server does not answer.
        StorageUnavailable: the store does not.
    """
    if "upload" in named:
        return uploads.read(context.storage, named["upload"], named["mediaType"])
    if "folder" in named:
        return _output(context, named)
    set_up = context.settings.uploads
    limits = Limits.of(set_up.hosts, set_up.max_bytes, set_up.timeout_s)
    fetched = context.fetch(named["href"], limits)
    told = named.get("mediaType", fetched.media_type)
    if fetched.media_type not in {told, *_VAGUE} or told not in allowed:
        raise InvalidUpload(
            f"The file that was fetched is of the media type {fetched.media_type!r}; allowed are "
            f"{', '.join(allowed)}."
        )
    upload = Upload(fetched.content, told)
    uploads.keep(context.storage, upload)
    return upload


def _output(context: WorkerContext, named: Mapping[str, Any]) -> Upload:
    key = result_key(named["folder"], named["file"])
    if not context.storage.has(RESULTS, key):
        raise InvalidUpload(f"The file {named['file']} of the job {named['job']} is there no more.")
    upload = Upload(context.storage.get(RESULTS, key), named["mediaType"])
    if upload.sha256 != named["sha256"]:
        raise InvalidUpload(f"The file {named['file']} of the job {named['job']} was changed.")
    return upload


def telling(context: WorkerContext, step: Step) -> Progress:
    """Who is told the share that is done of a step, 0..1, and what is being done; tells the job store."""
    last = -_PAUSE_S

    def tell(share: float, message: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PAUSE_S:
            return
        last = now
        try:
            context.store.told(step, min(max(int(100 * share), 0), 99), message)
        except Unavailable as error:
            # the work goes on: how far it is can be told later
            logger.warning("job %s: %s", step.job_id, error)

    return tell


def finish_with(
    context: WorkerContext,
    step: Step,
    files: Iterable[ProducedFile],
    values: Mapping[str, Any] = _NONE,
) -> bool:
    """Report files, and values, as the results of a job; then remove what is not needed any more."""
    outputs = {
        file.key: {
            "file": file.file_name,
            "media_type": file.media_type,
            "sha256": file.sha256,
            "size": file.size,
        }
        for file in files
    }
    result = {"job_id": step.job_id, "outputs": outputs, "values": dict(values)}
    counted = context.store.finished(step, result, None)
    if counted:
        try:
            discard_results(step.job_id, context.storage)
            # what a killed attempt has left half written
            context.storage.discard_unfinished(RESULTS, result_key(step.job_id))
        except Unavailable as error:
            logger.warning("job %s: %s", step.job_id, error)
    return counted
