"""The pages of processes and jobs: which template, and what it shows."""

from dataclasses import replace
from typing import Any

from fastapi import Request, Response

from geocrop_processes.errors import GeoCropError
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.manager import CeleryManager
from geocrop_processes.service.outcome import Outcome
from geocrop_processes.service.pages import page
from geocrop_processes.service.pages.form import fields
from geocrop_processes.service.pages.jobs import (
    Given,
    given,
    product,
    readable,
    without_secrets,
)
from geocrop_processes.service.problems import Problem, told
from geocrop_processes.service.processes import Description
from geocrop_processes.service.rendering import Renderer
from geocrop_processes.service.steps import OPEN, STATUSES, SUCCESSFUL

Json = dict[str, Any]


def process_page(request: Request, document: Description) -> Response:
    """A process with the form that runs it."""
    return page(request, "process.html", document=document, fields=fields(document))


def jobs_page(request: Request, document: Json, processes: list[str]) -> Response:
    """A page of the list of jobs, with its filters."""
    names = ("status", "processID", "datetime", "limit", "f")
    asked = {name: request.query_params.get(name) for name in names}
    return page(
        request,
        "jobs.html",
        document=document,
        asked=asked,
        processes=processes,
        statuses=STATUSES,
    )


def job_page(
    request: Request, manager: CeleryManager, job: Job, document: Json, headers: dict[str, str]
) -> Response:
    """A job: how far it is, what it was given, what it gave."""
    outputs, trouble = _outputs(manager, job)
    return page(
        request,
        "job.html",
        headers=headers,
        document=document,
        is_open=job.status in OPEN,
        inputs=without_secrets(job.inputs),
        options=job.request,
        error=job.error,
        outputs=outputs,
        trouble=trouble,
        product=product(_base(request), job.id, outputs),
    )


def results_page(
    request: Request, renderer: Renderer, outcome: Outcome, description: Description
) -> Response:
    """Results, of a job or of an execution that was answered at once.

    Raises:
        StorageUnavailable: a small file that the page shows cannot be read.
    """
    document, job_id = renderer.document(readable(outcome)), outcome.job_id
    outputs = given(document, description)
    return page(
        request,
        "results.html",
        document=document,
        outputs=outputs,
        job_id=job_id,
        product=product(_base(request), job_id, outputs),
    )


def _base(request: Request) -> str:
    return str(request.app.state.site.base)


def _outputs(manager: CeleryManager, job: Job) -> tuple[list[Given], str]:
    """All outputs of a job, whatever was asked for; or why they cannot be shown."""
    if job.status != SUCCESSFUL:
        return [], ""
    try:
        description = manager.describe(job.process)
        whole = readable(Outcome.of_job(replace(job, request={}), description))
        return given(manager.renderer.document(whole), description), ""
    except Problem as problem:
        return [], problem.detail
    except GeoCropError as error:
        return [], told(error)
