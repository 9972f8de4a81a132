"""What a client is told of a job: its status, and where its results are."""

from datetime import UTC, datetime
from typing import Any

import orjson

from geocrop_processes.service.jobs import Entry, Job
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.steps import OPEN, SUCCESSFUL
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

_RESULTS_REL = "http://www.opengis.net/def/rel/ogc/1.0/results"


def timestamp(at: datetime) -> str:
    """A time as RFC 3339 text in UTC."""
    # a list of jobs is mostly times: the quickest way to write them
    seconds = orjson.dumps(at.astimezone(UTC), option=orjson.OPT_OMIT_MICROSECONDS)
    return f"{seconds[1:20].decode()}.{at.microsecond // 1000:03d}Z"


def job_url(settings: Settings, job_id: str) -> str:
    """The address of a job's status."""
    return f"{public_url(settings)}/jobs/{job_id}"


def status_info(job: Entry, settings: Settings) -> dict[str, Any]:
    """A job's status; what is not known yet is left out."""
    url = job_url(settings, job.id)
    links = [_link("self", url, "This job's status")]
    if job.status in OPEN:
        links.append(_link("monitor", url, "This job's status"))
    if job.status == SUCCESSFUL:
        links.append(_link(_RESULTS_REL, f"{url}/results", "This job's results"))
    links.append(_link("up", f"{public_url(settings)}/jobs", "All jobs"))
    times = {
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": job.updated,
    }
    return {
        "processID": job.process,
        "type": "process",
        "jobID": job.id,
        "status": job.status,
        "message": job.message,
        "progress": job.progress,
        **{name: timestamp(at) for name, at in times.items() if at is not None},
        "links": links,
    }


def failure_of(job: Job) -> Problem:
    """Why a job has failed, as clients are told it."""
    error = job.error or {}
    return Problem(
        int(error.get("status", 500)),
        error.get("title", "The job failed"),
        error.get("detail", job.message),
        error.get("type", BLANK),
    )


def _link(rel: str, href: str, title: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json", "title": title}
