"""What an execution gives: its outputs, those of them that were asked for, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geocrop_processes.service.jobs import Job
from geocrop_processes.service.problems import no_such_output, unknown_outputs
from geocrop_processes.service.processes.description import Description, media_types_of
from geocrop_processes.service.stored_files import StoredFile

SMALL = 100_000
"""The most bytes of a file that a document holds which is whole in memory."""


@dataclass(frozen=True)
class Output:
    """One output of an execution that is to be told."""

    media_type: str
    """What it is."""
    mode: str | None = None
    """The transmission mode that was asked for: `value`, `reference`, or none."""
    value: Any = None
    """Its value, where it is no file, or a small one."""
    encoding: str = ""
    """`base64` where the value is a text that stands for bytes."""
    file: StoredFile | None = None
    """Where its bytes lie, where it is a file."""

    @property
    def is_small(self) -> bool:
        """Whether it can be held in memory: a value, or a small file."""
        return self.value is not None or self.file is None or self.file.size <= SMALL


@dataclass(frozen=True)
class Outcome:
    """The outputs of an execution that were asked for, and how."""

    outputs: dict[str, Output]
    """By their ids, in the order of the process description."""
    response: str
    """`document` or `raw`."""
    job_id: str = ""
    """The job; none for an execution that was answered at once."""

    @classmethod
    def of_job(cls, job: Job, description: Description) -> "Outcome":
        """What a successful job gives."""
        outputs = _given(job, description)
        return cls(*_asked(outputs, job.request), job.id)

    @classmethod
    def of_values(
        cls, values: Mapping[str, Any], description: Description, request: Mapping[str, Any]
    ) -> "Outcome":
        """What an execution gives that was answered at once."""
        return cls(*_asked(_values(values, description), request))

    def brief(self) -> "Outcome":
        """The same with what is large by its address, however it was to be transmitted."""
        outputs = {
            key: o if o.is_small else replace(o, mode="reference")
            for key, o in self.outputs.items()
        }
        return replace(self, outputs=outputs)

    def one(self, output: str) -> "Outcome":
        """One of the outputs as it is, however it was to be transmitted.

        Raises:
            Problem: there is no such output (404).
        """
        if output not in self.outputs:
            raise no_such_output(output, list(self.outputs))
        chosen = replace(self.outputs[output], mode=None)
        return replace(self, outputs={output: chosen}, response="raw")

    def some(self, wanted: Sequence[str]) -> "Outcome":
        """Those of the outputs that are named; all of them where none is.

        Raises:
            Problem: one of the names is none of theirs (400).
        """
        unknown = [name for name in wanted if name not in self.outputs]
        if unknown:
            raise unknown_outputs(unknown, list(self.outputs))
        chosen = {key: o for key, o in self.outputs.items() if not wanted or key in wanted}
        return replace(self, outputs=chosen)


def _given(job: Job, description: Description) -> dict[str, Output]:
    """What a job's result holds: values, or files of the job that it names; a summary is both."""
    result = job.result or {}
    if "job_id" not in result:
        return _values(result["outputs"], description)
    changed = (job.finished or job.created).replace(microsecond=0)
    outputs = {
        key: Output(
            about["media_type"], file=StoredFile.of_output(about, result["job_id"], changed)
        )
        for key, about in result["outputs"].items()
    }
    if "summary" in outputs and "summary" in result:
        outputs["summary"] = replace(outputs["summary"], value=result["summary"])
    outputs |= _values(result.get("values", {}), description)
    return {key: outputs[key] for key in description["outputs"] if key in outputs}


def _values(values: Mapping[str, Any], description: Description) -> dict[str, Output]:
    schemas = {key: about["schema"] for key, about in description["outputs"].items()}
    return {
        key: Output(
            _usual_type(value, schemas[key]),
            value=value,
            encoding=schemas[key].get("contentEncoding", ""),
        )
        for key, value in values.items()
    }


def _usual_type(value: Any, schema: Mapping[str, Any]) -> str:
    """What a value is written as where nothing else is asked for."""
    plain = "text/plain" if isinstance(value, str) else "application/json"
    possible = media_types_of(schema)
    return plain if plain in possible else possible[0]


def _asked(
    outputs: Mapping[str, Output], request: Mapping[str, Any]
) -> tuple[dict[str, Output], str]:
    """Those outputs that a request names, or all of them; and its `response`."""
    wanted: Mapping[str, Any] = request.get("outputs") or {key: {} for key in outputs}
    chosen = {
        key: replace(
            output,
            mode=wanted[key].get("transmissionMode"),
            media_type=_chosen_type(output, wanted[key].get("format") or {}),
        )
        for key, output in outputs.items()
        if key in wanted
    }
    return chosen, request.get("response", "document")


def _chosen_type(output: Output, asked: Mapping[str, Any]) -> str:
    """The media type of an output; a file is of one kind only, whatever parameters a request leaves out."""
    told = asked.get("mediaType")
    return output.media_type if told is None or output.file is not None else str(told)
