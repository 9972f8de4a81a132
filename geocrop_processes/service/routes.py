"""The routes of OGC API - Processes: processes, executions, jobs, results."""

from typing import Any

import anyio
import pygeoapi.api.processes as process_api
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from geocrop_processes.service.edge import MAX_BODY
from geocrop_processes.service.filters import job_filters
from geocrop_processes.service.host import Host
from geocrop_processes.service.inputs import Order, parse
from geocrop_processes.service.jobs import Entry, Job
from geocrop_processes.service.manager import runs_async
from geocrop_processes.service.negotiation import (
    page_links,
    prefers_async,
    shown,
    wants_html,
    whole_number,
)
from geocrop_processes.service.problems import RESULT_NOT_READY, Problem
from geocrop_processes.service.processes import Description
from geocrop_processes.service.results import RETRY_AFTER_S, Outcome, job_url, status_info
from geocrop_processes.service.steps import DISMISSED, FAILED, OPEN
from geocrop_processes.service.urls import public_url

_SYNCHRONOUS = 8
"""Executions that are answered at once, at the same time."""
_LARGE = 2
"""Requests that bring files, read at the same time."""
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def processes_router(host: Host) -> APIRouter:
    """`/processes` and executions."""
    router = APIRouter(prefix="/processes", tags=["Processes"])
    url = f"{public_url(host.manager.parts.settings)}/processes"
    known = list(host.manager.processes)
    described = {key: _described(host.manager.describe(key), url) for key in known}
    turns = anyio.CapacityLimiter(_SYNCHRONOUS)
    readings = anyio.CapacityLimiter(_LARGE)

    @router.get("", summary="The processes")
    async def processes(request: Request) -> Response:
        if wants_html(request):
            return await host.answer(request, process_api.describe_processes)
        limit, offset = (
            whole_number(request, "limit", 100, 1),
            whole_number(request, "offset", 0, 0),
        )
        page = [_summary(described[key]) for key in known[offset : offset + limit]]
        links = page_links(request, url, limit, offset, len(known))
        return JSONResponse({"processes": page, "links": links})

    @router.get("/{process_id}", summary="A process's description")
    async def process(process_id: str, request: Request) -> Response:
        host.manager.describe(process_id)
        if wants_html(request):
            return await host.answer(request, process_api.describe_processes, process_id)
        return JSONResponse(described[process_id])

    @router.post("/{process_id}/execution", summary="Execute a process")
    async def execute(process_id: str, request: Request) -> Response:
        description = host.manager.describe(process_id)
        content = await request.body()
        # what brings files takes long to read, and many times its size of memory
        limiter = readings if len(content) > MAX_BODY else None
        order = await to_thread.run_sync(_ordered, host, process_id, content, limiter=limiter)
        preferred = prefers_async(request)
        if runs_async(description, preferred=preferred):
            job = await run_in_threadpool(host.manager.submit, process_id, order)
            return _accepted(host, job, preferred=preferred)
        return await to_thread.run_sync(_answered, host, description, order, limiter=turns)

    return router


def jobs_router(host: Host) -> APIRouter:
    """`/jobs`, statuses, dismissals and results."""
    router = APIRouter(prefix="/jobs", tags=["Jobs"])
    manager = host.manager
    settings, store = manager.parts.settings, manager.parts.store
    url = f"{public_url(settings)}/jobs"

    @router.get("", summary="Jobs, the newest first")
    def jobs(request: Request) -> Response:
        most = settings.service.max_jobs_listed
        limit = min(whole_number(request, "limit", min(100, most), 1), most)
        offset = whole_number(request, "offset", 0, 0)
        page, total = store.list(**job_filters(request), limit=limit, offset=offset)
        document = {
            "jobs": [status_info(job, settings) for job in page],
            "links": page_links(request, url, limit, offset, total),
            "numberMatched": total,
            "numberReturned": len(page),
        }
        return shown(request, document, "Jobs")

    @router.get("/{job_id}", summary="A job's status")
    def job(job_id: str, request: Request) -> Response:
        found = store.get(job_id)
        return shown(request, status_info(found, settings), f"Job {job_id}", _retry(found))

    @router.delete("/{job_id}", summary="Dismiss a job")
    def dismiss(job_id: str) -> Response:
        return JSONResponse(status_info(manager.dismiss(job_id), settings))

    @router.get("/{job_id}/results", summary="A job's results")
    def results(job_id: str) -> Response:
        return manager.renderer.response(_outcome(host, store.get(job_id)))

    @router.get("/{job_id}/results/{output}", summary="One of a job's results")
    def result(job_id: str, output: str) -> Response:
        outcome = _outcome(host, store.get(job_id))
        return manager.renderer.response(outcome.only(output))

    return router


def _accepted(host: Host, job: Entry, *, preferred: bool) -> Response:
    settings = host.manager.parts.settings
    headers = {"Location": job_url(settings, job.id), **_retry(job)}
    if preferred:
        headers["Preference-Applied"] = "respond-async"
    return JSONResponse(status_info(job, settings), 201, headers)


def _ordered(host: Host, process_id: str, content: bytes) -> Order:
    return host.manager.order(process_id, parse(content))


def _answered(host: Host, description: Description, order: Order) -> Response:
    values = host.manager.run(description["id"], order)
    return host.manager.renderer.response(Outcome.of_values(values, description, order.request))


def _retry(job: Entry) -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)} if job.status in OPEN else {}


def _outcome(host: Host, job: Job) -> Outcome:
    """What a successful job gives.

    Raises:
        Problem: it is not ready (404), failed (the reason's own status), or was dismissed (410).
    """
    if job.status in OPEN:
        detail = f"The job {job.id} is {job.status} ({job.progress} %): there are no results yet."
        raise Problem(404, "Results are not ready", detail, RESULT_NOT_READY, _retry(job))
    if job.status == DISMISSED:
        raise Problem(410, "Dismissed", f"The job {job.id} was dismissed: it has no results.")
    if job.status == FAILED:
        error: dict[str, Any] = job.error or {}
        title = error.get("title", "The job failed")
        raise Problem(int(error.get("status", 500)), title, error.get("detail", job.message))
    return Outcome.of_job(job, host.manager.describe(job.process))


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
