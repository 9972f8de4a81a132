"""Waiting for a job to end, as long as a client is willing to (RFC 7240, `wait`)."""

import anyio
from fastapi.concurrency import run_in_threadpool

from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.steps import OPEN

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
"""Seconds between two looks at a job: twice as many each time, up to these."""


async def ended(store: JobStore, job: Job, seconds: float) -> Job:
    """A job as it is when it has ended, or when the time is up.

    Args:
        store: the jobs.
        job: the one that is waited for.
        seconds: how long at most.
    """
    until = anyio.current_time() + seconds
    pause = _FIRST_PAUSE_S
    while job.status in OPEN and (left := until - anyio.current_time()) > 0:
        await anyio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_S)
        job = await run_in_threadpool(store.get, job.id)
    return job
