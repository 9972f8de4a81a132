"""What a client is told of a job and its results: status, document, raw, multipart, reference."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi.responses import JSONResponse, Response

from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.assets import asset_url
from geocrop_processes.service.jobs import Entry, Job
from geocrop_processes.service.problems import no_such_output
from geocrop_processes.service.processes import ITEM_TYPE, Description
from geocrop_processes.service.steps import OPEN, SUCCESSFUL
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage

RETRY_AFTER_S = 1
"""Seconds until asking again for an open job may show something new."""

_RESULTS_REL = "http://www.opengis.net/def/rel/ogc/1.0/results"


def timestamp(at: datetime) -> str:
    """A time as RFC 3339 text in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_url(settings: Settings, job_id: str) -> str:
    """The address of a job's status."""
    return f"{public_url(settings)}/jobs/{job_id}"


def status_info(job: Entry, settings: Settings) -> dict[str, Any]:
    """A job's status; what is not known yet is left out."""
    url = job_url(settings, job.id)
    links = [_link("self", url, "This job's status")]
    if job.status in OPEN:
        links.append(_link("monitor", url, "This job's status"))
    if job.status == SUCCESSFUL:
        links.append(_link(_RESULTS_REL, f"{url}/results", "This job's results"))
    links.append(_link("up", f"{public_url(settings)}/jobs", "All jobs"))
    times = {
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": job.updated,
    }
    return {
        "processID": job.process,
        "type": "process",
        "jobID": job.id,
        "status": job.status,
        "message": job.message,
        "progress": job.progress,
        **{name: timestamp(at) for name, at in times.items() if at is not None},
        "links": links,
    }


def _link(rel: str, href: str, title: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json", "title": title}


@dataclass(frozen=True)
class Output:
    """One output of a job that is to be told."""

    media_type: str
    """What it is."""
    mode: str | None
    """The transmission mode that was asked for: `value`, `reference`, or none."""
    value: Any = None
    """Its value, where it is no file."""
    file: str | None = None
    """Its name, where it is a file of a product."""


@dataclass(frozen=True)
class Outcome:
    """The outputs of an execution that were asked for, and how."""

    outputs: dict[str, Output]
    """By their ids."""
    response: str
    """`document` or `raw`."""
    job_id: str = ""
    """The job; none for a synchronous execution."""
    product: str = ""
    """The job that made the files: this one, or an earlier one with the same request."""

    @classmethod
    def of_job(cls, job: Job, description: Description) -> "Outcome":
        """What a successful job gives."""
        result = job.result or {}
        outputs = _given(result, description)
        return cls(*_asked(outputs, job.request), job.id, result.get("job_id", job.id))

    @classmethod
    def of_values(
        cls, values: Mapping[str, Any], description: Description, request: Mapping[str, Any]
    ) -> "Outcome":
        """What a synchronous execution gives."""
        return cls(*_asked(_values(values, description), request))

    def only(self, output: str) -> "Outcome":
        """One of the outputs, raw.

        Raises:
            Problem: there is no such output.
        """
        if output not in self.outputs:
            raise no_such_output(output, list(self.outputs))
        return replace(self, outputs={output: self.outputs[output]}, response="raw")


def _given(result: Mapping[str, Any], description: Description) -> dict[str, Output]:
    """What a job's result holds: values, or files of the job that it names; some are both."""
    if "job_id" not in result:
        return _values(result["outputs"], description)
    files = result["outputs"]
    outputs = {
        key: Output(files[key]["media_type"], None, file=files[key]["file"]) for key in files
    }
    if "summary" in result:
        summary = KINDS["summary"]
        outputs["summary"] = Output(summary.media_type, None, result["summary"], summary.file_name)
        outputs["item"] = Output(ITEM_TYPE, None, file=ITEM)
    outputs |= _values(result.get("values", {}), description)
    return {key: outputs[key] for key in description["outputs"] if key in outputs}


def _values(values: Mapping[str, Any], description: Description) -> dict[str, Output]:
    schemas = {key: about["schema"] for key, about in description["outputs"].items()}
    return {
        key: Output(schemas[key].get("contentMediaType", _media_type(value)), None, value)
        for key, value in values.items()
    }


def _media_type(value: Any) -> str:
    return "text/plain" if isinstance(value, str) else "application/json"


def _asked(
    outputs: Mapping[str, Output], request: Mapping[str, Any]
) -> tuple[dict[str, Output], str]:
    """Those outputs that a request names, or all of them; and its `response`."""
    wanted: Mapping[str, Any] = request.get("outputs") or {key: {} for key in outputs}
    chosen = {
        key: Output(o.media_type, wanted[key].get("transmissionMode"), o.value, o.file)
        for key, o in outputs.items()
        if key in wanted
    }
    return chosen, request.get("response", "document")


@dataclass(frozen=True)
class Renderer:
    """Writes results."""

    settings: Settings
    """The deployment."""
    storage: Storage
    """The products."""

    def response(self, outcome: Outcome) -> Response:
        """The results in the form that was asked for."""
        if outcome.response == "document":
            return JSONResponse(self.document(outcome))
        outputs = outcome.outputs
        if not outputs:
            # what was asked for was not produced
            return Response(status_code=204)
        if all(o.mode == "reference" for o in outputs.values()):
            links = ", ".join(
                f'<{self._href(o, outcome)}>; rel="item"; title="{key}"; type="{o.media_type}"'
                for key, o in outputs.items()
            )
            return Response(status_code=204, headers={"Link": links})
        if len(outputs) == 1:
            (only,) = outputs.values()
            content, media_type = self._content(only, outcome)
            return Response(content, media_type=media_type)
        return self._multipart(outcome)

    def document(self, outcome: Outcome) -> dict[str, Any]:
        """The results by output id: files by reference, values as they are, unless asked otherwise."""
        return {key: self._entry(output, outcome) for key, output in outcome.outputs.items()}

    def _entry(self, output: Output, outcome: Outcome) -> Any:
        is_small = output.value is not None or output.media_type == "application/json"
        by_default = "value" if is_small else "reference"
        if (output.mode or by_default) == "reference":
            return {"href": self._href(output, outcome), "type": output.media_type}
        if output.file is None:
            return output.value
        if output.value is not None:
            return {"value": output.value, "mediaType": output.media_type}
        content, media_type = self._content(output, outcome)
        if media_type.endswith("json"):
            return {"value": json.loads(content), "mediaType": media_type}
        text = base64.b64encode(content).decode()
        return {"value": text, "mediaType": media_type, "encoding": "base64"}

    def _href(self, output: Output, outcome: Outcome) -> str:
        """A file's address; values are never asked for by reference: such requests are refused."""
        return asset_url(self.settings, outcome.job_id, str(output.file))

    def _content(self, output: Output, outcome: Outcome) -> tuple[bytes, str]:
        """An output's bytes and what they are."""
        if output.file is not None:
            key = f"results/{outcome.product}/{output.file}"
            return self.storage.get(RESULTS, key), output.media_type
        if isinstance(output.value, str):
            return output.value.encode(), "text/plain"
        return json.dumps(output.value).encode(), "application/json"

    def _multipart(self, outcome: Outcome) -> Response:
        """Several outputs in one response (RFC 2387), each part named by its output."""
        boundary = uuid4().hex
        body = bytearray()
        for key, output in outcome.outputs.items():
            if output.mode == "reference":
                content, media_type = b"", output.media_type
                where = f"Content-Location: {self._href(output, outcome)}\r\n"
            else:
                content, media_type = self._content(output, outcome)
                where = ""
            head = f"Content-ID: <{key}>\r\n{where}Content-Type: {media_type}"
            body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        return Response(bytes(body), media_type=f"multipart/related; boundary={boundary}")
