"""The named schemas of the OpenAPI document: those of OGC API - Processes 1.0 (18-062r2) and Common, by its names.

They are as strict as the service is, where OGC's own leave open what a server may leave out.
"""

from typing import Any

from geocrop_processes.service.callbacks.subscriber import OCCASIONS
from geocrop_processes.service.described import EXCEPTION, ref
from geocrop_processes.service.steps import STATUSES

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "format": "date-time"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FREE: Json = {"type": "object", "additionalProperties": True}


def _object(required: tuple[str, ...], properties: Json, **more: Any) -> Json:
    said: Json = {"type": "object", "properties": properties, **more}
    return said | ({"required": [*required]} if required else {})


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_PAGE: Json = {"links": _list(ref("link")), "numberMatched": _COUNT, "numberReturned": _COUNT}
_SUMMARY: Json = {
    "id": _TEXT,
    "version": _TEXT,
    "title": _TEXT,
    "description": _TEXT,
    "keywords": _list(_TEXT),
    "metadata": _list(_FREE),
    "jobControlOptions": _list(
        {"type": "string", "enum": ["sync-execute", "async-execute", "dismiss"]}
    ),
    "outputTransmission": _list({"type": "string", "enum": ["value", "reference"]}),
    "links": _list(ref("link")),
}
_PUT: Json = {"title": _TEXT, "description": _TEXT, "schema": _FREE}

SCHEMAS: dict[str, Json] = {
    "exception": EXCEPTION,
    "link": _object(
        ("href", "rel"),
        {"href": _TEXT, "rel": _TEXT, "type": _TEXT, "hreflang": _TEXT, "title": _TEXT},
        additionalProperties=True,
    ),
    "landingPage": _object(
        ("links",), {"title": _TEXT, "description": _TEXT, "links": _list(ref("link"))}
    ),
    "confClasses": _object(("conformsTo",), {"conformsTo": _list(_TEXT)}),
    "processSummary": _object(
        ("id", "version", "jobControlOptions", "outputTransmission", "links"), _SUMMARY
    ),
    "processList": _object(
        ("processes", "links"), {"processes": _list(ref("processSummary")), **_PAGE}
    ),
    "process": _object(
        ("id", "version", "jobControlOptions", "outputTransmission", "inputs", "outputs", "links"),
        {
            **_SUMMARY,
            "inputs": {"type": "object", "additionalProperties": ref("inputDescription")},
            "outputs": {"type": "object", "additionalProperties": ref("outputDescription")},
        },
    ),
    "inputDescription": _object(
        ("title", "schema"),
        {
            **_PUT,
            "minOccurs": _COUNT,
            "maxOccurs": {"anyOf": [_COUNT, {"type": "string", "enum": ["unbounded"]}]},
        },
    ),
    "outputDescription": _object(("title", "schema"), _PUT),
    "statusCode": {"type": "string", "enum": [*STATUSES]},
    "statusInfo": _object(
        ("processID", "type", "jobID", "status", "progress", "created", "links"),
        {
            "processID": _TEXT,
            "type": {"type": "string", "enum": ["process"]},
            "jobID": _TEXT,
            "status": ref("statusCode"),
            "message": _TEXT,
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "created": _TIME,
            "started": _TIME,
            "finished": _TIME,
            "updated": _TIME,
            "links": _list(ref("link")),
        },
    ),
    "jobList": _object(("jobs", "links"), {"jobs": _list(ref("statusInfo")), **_PAGE}),
    "format": _object((), {"mediaType": _TEXT, "encoding": _TEXT, "schema": {}}),
    "output": _object(
        (),
        {
            "format": ref("format"),
            "transmissionMode": {"type": "string", "enum": ["value", "reference"]},
        },
    ),
    "reference": _object(
        ("href",),
        {"href": {"type": "string", "format": "uri"}, "type": _TEXT, "rel": _TEXT, "title": _TEXT},
        description="Given by an address: of an output of an earlier job, or of a host that is allowed.",
    ),
    "results": {
        "description": "Each output by its id: a value, a value with its media type, or a link.",
        "type": "object",
        "additionalProperties": {},
    },
    "subscriber": _object(
        ("successUri",),
        {name: {"type": "string", "format": "uri"} for name in OCCASIONS},
        description="Who is told what becomes of the job; only hosts that the service lists are told.",
        nullable=True,
    ),
    "execute": _object(
        (),
        {
            "inputs": {"type": "object", "additionalProperties": {}},
            "outputs": {"type": "object", "additionalProperties": ref("output")},
            "response": {"type": "string", "enum": ["document", "raw"], "default": "document"},
            "subscriber": ref("subscriber"),
        },
        description="What a process is given; the address of each process says what it takes.",
    ),
}
"""By name; `geocrop_processes.service.described.ref` names one."""
