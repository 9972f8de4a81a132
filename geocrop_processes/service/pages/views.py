"""The pages of processes and jobs: which template, and what it shows."""

from dataclasses import replace
from typing import Any

from fastapi import Request, Response

from geocrop_processes.errors import GeoCropError
from geocrop_processes.service.assets import asset_url
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
    shown_request,
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
        options=shown_request(job.request),
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
    document, outputs = _shown(renderer, outcome, description)
    job_id = outcome.job_id
    return page(
        request,
        "results.html",
        document=document,
        outputs=outputs,
        job_id=job_id,
        product=product(_base(request), job_id, outputs),
    )


def _shown(
    renderer: Renderer, outcome: Outcome, description: Description
) -> tuple[Json, list[Given]]:
    """Results as a document that a page can hold, and its outputs."""
    document = renderer.document(readable(outcome))
    addresses = {
        name: asset_url(renderer.settings, outcome.job_id, output.file.name)
        for name, output in outcome.outputs.items()
        if output.file is not None
    }
    return document, given(document, description, addresses)


def _base(request: Request) -> str:
    return str(request.app.state.site.base)


def _outputs(manager: CeleryManager, job: Job) -> tuple[list[Given], str]:
    """All outputs of a job, whatever was asked for; or why they cannot be shown."""
    if job.status != SUCCESSFUL:
        return [], ""
    try:
        description = manager.describe(job.process)
        whole = Outcome.of_job(replace(job, request={}), description)
        return _shown(manager.renderer, whole, description)[1], ""
    except Problem as problem:
        return [], problem.detail
    except GeoCropError as error:
        return [], told(error)
