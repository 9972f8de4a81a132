"""The execution of each process as an operation of its own, with its real inputs and outputs."""

from collections.abc import Mapping
from typing import Any

from geocrop_processes.service.callbacks.subscriber import FAILED, IN_PROGRESS, SUCCEEDED
from geocrop_processes.service.described import JSON, body, ref
from geocrop_processes.service.given import FileKind
from geocrop_processes.service.processes import FILE_INPUTS, Description
from geocrop_processes.service.processes.description import media_types_of

Json = dict[str, Any]

EXECUTION = "/processes/{processId}/execution"
"""The path of every execution."""

_TOLD = {
    SUCCEEDED: ("The results.", "results"),
    IN_PROGRESS: ("How far the job is.", "statusInfo"),
    FAILED: ("Why there are no results.", "exception"),
}


def _callback(text: str, schema: str) -> Json:
    return {
        "summary": text,
        "requestBody": body(JSON, schema=ref(schema)),
        "responses": {"200": {"description": "Received; any other status is tried again later."}},
    }


_CALLBACKS: Json = {
    name: {f"{{$request.body#/subscriber/{name}}}": {"post": _callback(*said)}}
    for name, said in _TOLD.items()
}
"""What whoever is named as subscriber is told (class `callback`)."""


def executions(template: Json, processes: Mapping[str, Description]) -> dict[str, Json]:
    """The paths of the processes' executions.

    Args:
        template: the operation of whichever process.
        processes: the descriptions by id.
    """
    return {
        EXECUTION.replace("{processId}", key): {"post": _execution(template, description)}
        for key, description in processes.items()
    }


def _execution(template: Json, description: Description) -> Json:
    words = "".join(word.capitalize() for word in description["id"].split("-"))
    return template | {
        "summary": description["title"],
        "description": description["description"],
        "operationId": f"execute{words}",
        "parameters": [one for one in template["parameters"] if one.get("in") != "path"],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": _request(description), "example": description["example"]},
            },
        },
        "callbacks": _CALLBACKS,
        "responses": _responses(template["responses"], description),
    }


def _request(description: Description) -> Json:
    """What the body of an execution request may be."""
    kinds = FILE_INPUTS.get(description["id"], {})
    inputs = {key: _input(one, kinds.get(key)) for key, one in description["inputs"].items()}
    needed = [key for key, one in description["inputs"].items() if one["minOccurs"]]
    modes = _one_of(*description["outputTransmission"])
    given: Json = {"type": "object", "properties": inputs, "additionalProperties": False}
    if needed:
        given["required"] = needed
    return {
        "type": "object",
        # a process that needs none takes an empty request
        **({"required": ["inputs"]} if needed else {}),
        "properties": {
            "inputs": given,
            "outputs": {
                "type": "object",
                "nullable": True,
                "description": "Those that are wanted; all where none is named.",
                "properties": {
                    key: _wanted(one, modes) for key, one in description["outputs"].items()
                },
                "additionalProperties": False,
            },
            "response": {"type": "string", "enum": ["document", "raw"], "default": "document"},
            "subscriber": ref("subscriber"),
        },
    }


def _wanted(output: Json, modes: Json) -> Json:
    """The options of an output: how it is sent, and as what, where that can be said at all."""
    return {
        "type": "object",
        "title": output["title"],
        "properties": {"transmissionMode": modes, "format": _format(output["schema"])},
    }


def _one_of(*values: str) -> Json:
    """One of these texts; or null, which is as good as nothing: clients write what they were not told so."""
    return {"type": "string", "nullable": True, "enum": [*values, None]}


def _format(schema: Json) -> Json:
    possible = media_types_of(schema)
    kinds = dict.fromkeys([*possible, *(kind.partition(";")[0] for kind in possible)])
    said = {"mediaType": _one_of(*kinds)}
    if "contentEncoding" in schema:
        said["encoding"] = _one_of(schema["contentEncoding"])
    return {"type": "object", "nullable": True, "properties": said}


def _input(about: Json, kind: FileKind | None) -> Json:
    """The forms in which an input can be given: its value, that with its media type, an address of it."""
    schema = _plain(about["schema"])
    forms = [schema, _qualified(schema, kind), ref("reference")]
    said: Json = {"title": about["title"], "description": about["description"], "anyOf": forms}
    if "default" in schema:
        said["default"] = schema["default"]
    return said


def _plain(schema: Json) -> Json:
    """A text can be base64 of several kinds of file at once: one of them is not exactly one."""
    if "oneOf" not in schema:
        return schema
    return {key: value for key, value in schema.items() if key != "oneOf"} | {
        "anyOf": schema["oneOf"]
    }


def _qualified(schema: Json, kind: FileKind | None) -> Json:
    media_types = [schema.get("contentMediaType", JSON)] if kind is None else [*kind.media_types]
    properties: Json = {
        "value": schema,
        "mediaType": _one_of(*media_types),
    }
    if kind is not None or "contentEncoding" in schema:
        properties["encoding"] = _one_of("base64")
    return {"type": "object", "required": ["value"], "properties": properties}


def _responses(responses: Json, description: Description) -> Json:
    """What the process can answer: results at once, or a job."""
    said = dict(responses)
    if "async-execute" not in description["jobControlOptions"]:
        said.pop("201", None)
    if "200" in said:
        content = said["200"].get("content", {}) | {JSON: {"schema": _results(description)}}
        said["200"] = said["200"] | {"content": content}
    return said


def _results(description: Description) -> Json:
    """All outputs in one document, or the one that was asked for as it is."""
    values = {key: _plain(one["schema"]) for key, one in description["outputs"].items()}
    whole = {
        "type": "object",
        "properties": {
            key: {"anyOf": [schema, _qualified(schema, None), ref("link")]}
            for key, schema in values.items()
        },
    }
    return {"anyOf": [whole, *values.values()]}
