"""Inputs that are files: given by value, by an address elsewhere, or by that of an earlier job's output.

What is given by value, or is an output of this very service, is read when the request comes, so that it can
be refused at once. What lies elsewhere is fetched by the worker.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from geocrop_processes.errors import InvalidUpload, UnknownJob
from geocrop_processes.service.fetch import Fetched, fetch, plain
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.outward import Limits, check_address
from geocrop_processes.service.steps import SUCCESSFUL
from geocrop_processes.service.strict_json import brief
from geocrop_processes.service.uploads import Upload
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage, result_key

_OWN = re.compile(r"(?:jobs/([^/]+)/results|assets/([^/]+))/([^/]+)")
_TEXTS = {"text/csv", "application/geo+json"}
"""What can be given as a text without an encoding."""


@dataclass(frozen=True)
class FileKind:
    """What a file that an input takes may be."""

    media_types: tuple[str, ...]
    """The media types, the most usual first."""
    as_object: str = ""
    """The one of them that can be given as a JSON object; none where empty."""

    def accept(self, told: Any, alternative: str = "") -> str:
        """The media type that is meant.

        Raises:
            InvalidUpload: it is none of those that are allowed.
        """
        text = alternative if told is None else told
        found = plain(text) if isinstance(text, str) else ""
        if found in self.media_types:
            return found
        raise InvalidUpload(
            f"The media type is {brief(told)}, allowed are {', '.join(self.media_types)}."
        )


@dataclass(frozen=True)
class Taken:
    """A file as it was given, accepted as far as it can be known."""

    named: dict[str, Any]
    """What the job's inputs say of it."""
    upload: Upload | None
    """Its content; None where it is fetched later, or is too large to be looked at now."""
    brought: bool
    """Whether the content is to be stored with the job."""


@dataclass(frozen=True)
class Files:
    """Where files that are given can lie."""

    settings: Settings
    """The deployment."""
    store: JobStore
    """The jobs, whose outputs may be named."""
    storage: Storage
    """Where those are."""
    fetch: Callable[[str, Limits], Fetched] = fetch
    """Fetches what lies elsewhere and is needed when the request comes."""

    def take(self, given: Any, kind: FileKind) -> Taken:
        """Accept a file that is given in an execution request.

        Raises:
            InvalidUpload: it is not given as it should be, is too large, or its place is not allowed.
            StorageUnavailable: an output of this service cannot be read.
        """
        if isinstance(given, dict) and "href" in given:
            return self._by_reference(given, kind)
        upload = self._by_value(given, kind)
        return Taken(upload.named(), upload, brought=True)

    def output(self, job_id: str, name: str) -> tuple[Job, dict[str, Any]]:
        """A successful job, and what its results say of one of its files, by its name or that of the output.

        Raises:
            InvalidUpload: there is no such job, it is not successful, or has no such file.
        """
        job, result = self._successful(job_id)
        files = result["outputs"] if "job_id" in result else {}
        for key, about in files.items():
            if name in {key, about["file"]}:
                return job, {**about, "folder": result["job_id"]}
        known = ", ".join(files) or "none"
        raise InvalidUpload(f"The job {job_id} has no file {name!r} among its outputs: {known}.")

    def small_output(self, href: str, max_bytes: int) -> Any:
        """An output of an earlier job of this service, by its address; None where the address is another's.

        Its value, or, where it is a file, that as if it had been fetched.

        Raises:
            InvalidUpload: there is no such output, or it is a file of more than `max_bytes`.
            StorageUnavailable: it cannot be read.
        """
        own = f"{public_url(self.settings)}/"
        if not href.startswith(own):
            return None
        job_id, name = _named(href.removeprefix(own))
        _, result = self._successful(job_id)
        values = result.get("values", {}) if "job_id" in result else result["outputs"]
        if name in values:
            return values[name]
        _, about = self.output(job_id, name)
        if about["size"] > max_bytes:
            raise InvalidUpload(f"It is too large: at most {max_bytes} bytes are allowed.")
        content = self.storage.get(RESULTS, result_key(about["folder"], about["file"]))
        return Fetched(content, plain(about["media_type"]))

    def _successful(self, job_id: str) -> tuple[Job, Mapping[str, Any]]:
        """A successful job and its result."""
        try:
            job = self.store.get(job_id)
        except UnknownJob as error:
            raise InvalidUpload(str(error)) from error
        if job.status != SUCCESSFUL or job.result is None:
            raise InvalidUpload(f"The job {job_id} is {job.status}: it has no results.")
        return job, job.result

    def _by_value(self, given: Any, kind: FileKind) -> Upload:
        qualified = given if isinstance(given, dict) and "value" in given else {"value": given}
        value, told = qualified["value"], qualified.get("mediaType")
        if isinstance(value, dict) and kind.as_object:
            # compared one by one: what is told may be anything
            if told not in (None, "application/json") and kind.accept(told) != kind.as_object:
                raise InvalidUpload(
                    f"An object is {kind.as_object}, not {brief(told)}, which is a text."
                )
            try:
                content = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
            except RecursionError as error:
                raise InvalidUpload("It is nested too deeply.") from error
            return self._sized(content, kind.as_object)
        if not isinstance(value, str):
            forms = f"an object of {kind.as_object}, " if kind.as_object else ""
            raise InvalidUpload(
                f"It is given as {brief(given)}; allowed are {forms}a text in base64 with its `mediaType`, "
                "or a reference (`href`)."
            )
        media_type = kind.accept(told, kind.media_types[0] if len(kind.media_types) == 1 else "")
        encoding = qualified.get("encoding", None if media_type in _TEXTS else "base64")
        return self._sized(self._decoded(value, encoding), media_type)

    def _decoded(self, text: str, encoding: Any) -> bytes:
        if len(text) > 2 * self.settings.uploads.max_bytes:
            raise self._too_large()
        if encoding is None:
            return text.encode()
        if encoding != "base64":
            raise InvalidUpload(f"The encoding is {brief(encoding)}, allowed is base64.")
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidUpload(f"It is not encoded in base64: {error}.") from error

    def _sized(self, content: bytes, media_type: str) -> Upload:
        if len(content) > self.settings.uploads.max_bytes:
            raise self._too_large()
        return Upload(content, media_type)

    def _too_large(self) -> InvalidUpload:
        most = self.settings.uploads.max_bytes
        return InvalidUpload(f"It is too large: at most {most} bytes are allowed.")

    def _by_reference(self, given: Mapping[str, Any], kind: FileKind) -> Taken:
        href, told = given["href"], given.get("type")
        if not isinstance(href, str) or not isinstance(told, str | None):
            raise InvalidUpload(f"`href` and `type` must be texts, unlike {brief(given)}.")
        if told is not None:
            kind.accept(told)
        own = f"{public_url(self.settings)}/"
        if href.startswith(own):
            return self._own(href.removeprefix(own), kind)
        uploads = self.settings.uploads
        check_address(href, Limits.of(uploads.hosts, uploads.max_bytes, uploads.timeout_s))
        return Taken({"href": href, **({"mediaType": told} if told else {})}, None, brought=False)

    def _own(self, path: str, kind: FileKind) -> Taken:
        """An output of an earlier job of this service, read from where it lies."""
        job, about = self.output(*_named(path))
        media_type = kind.accept(about["media_type"])
        key = result_key(about["folder"], about["file"])
        named = {"job": job.id, "file": about["file"], "folder": about["folder"]}
        named |= {"sha256": about["sha256"], "mediaType": media_type, "size": about["size"]}
        if about["size"] > self.settings.uploads.max_bytes:
            return Taken(named, None, brought=False)
        return Taken(named, Upload(self.storage.get(RESULTS, key), media_type), brought=False)


def _named(path: str) -> tuple[str, str]:
    """The job and the output that an address within this service names."""
    named = path.partition("?")[0].partition("#")[0]
    match = _OWN.fullmatch(named)
    if match is None:
        raise InvalidUpload(
            f"{brief(named)} is no address of an output of this service: jobs/.../results/... is one."
        )
    return match[1] or match[2], match[3]
