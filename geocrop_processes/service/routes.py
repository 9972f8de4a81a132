"""The routes of OGC API - Processes for processes: what there is, what each takes and gives, its execution."""

import logging
from functools import partial

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from geocrop_processes.errors import GeoCropError
from geocrop_processes.service import pages
from geocrop_processes.service.described import (
    HTML,
    JSON,
    Responses,
    answer,
    body,
    formats,
    parameter,
    problems,
    ref,
)
from geocrop_processes.service.edge import MAX_BODY
from geocrop_processes.service.host import Host
from geocrop_processes.service.inputs import Order, parse
from geocrop_processes.service.job_routes import outcome_of, retry_after
from geocrop_processes.service.jobs import Job
from geocrop_processes.service.manager import runs_async
from geocrop_processes.service.negotiation import (
    Preferences,
    of_json,
    page_links,
    wants_html,
    whole_number,
)
from geocrop_processes.service.outcome import Outcome
from geocrop_processes.service.pages.views import process_page, results_page
from geocrop_processes.service.problems import Problem
from geocrop_processes.service.processes import Description
from geocrop_processes.service.results import job_url, status_info
from geocrop_processes.service.steps import OPEN
from geocrop_processes.service.urls import public_url
from geocrop_processes.service.waiting import ended

_LOG = logging.getLogger(__name__)

_SYNCHRONOUS = 8
"""Executions that are answered at once, at the same time."""
_LARGE = 2
"""Requests that bring files, read at the same time."""
_LISTED = 100
"""The processes of a page where no limit is asked for."""
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_EXECUTED: Responses = {
    200: answer(
        "The results, of a process that was executed at once: a document by output, or, with `response: raw`, one "
        "output as it is, or several in parts.",
        JSON,
        "multipart/related",
        "*/*",
        schema=ref("results"),
        headers=["Preference-Applied"],
    ),
    201: answer(
        "A job was made of it; what is known of it so far.",
        JSON,
        schema=ref("statusInfo"),
        headers=["Location", "Preference-Applied", "Retry-After"],
    ),
    204: answer(
        "The raw outputs by reference, as links in the header; or none of them was produced.",
        headers=["Link"],
    ),
    **problems(400, 404, 413, 422, 429, 500, 502, 503),
}


def processes_router(host: Host) -> APIRouter:
    """`/processes` and executions."""
    router = APIRouter(prefix="/processes", tags=["Processes"])
    url = f"{public_url(host.manager.parts.settings)}/processes"
    known = list(host.manager.processes)
    described = {key: _described(host.manager.describe(key), url) for key in known}
    turns = anyio.CapacityLimiter(_SYNCHRONOUS)
    readings = anyio.CapacityLimiter(_LARGE)

    @router.get(
        "",
        summary="The processes",
        description="What can be executed, a summary of each.",
        operation_id="listProcesses",
        response_class=Response,
        responses={200: answer("A page of them.", JSON, HTML, schema=ref("processList"))},
        openapi_extra={
            "parameters": [formats("json", "html"), parameter("limit"), parameter("offset")]
        },
    )
    async def processes(request: Request) -> Response:
        limit = whole_number(request, "limit", _LISTED, 1)
        offset = whole_number(request, "offset", 0, 0)
        page = [_summary(described[key]) for key in known[offset : offset + limit]]
        links = page_links(request, url, limit, offset, len(known))
        document = {"processes": page, "links": links}
        if wants_html(request):
            return pages.page(request, "processes.html", document=document)
        return JSONResponse(document)

    @router.get(
        "/{process_id}",
        summary="A process's description",
        description="What it is for, and the schema of each input and output.",
        operation_id="describeProcess",
        response_class=Response,
        responses={
            200: answer("What it takes and gives.", JSON, HTML, schema=ref("process")),
            **problems(404),
        },
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    async def process(process_id: str, request: Request) -> Response:
        host.manager.describe(process_id)
        if wants_html(request):
            return process_page(request, described[process_id])
        return JSONResponse(described[process_id])

    @router.post(
        "/{process_id}/execution",
        summary="Execute a process",
        description="At once where the process can (`sync-execute`) and no job is preferred; else as a job, whose "
        "status and results are asked for later. `Prefer: respond-async, wait=10` waits that many seconds for the job.",
        operation_id="execute",
        response_class=Response,
        responses=_EXECUTED,
        openapi_extra={
            "requestBody": body(JSON, schema=ref("execute")),
            "parameters": [parameter("Prefer")],
        },
    )
    async def execute(process_id: str, request: Request) -> Response:
        description = host.manager.describe(process_id)
        content = await request.body()
        # what brings files takes long to read, and many times its size of memory
        limiter = readings if len(content) > MAX_BODY else None
        preferred = Preferences.of(request)
        if runs_async(description, preferred=preferred.respond_async):
            submit = partial(_submitted, host, process_id, content)
            job, again = await to_thread.run_sync(submit, limiter=limiter)
            return await _as_job(host, job, again, preferred, request)
        # one that cannot be answered is refused before anything is done
        wants_html(request)
        order = await to_thread.run_sync(_ordered, host, process_id, content, limiter=limiter)
        return await to_thread.run_sync(_answered, host, description, order, request, limiter=turns)

    return router


async def _as_job(
    host: Host, job: Job, again: dict[str, str], preferred: Preferences, request: Request
) -> Response:
    """A new job; or what came of it, where it ended while the client would wait, and may be answered so.

    The job is there: whatever goes wrong now, the client is told where it is, lest it ask for another one.
    """
    parts = host.manager.parts
    wait_s = min(preferred.wait_s, parts.settings.service.max_wait_s)
    applied = ["respond-async"] * preferred.respond_async + [f"wait={wait_s}"] * (wait_s > 0)
    headers = {"Preference-Applied": ", ".join(applied)} if applied else {}
    try:
        if wait_s:
            job = await ended(parts.store, job, wait_s)
            if job.status not in OPEN and host.manager.runs_at_once(job.process):
                return await run_in_threadpool(_results, host, job, request, applied[-1])
            again = await run_in_threadpool(retry_after, parts.store, job)
    except GeoCropError as error:
        _LOG.warning("job %s: %s", job.id, error)
    headers |= again
    headers["Location"] = job_url(parts.settings, job.id)
    return of_json(status_info(job, parts.settings), 201, headers)


def _submitted(host: Host, process_id: str, content: bytes) -> tuple[Job, dict[str, str]]:
    """A new job, and when to ask for it; without that, where the store has just gone away."""
    job = host.manager.submit(process_id, _ordered(host, process_id, content))
    try:
        return job, retry_after(host.manager.parts.store, job)
    except GeoCropError as error:
        _LOG.warning("job %s: %s", job.id, error)
        return job, {}


def _results(host: Host, job: Job, request: Request, applied: str) -> Response:
    """What came of a job that has ended, or the problem that it failed of; and where the job is."""
    try:
        response = host.manager.renderer.response(outcome_of(host, job), request)
    except Problem as problem:
        response = problem.response()
    monitor = f'<{job_url(host.manager.parts.settings, job.id)}>; rel="monitor"'
    links = [response.headers.get("Link"), monitor]
    response.headers["Link"] = ", ".join(link for link in links if link)
    response.headers["Preference-Applied"] = applied
    return response


def _ordered(host: Host, process_id: str, content: bytes) -> Order:
    return host.manager.order(process_id, parse(content))


def _answered(host: Host, description: Description, order: Order, request: Request) -> Response:
    values = host.manager.run(description["id"], order)
    outcome = Outcome.of_values(values, description, order.request)
    if wants_html(request):
        return results_page(request, host.manager.renderer, outcome, description)
    return host.manager.renderer.response(outcome, request)


def _described(description: Description, url: str) -> Description:
    """A description with its links."""
    own = f"{url}/{description['id']}"
    links = [
        ("self", own, "application/json", "This process"),
        ("alternate", f"{own}?f=html", "text/html", "This process as a page"),
        (f"{_REL}execute", f"{own}/execution", "application/json", "Execute it"),
        (f"{_REL}job-list", f"{url.removesuffix('/processes')}/jobs", "application/json", "Jobs"),
    ]
    names = ("rel", "href", "type", "title")
    return description | {"links": [dict(zip(names, link, strict=True)) for link in links]}


def _summary(description: Description) -> Description:
    return {k: v for k, v in description.items() if k not in {"inputs", "outputs", "example"}}
