"""Delivers what is due: the task of callbacks. Nothing of it touches a job."""

import json
import logging
import time

from geocrop_processes.errors import GeoCropError, InvalidUpload, SourceUnavailable
from geocrop_processes.service.callbacks.due import Delivery
from geocrop_processes.service.callbacks.message import Message
from geocrop_processes.service.callbacks.subscriber import IN_PROGRESS, SUCCEEDED, limits_of
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.outcome import Outcome
from geocrop_processes.service.outward import shown_address
from geocrop_processes.service.problems import MEDIA_TYPE, Problem
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.service.rendering import Renderer
from geocrop_processes.service.results import failure_of, job_url, status_info
from geocrop_processes.service.steps import DISMISSED

_LEASE_S = 60.0
"""Seconds beyond the time-out until a delivery whose holder is silent is due again."""
_GONE = 410
"""Whoever answers so wants nothing more."""

logger = logging.getLogger(__name__)


def deliver(context: WorkerContext) -> bool:
    """Claim the next delivery that is due and make it; False where nothing was due.

    Raises:
        StoreUnavailable: the job store does not answer; the delivery is due again when its lease ends.
    """
    settings, store = context.settings.callbacks, context.store.deliveries
    held = None if context.stopping() else store.claim(settings.timeout_s + _LEASE_S)
    if held is None:
        return False
    job = context.store.get(held.job_id)
    if job.status == DISMISSED:
        # since it was claimed: the next claim finds that there is nothing to tell
        store.postponed(held, 0.0)
        return True
    if held.occasion == IN_PROGRESS and held.told == job.updated.timestamp():
        store.postponed(held, settings.progress_s)
        return True
    # what went silent too often is not tried again
    reason, last = "its worker went silent", held.failures >= settings.attempts
    if not last:
        reason, last = _tried(context, held, job)
    if not reason:
        store.delivered(held, job.updated.timestamp(), settings.progress_s)
        logger.info("job %s: %s was told of it", job.id, held.occasion)
        return True
    wait = store.failed(held, reason, 0 if last else settings.attempts)
    after = "it is given up" if wait is None else f"tried again in {wait:g} s"
    level = logging.ERROR if wait is None else logging.WARNING
    logger.log(level, "job %s: %s was not told: %s; %s", job.id, held.occasion, reason, after)
    return True


def _tried(context: WorkerContext, held: Delivery, job: Job) -> tuple[str, bool]:
    """Why it was not told, empty where it was; and whether there is no use in trying again."""
    shown = shown_address(held.address)
    try:
        message = message_of(context, held, job)
        headers = message.headers(context.settings.callbacks.secret or "", int(time.time()))
        limits = limits_of(context.settings)
        status = context.send(held.address, message.body, headers, limits)
    except InvalidUpload as error:
        return str(error), True
    except SourceUnavailable as error:
        return str(error), False
    except (GeoCropError, Problem) as error:
        return f"what is to be told cannot be read: {error}", False
    except Exception as error:
        # its words can hold anything
        logger.exception("job %s: %s", job.id, held.occasion)
        return f"an unexpected {type(error).__name__}", False
    if 200 <= status < 300:
        return "", False
    return f"{shown} answered with {status}", status == _GONE


def message_of(context: WorkerContext, held: Delivery, job: Job) -> Message:
    """What is told: the results, the status, or why there are no results.

    Raises:
        StorageUnavailable: the results cannot be read.
    """
    settings, media_type = context.settings, "application/json"
    if held.occasion == IN_PROGRESS:
        told = status_info(job, settings)
    elif held.occasion == SUCCEEDED:
        renderer = Renderer(settings, context.storage)
        told = renderer.document(Outcome.of_job(job, DESCRIPTIONS[job.process]))
    else:
        media_type = MEDIA_TYPE
        told = failure_of(job).document() | {"instance": job_url(settings, job.id)}
    name = f"msg_{job.id}_{held.occasion}_{held.messages + 1}"
    return Message(name, json.dumps(told).encode(), media_type, job_url(settings, job.id))
