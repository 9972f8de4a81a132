"""Whether a request would be accepted, and what it resolves to, without running it."""

from functools import partial
from typing import Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from geocrop_processes.errors import GeoCropError
from geocrop_processes.service.context import find_scenes
from geocrop_processes.service.described import JSON, answer, body, parameter, problems, ref
from geocrop_processes.service.foresight import foreseen
from geocrop_processes.service.host import Host
from geocrop_processes.service.inputs import Order, parse
from geocrop_processes.service.manager import runs_async, shown_inputs
from geocrop_processes.service.negotiation import Preferences
from geocrop_processes.service.problems import Problem, problem_of
from geocrop_processes.service.processes import CROP_CLASSIFICATION, FEATURE_EXTRACTION
from geocrop_processes.service.results import job_url

_AT_ONCE = 4
"""Requests that are looked at, at the same time: each can bring files, and ask the catalogue."""
_SAID: dict[str, Any] = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"type": "boolean", "description": "Whether an execution would be."},
        "problem": ref("exception"),
        "inputs": {
            "type": "object",
            "description": "The inputs as they would be worked with, defaults among them.",
        },
        "area_hectares": {"type": "number"},
        "season": {
            "type": "object",
            "properties": {"start": {"type": "string"}, "end": {"type": "string"}},
        },
        "scenes": {
            "type": "object",
            "properties": {
                "found": {"type": "integer"},
                "left_out": {"type": "integer"},
                "acquisitions": {"type": "integer"},
                "enough": {"type": "boolean"},
                "problem": ref("exception"),
            },
        },
        "grid": {
            "type": "object",
            "properties": {
                "crs": {"type": "string"},
                "width": {"type": "integer"},
                "height": {"type": "integer"},
            },
        },
        "blocks": {"type": "integer"},
        "expected": {
            "type": "object",
            "properties": {
                "seconds": {"type": "number", "description": "Of work, beside waiting."},
                "bytes": {"type": "integer", "description": "Of the product."},
                "measured_jobs": {
                    "type": "integer",
                    "description": "The jobs that the figures are of; 0: those of the documents.",
                },
            },
        },
        "earlier": {
            "type": "string",
            "description": "The job whose product answers the request, if the scenes are still the same.",
        },
    },
}


_ASKED = {"description": "An execution request (`execute`), right or wrong: what is wrong is told."}


def validation_router(host: Host) -> APIRouter:
    """`/processes/{id}/validation`."""
    router = APIRouter(prefix="/processes", tags=["Processes"])
    turns = anyio.CapacityLimiter(_AT_ONCE)

    @router.post(
        "/{process_id}/validation",
        summary="Whether an execution would be accepted",
        description="The body is that of an execution. Nothing is written and no job is made. Of a map and of a raster of "
        "features the answer tells area, scenes, blocks, and the seconds and bytes that are to be expected.",
        operation_id="validate",
        response_class=Response,
        responses={
            200: answer("Whether it would, and what it resolves to.", JSON, schema=_SAID),
            **problems(404, 413),
        },
        openapi_extra={
            "requestBody": body(JSON, schema=_ASKED, required=False),
            "parameters": [parameter("Prefer")],
        },
    )
    async def validate(process_id: str, request: Request) -> Response:
        host.manager.describe(process_id)
        content = await request.body()
        preferred = Preferences.of(request).respond_async
        check = partial(validated, host, process_id, content, preferred=preferred)
        told = await to_thread.run_sync(check, limiter=turns)
        return JSONResponse(told)

    return router


def validated(
    host: Host, process_id: str, content: bytes, *, preferred: bool = False
) -> dict[str, Any]:
    """What would become of an execution request, where a job is preferred or not."""
    try:
        order = host.manager.order(process_id, parse(content))
        if not runs_async(host.manager.describe(process_id), preferred=preferred):
            order.check_at_once()
    except Problem as problem:
        return {"accepted": False, "problem": problem.document()}
    except GeoCropError as error:
        return {"accepted": False, "problem": problem_of(error).document()}
    told: dict[str, Any] = {"accepted": True, "inputs": shown_inputs(order.inputs)}
    if process_id in {CROP_CLASSIFICATION, FEATURE_EXTRACTION}:
        told |= _foreseen(host, process_id, order)
    return told


def _foreseen(host: Host, process_id: str, order: Order) -> dict[str, Any]:
    parts = host.manager.parts
    find = partial(find_scenes, parts.settings, build=False)
    told = foreseen(order.inputs, parts.settings, find, parts.store.past.figures(process_id))
    # rasters of features are always made anew
    if process_id == CROP_CLASSIFICATION and not order.inputs.get("fresh", False):
        earlier = parts.store.past.earlier(process_id, order.inputs, order.request)
        told |= {} if earlier is None else {"earlier": job_url(parts.settings, earlier)}
    return told
