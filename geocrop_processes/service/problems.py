"""The one table: what went wrong -> the OGC exception type and HTTP status (RFC 7807)."""

import logging
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse

from geocrop_processes.errors import (
    BrokerUnavailable,
    GeoCropError,
    Inconsistent,
    InvalidRequest,
    NoMap,
    RegistryUnavailable,
    ScratchFull,
    StorageUnavailable,
    StoreUnavailable,
    TooManyJobs,
    Unavailable,
    UnknownJob,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_SUCH_PROCESS = f"{_OGC}no-such-process"
NO_SUCH_JOB = f"{_OGC}no-such-job"
RESULT_NOT_READY = f"{_OGC}result-not-ready"
NO_SUCH_OUTPUT = f"{_OGC}no-such-output"
INVALID_QUERY = f"{_OGC}invalid-query-parameter-value"
INVALID_PARAMETER = (
    "http://www.opengis.net/def/exceptions/ogcapi-common-1/1.0/invalid-parameter-value"
)
BLANK = "about:blank"
"""The type of what the status alone explains."""


@dataclass(eq=False)
class Problem(Exception):
    """Something that a client is told as a problem document."""

    status: int
    """The HTTP status."""
    title: str
    """What kind of problem, for people; the same each time."""
    detail: str
    """What is wrong this time: which value, and what is allowed."""
    type: str = BLANK
    """The URI of the kind."""
    headers: dict[str, str] = field(default_factory=dict)
    """What the response says beside it."""

    def __str__(self) -> str:
        return self.detail

    def document(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }

    def response(self) -> JSONResponse:
        """The problem as a response."""
        return JSONResponse(
            self.document(), self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


def invalid(detail: str) -> Problem:
    """A request that must be changed."""
    return Problem(400, "Invalid request", detail, INVALID_PARAMETER)


def no_such_process(process: str, known: list[str]) -> Problem:
    """A process that is not offered."""
    detail = f"There is no process {process!r}; offered are: {', '.join(known)}."
    return Problem(404, "No such process", detail, NO_SUCH_PROCESS)


def no_such_output(output: str, known: list[str], status: int = 404) -> Problem:
    """An output that a process does not have."""
    detail = f"There is no output {output!r}; there are: {', '.join(known)}."
    return Problem(status, "No such output", detail, NO_SUCH_OUTPUT)


def unknown_outputs(unknown: list[str], known: list[str]) -> Problem:
    """Outputs that the parameter `outputs` names, and results do not have."""
    detail = (
        f"The parameter 'outputs' names {', '.join(map(repr, unknown))}, "
        f"allowed are {', '.join(known) or 'none'}."
    )
    return Problem(400, "Invalid request", detail, INVALID_QUERY)


_TABLE: tuple[tuple[type[GeoCropError], int, str, str], ...] = (
    (UnknownJob, 404, "No such job", NO_SUCH_JOB),
    (InvalidRequest, 400, "Invalid request", INVALID_PARAMETER),
    (NoMap, 422, "No map can be made", BLANK),
    (TooManyJobs, 429, "Too many jobs", BLANK),
    (Unavailable, 503, "Not available now", BLANK),
    (Inconsistent, 500, "Parts that do not belong together", BLANK),
)


_OURS: dict[type[GeoCropError], str] = {
    ScratchFull: "A worker has no room for its temporary files; the server's log says more.",
    StorageUnavailable: "The storage does not do what it should; the server's log says more.",
    RegistryUnavailable: "The model registry does not answer; the server's log says more.",
    StoreUnavailable: "The job store does not answer; the server's log says more.",
    BrokerUnavailable: "The queue does not answer; the server's log says more.",
}
"""What clients are told of parts of our own: where these are is nobody's business."""


def told(error: GeoCropError) -> str:
    """An error in words for clients; what they are not told goes to the log."""
    for kind, words in _OURS.items():
        if isinstance(error, kind):
            logger.warning("%s", error)
            return words
    return str(error)


def problem_of(error: GeoCropError) -> Problem:
    """What a client is told of an error."""
    for kind, status, title, uri in _TABLE:
        if isinstance(error, kind):
            headers = {"Retry-After": "10"} if status in {429, 503} else {}
            return Problem(status, title, told(error), uri, headers)
    return Problem(500, "Internal error", told(error))


def too_many(error: GeoCropError, seconds: int) -> Problem:
    """What a client is told who has to ask again when the queue has moved, in so many seconds."""
    problem = problem_of(error)
    problem.headers = {"Retry-After": str(seconds)}
    return problem
