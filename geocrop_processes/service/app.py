"""The composition root: every route of the service in one application."""

import logging
from http import HTTPStatus
from threading import Lock
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.exceptions import HTTPException

import geocrop_processes
from geocrop_processes.errors import GeoCropError
from geocrop_processes.service.assets import assets_router
from geocrop_processes.service.collections.routes import collections_router
from geocrop_processes.service.edge import MAX_BODY, Edge
from geocrop_processes.service.head import AnswersHead, methods_of
from geocrop_processes.service.host import Host, host_router
from geocrop_processes.service.job_routes import jobs_router
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.manager import Parts
from geocrop_processes.service.openapi.document import document
from geocrop_processes.service.openapi.routes import STATIC, openapi_router, page_files
from geocrop_processes.service.pages import add_pages
from geocrop_processes.service.pages.problems import problem_page
from geocrop_processes.service.problems import Problem, invalid, problem_of
from geocrop_processes.service.processes import FILE_INPUTS
from geocrop_processes.service.routes import processes_router
from geocrop_processes.service.stac.api import add_catalog
from geocrop_processes.service.stac.search import sentence
from geocrop_processes.service.stored_files import EXPOSED_HEADERS, REQUEST_HEADERS
from geocrop_processes.service.tiles import tiles_router
from geocrop_processes.service.validation import validation_router
from geocrop_processes.settings import Settings

_LOG = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, *, store: JobStore | None = None) -> FastAPI:
    """The whole service over HTTP.

    Args:
        settings: the deployment; read from the environment where none are given.
        store: its jobs; opened where none is given.
    """
    settings = settings or Settings.read()
    parts = Parts.open(settings, store)
    host = Host(parts)
    app = FastAPI(
        title="GeoCrop",
        version=geocrop_processes.__version__,
        # served by a router of ours
        openapi_url=None,
        redirect_slashes=False,
    )
    _tell_problems(app)
    app.mount(STATIC, page_files(), name="openapi-files")
    add_pages(app, settings)
    app.add_middleware(AnswersHead, routes=app)
    # within the answers to other origins: a refusal is to be read too
    app.add_middleware(Edge, larger=_bodies_with_files(settings))
    _allow_other_origins(app)
    app.include_router(processes_router(host))
    app.include_router(validation_router(host))
    app.include_router(jobs_router(host))
    app.include_router(assets_router(settings, parts.store, parts.storage))
    add_catalog(app, settings, parts.store)
    # before the tiles: "crop-maps" is no job
    app.include_router(collections_router(settings, parts.store, parts.storage))
    app.include_router(tiles_router(settings, parts.store, parts.storage))
    _tell_health(app, parts)
    app.include_router(host_router(host))
    app.include_router(openapi_router(app, settings))
    _describe(app, host)
    return app


def _bodies_with_files(settings: Settings) -> dict[str, int]:
    """How large the body of a request may be that brings files: in base64 four bytes stand for three."""
    return {
        f"/processes/{process}/{what}": MAX_BODY + len(files) * settings.uploads.max_bytes * 4 // 3
        for process, files in FILE_INPUTS.items()
        for what in ("execution", "validation")
    }


def _describe(app: FastAPI, host: Host) -> None:
    """Let the application make its document of all its routes, once, when it is first asked for."""
    manager, lock = host.manager, Lock()

    def described() -> dict[str, Any]:
        with lock:
            if app.openapi_schema is None:
                processes = {key: manager.describe(key) for key in manager.processes}
                app.openapi_schema = document(app, manager.parts.settings, processes)
            return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way


def _tell_health(app: FastAPI, parts: Parts) -> None:
    """Whether the process lives, and whether what it needs answers."""

    @app.get("/healthz", tags=["Health"], summary="The server lives")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["Health"], summary="The job store and the registry answer")
    def readyz() -> dict[str, str]:
        parts.store.list(limit=1)
        parts.registry.list()
        return {"status": "ok"}


def _allow_other_origins(app: FastAPI) -> None:
    """Let pages of any origin read and ask: there are no cookies that they could misuse."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        allow_headers=["Accept", "Authorization", "Content-Type", "Prefer", *REQUEST_HEADERS],
        expose_headers=[
            "Content-Disposition",
            "Link",
            "Location",
            "Preference-Applied",
            "Retry-After",
            *EXPOSED_HEADERS,
        ],
    )


def _tell_problems(app: FastAPI) -> None:
    """Whatever goes wrong is told as a problem document."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - for whoever reads types
        return problem_page(request, error)

    @app.exception_handler(GeoCropError)
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, GeoCropError)  # noqa: S101 - for whoever reads types
        return problem_page(request, problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def unusable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - for whoever reads types
        return problem_page(request, invalid(sentence(error)))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - for whoever reads types
        return problem_page(request, _refusal(app, request, error))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        detail = "Something went wrong that should not; the server's log says what."
        return problem_page(request, Problem(500, "Internal error", detail))


def _refusal(app: FastAPI, request: Request, error: HTTPException) -> Problem:
    """What a client is told where no route answers it."""
    path, title, detail = request.url.path, HTTPStatus(error.status_code).phrase, str(error.detail)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND and detail == title:
        detail = f"There is nothing at {path}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers["Allow"] = ", ".join(methods_of(app, request.scope))
        detail = f"{path} has no {request.method}; allowed are {allowed}."
    return Problem(error.status_code, title, detail, headers=headers)
