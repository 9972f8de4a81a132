"""The filters of the list of jobs, as OGC API - Processes has them."""

import math
from datetime import UTC, datetime
from typing import Any

import shapely
from fastapi import Request

from geocrop_processes.service.collections.asked import box_of
from geocrop_processes.service.collections.crs import CRS84
from geocrop_processes.service.described import parameter, query
from geocrop_processes.service.problems import invalid
from geocrop_processes.service.steps import STATUSES

_KIND = {"type": "string", "enum": ["process"]}
_STATUS = {"type": "string", "enum": [*STATUSES]}
_SECONDS: dict[str, Any] = {"type": "number", "minimum": 0}


_SEVERAL = {"style": "form", "explode": False}
JOB_FILTERS = (
    query("type", "Only jobs of this kind; every job is a `process`.", type="array", items=_KIND)
    | _SEVERAL,
    query("processID", "Only jobs of these processes.", type="array", items={"type": "string"})
    | _SEVERAL,
    query("status", "Only jobs in one of these states.", type="array", items=_STATUS) | _SEVERAL,
    parameter("datetime"),
    parameter("bbox"),
    query("minDuration", "Only jobs that ran so many seconds or longer.", **_SECONDS),
    query("maxDuration", "Only jobs that ran so many seconds or shorter.", **_SECONDS),
)
"""The parameters, as the OpenAPI document has them."""


def job_filters(request: Request) -> dict[str, Any]:
    """The parameters of a request as arguments of the job store's `list`.

    Raises:
        Problem: a value is not allowed.
    """
    listed(request, "type", ("process",))
    since, until = _interval(request.query_params.get("datetime"))
    return {
        "process": listed(request, "processID") or None,
        "status": listed(request, "status", STATUSES),
        "since": since,
        "until": until,
        "min_s": _seconds(request, "minDuration"),
        "max_s": _seconds(request, "maxDuration"),
        "place": _place(request.query_params.get("bbox")),
    }


def listed(request: Request, name: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """Values of a parameter, separated by commas or repeated.

    Raises:
        Problem: one of them is not among those that are allowed.
    """
    values = [
        v.strip() for text in request.query_params.getlist(name) for v in text.split(",") if v
    ]
    for value in values:
        if allowed and value not in allowed:
            raise invalid(f"The parameter {name!r} is {value!r}, allowed are {', '.join(allowed)}.")
    return values


def _seconds(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise invalid(f"The parameter {name!r} is {text!r}: a number of seconds from 0 is allowed.")
    return seconds


def _place(text: str | None) -> Any:
    """A box as a geometry: a point or a line where it is no wider, two boxes over the antimeridian; None for none."""
    if text is None:
        return None
    boxes = box_of("bbox", text, CRS84).boxes
    corners = [shapely.MultiPoint([box[:2], box[2:]]) for box in boxes]
    return shapely.union_all(shapely.envelope(corners))


def _interval(text: str | None) -> tuple[datetime | None, datetime | None]:
    """An instant, or an interval whose ends may be open (`..`, or nothing)."""
    if text is None:
        return None, None
    start, slash, end = text.partition("/")
    since, until = _instant(start, text), _instant(end, text) if slash else None
    if not slash:
        return since, since
    if since and until and since > until:
        raise invalid(f"The parameter 'datetime' is {text!r}: it ends before it begins.")
    return since, until


def _instant(text: str, whole: str) -> datetime | None:
    if text in {"", ".."}:
        return None
    try:
        # a plus in an address that nobody quoted arrives as a blank
        at = datetime.fromisoformat(text.replace(" ", "+"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(
            f"The parameter 'datetime' is {whole!r}: allowed are a time such as 2022-09-01T00:00:00Z, or "
            "two of them with a slash between, where `..` leaves an end open."
        ) from error
