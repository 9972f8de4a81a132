"""The routes of OGC API - Processes for jobs: their list, status, dismissal and results."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from geocrop_processes.service.described import (
    FILE_CONDITIONS,
    FILE_HEADERS,
    FILE_PARTS,
    HTML,
    JSON,
    Responses,
    answer,
    formats,
    parameter,
    problems,
    query,
    ref,
)
from geocrop_processes.service.filters import JOB_FILTERS, job_filters, listed
from geocrop_processes.service.host import Host
from geocrop_processes.service.jobs import Entry, Job, JobStore
from geocrop_processes.service.negotiation import of_json, page_links, wants_html, whole_number
from geocrop_processes.service.outcome import Outcome
from geocrop_processes.service.pages.views import job_page, jobs_page, results_page
from geocrop_processes.service.problems import RESULT_NOT_READY, Problem
from geocrop_processes.service.results import failure_of, status_info
from geocrop_processes.service.steps import DISMISSED, FAILED, OPEN
from geocrop_processes.service.urls import public_url

_LISTED = 100
"""The jobs of a page where no limit is asked for."""
_STATUS: Responses = {
    200: answer("Its status.", JSON, HTML, schema=ref("statusInfo")),
    **problems(404),
}
_GIVEN: Responses = {
    200: answer(
        "The results: a document by output; or, of a job that was asked for `response: raw`, one output as it is, or "
        "several in parts.",
        JSON,
        HTML,
        "multipart/related",
        "*/*",
        schema=ref("results"),
        headers=FILE_HEADERS,
    ),
    204: answer(
        "The raw outputs by reference, as links in the header; or none was produced.",
        headers=["Link"],
    ),
}
_NONE = problems(404, 410, 416, 422, 500, 503)
_OUTPUTS = query(
    "outputs",
    "Only these outputs: their ids, separated by commas.",
    type="array",
    items={"type": "string"},
) | {"style": "form", "explode": False}


def jobs_router(host: Host) -> APIRouter:
    """`/jobs`, statuses, dismissals and results."""
    router = APIRouter(prefix="/jobs", tags=["Jobs"])
    _add_jobs(router, host)
    _add_results(router, host)
    return router


def _add_jobs(router: APIRouter, host: Host) -> None:
    manager = host.manager
    settings, store = manager.parts.settings, manager.parts.store
    url = f"{public_url(settings)}/jobs"
    known = list(manager.processes)

    @router.get(
        "",
        summary="Jobs, the newest first",
        description="A page of the jobs that meet every filter.",
        operation_id="listJobs",
        response_class=Response,
        responses={200: answer("A page of them.", JSON, HTML, schema=ref("jobList"))},
        openapi_extra={
            "parameters": [
                *(formats("json", "html"), parameter("limit"), parameter("offset")),
                *JOB_FILTERS,
            ]
        },
    )
    def jobs(request: Request) -> Response:
        most = settings.service.max_jobs_listed
        limit = min(whole_number(request, "limit", min(_LISTED, most), 1), most)
        offset = whole_number(request, "offset", 0, 0)
        page, total = store.list(**job_filters(request), limit=limit, offset=offset)
        document = {
            "jobs": [status_info(job, settings) for job in page],
            "links": page_links(request, url, limit, offset, total),
            "numberMatched": total,
            "numberReturned": len(page),
        }
        as_page = wants_html(request)
        return jobs_page(request, document, known) if as_page else of_json(document)

    @router.get(
        "/{job_id}",
        summary="A job's status",
        description="How far it is, and where its results are once it is successful.",
        operation_id="getJob",
        response_class=Response,
        responses={
            200: answer(
                "Its status.", JSON, HTML, schema=ref("statusInfo"), headers=["Retry-After"]
            ),
            **problems(404),
        },
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    def job(job_id: str, request: Request) -> Response:
        found = store.get(job_id)
        return _status(request, host, found)

    @router.delete(
        "/{job_id}",
        summary="Dismiss a job",
        description="Ends it, or removes the results of one that has ended; its status stays readable.",
        operation_id="dismissJob",
        response_class=Response,
        responses=_STATUS,
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    def dismiss(job_id: str, request: Request) -> Response:
        # one that cannot be answered is refused before anything is done
        wants_html(request)
        return _status(request, host, manager.dismiss(job_id))


def _add_results(router: APIRouter, host: Host) -> None:
    manager = host.manager
    store = manager.parts.store

    @router.head("/{job_id}/results", include_in_schema=False)
    @router.get(
        "/{job_id}/results",
        summary="A job's results",
        description="As the job was asked for them: a document, or its outputs raw. Of a job that failed, the reason.",
        operation_id="getResults",
        response_class=Response,
        responses={**_GIVEN, **FILE_PARTS, **_NONE},
        openapi_extra={"parameters": [formats("json", "html"), _OUTPUTS, *FILE_CONDITIONS]},
    )
    def results(job_id: str, request: Request) -> Response:
        found = store.get(job_id)
        outcome = outcome_of(host, found).some(listed(request, "outputs"))
        if wants_html(request):
            description = manager.describe(found.process)
            return results_page(request, manager.renderer, outcome, description)
        return manager.renderer.response(outcome, request)

    @router.head("/{job_id}/results/{output}", include_in_schema=False)
    @router.get(
        "/{job_id}/results/{output}",
        summary="One of a job's results",
        description="As it is: a file piece by piece or a range of its bytes, a text, or JSON.",
        operation_id="getResult",
        response_class=Response,
        responses={
            200: answer("The output.", JSON, "*/*", headers=FILE_HEADERS),
            **FILE_PARTS,
            **_NONE,
        },
        openapi_extra={"parameters": FILE_CONDITIONS},
    )
    def result(job_id: str, output: str, request: Request) -> Response:
        outcome = outcome_of(host, store.get(job_id))
        return manager.renderer.response(outcome.one(output), request)


def _status(request: Request, host: Host, job: Job) -> Response:
    """A job's status as it is asked for."""
    parts = host.manager.parts
    document = status_info(job, parts.settings)
    headers = retry_after(parts.store, job)
    if wants_html(request):
        return job_page(request, host.manager, job, document, headers)
    return of_json(document, headers=headers)


def retry_after(store: JobStore, job: Entry) -> dict[str, str]:
    """When to ask again for a job that is still open, as a header."""
    return {"Retry-After": str(store.pace.seconds())} if job.status in OPEN else {}


def outcome_of(host: Host, job: Job) -> Outcome:
    """What a successful job gives.

    Raises:
        Problem: it is not ready (404), failed (the reason's own status), was dismissed or withdrawn (410).
    """
    if job.status in OPEN:
        detail = f"The job {job.id} is {job.status} ({job.progress} %): there are no results yet."
        headers = retry_after(host.manager.parts.store, job)
        raise Problem(404, "Results are not ready", detail, RESULT_NOT_READY, headers)
    if job.status == DISMISSED:
        raise Problem(410, "Dismissed", f"The job {job.id} was dismissed: it has no results.")
    if job.status == FAILED or job.result is None:
        raise failure_of(job)
    return Outcome.of_job(job, host.manager.describe(job.process))
