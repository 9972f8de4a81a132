"""Results written as they were asked for: document, raw, in several parts, by reference; files piece by piece."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from geocrop_processes.service.assets import asset_url
from geocrop_processes.service.outcome import Outcome, Output
from geocrop_processes.service.results import job_url
from geocrop_processes.service.stored_files import StoredFile, file_response
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage


@dataclass(frozen=True)
class _Part:
    """A piece of an answer that is sent piece by piece."""

    head: bytes
    """What comes before the content."""
    content: StoredFile | bytes
    """The content; a file is read when its turn comes."""

    @property
    def size(self) -> int:
        """Its bytes."""
        content = self.content
        return len(self.head) + (len(content) if isinstance(content, bytes) else content.size)


@dataclass(frozen=True)
class Renderer:
    """Writes results."""

    settings: Settings
    """The deployment."""
    storage: Storage
    """The products."""

    def response(self, outcome: Outcome, request: Request) -> Response:
        """The results in the form that was asked for.

        Raises:
            Problem: a range is asked for that a file does not have (416).
            StorageUnavailable: a file is not there, or the storage does not answer.
        """
        outputs = outcome.outputs
        if outcome.response == "document":
            return self._document(outcome, request)
        if not outputs:
            # what was asked for was not produced
            return Response(status_code=204)
        if all(o.mode == "reference" for o in outputs.values()):
            links = ", ".join(
                f'<{self._href(key, o, outcome)}>; rel="item"; title="{key}"; type="{o.media_type}"'
                for key, o in outputs.items()
            )
            return Response(status_code=204, headers={"Link": links})
        if len(outputs) == 1:
            (only,) = outputs.values()
            if only.file is not None:
                return file_response(request, only.file, self.storage)
            return Response(_content(only), media_type=only.media_type)
        return self._multipart(outcome, request)

    def document(self, outcome: Outcome) -> dict[str, Any]:
        """The results by output id: files by reference, values as they are, unless asked otherwise.

        It is whole in memory: a file of more than `SMALL` bytes is told by its address, whatever was asked.

        Raises:
            StorageUnavailable: a file is not there, or the storage does not answer.
        """
        written = b"".join(self._written(outcome.brief()))
        return dict(json.loads(written))

    def _document(self, outcome: Outcome, request: Request) -> Response:
        embedded = [o.file for o in outcome.outputs.values() if o.file and _is_embedded(o)]
        self._look_for(embedded)
        if not embedded:
            return Response(b"".join(self._written(outcome)), media_type="application/json")
        # without its body nothing of a file is read but what `_look_for` reads
        pieces = iter(()) if request.method == "HEAD" else self._written(outcome)
        return StreamingResponse(pieces, media_type="application/json")

    def _written(self, outcome: Outcome) -> Iterator[bytes]:
        """The document as JSON, whose files are read when their turn comes."""
        before = b"{"
        for key, output in outcome.outputs.items():
            yield before + json.dumps(key).encode() + b":"
            if output.file is not None and _is_embedded(output):
                yield from self._embedded(output.file, output.media_type)
            else:
                yield json.dumps(self._entry(key, output, outcome)).encode()
            before = b","
        yield b"}" if outcome.outputs else b"{}"

    def _entry(self, key: str, output: Output, outcome: Outcome) -> Any:
        if _mode(output) == "reference":
            return {"href": self._href(key, output, outcome), "type": output.media_type}
        if output.file is None:
            return output.value
        return {"value": output.value, "mediaType": output.media_type}

    def _embedded(self, file: StoredFile, media_type: str) -> Iterator[bytes]:
        """A file as a qualified value: JSON as it is, all else in base64."""
        kind = json.dumps(media_type).encode()
        if media_type.endswith("json"):
            yield b'{"value":'
            yield from self._pieces(file)
            yield b',"mediaType":' + kind + b"}"
        else:
            yield b'{"value":"'
            yield from _in_base64(self._pieces(file))
            yield b'","mediaType":' + kind + b',"encoding":"base64"}'

    def _href(self, key: str, output: Output, outcome: Outcome) -> str:
        """An output's address: a file's own, or that of the job's result."""
        if output.file is not None:
            return asset_url(self.settings, outcome.job_id, output.file.name)
        return f"{job_url(self.settings, outcome.job_id)}/results/{key}"

    def _multipart(self, outcome: Outcome, request: Request) -> Response:
        """Several outputs in one response (RFC 2387), each part named by its output."""
        boundary = uuid4().hex
        parts = [self._part(key, o, outcome, boundary) for key, o in outcome.outputs.items()]
        # the first boundary stands at the very beginning
        parts[0] = replace(parts[0], head=parts[0].head.lstrip())
        parts.append(_Part(f"\r\n--{boundary}--\r\n".encode(), b""))
        self._look_for(part.content for part in parts if isinstance(part.content, StoredFile))
        root = next(iter(outcome.outputs.values())).media_type.partition(";")[0]
        media_type = f'multipart/related; boundary={boundary}; type="{root}"'
        headers = {"Content-Length": str(sum(part.size for part in parts))}
        if request.method == "HEAD":
            return Response(headers=headers, media_type=media_type)
        return StreamingResponse(self._sent(parts), headers=headers, media_type=media_type)

    def _part(self, key: str, output: Output, outcome: Outcome, boundary: str) -> _Part:
        kind = output.media_type
        if kind.startswith("text/") and "charset" not in kind:
            kind = f"{kind}; charset=utf-8"
        lines = [f"\r\n--{boundary}", f"Content-ID: <{key}>", f"Content-Type: {kind}"]
        content: StoredFile | bytes
        if output.mode == "reference":
            lines.append(f"Content-Location: {self._href(key, output, outcome)}")
            content = b""
        else:
            content = output.file or _content(output)
        return _Part("\r\n".join([*lines, "\r\n"]).encode(), content)

    def _sent(self, parts: Iterable[_Part]) -> Iterator[bytes]:
        for part in parts:
            yield part.head
            if isinstance(part.content, StoredFile):
                yield from self._pieces(part.content)
            else:
                yield part.content

    def _pieces(self, file: StoredFile) -> Iterator[bytes]:
        if file.size:
            yield from self.storage.open_range(RESULTS, file.key, 0, file.size)

    def _look_for(self, files: Iterable[StoredFile]) -> None:
        """Read the first byte of each file: once an answer has begun it cannot become a problem."""
        for file in files:
            if file.size:
                list(self.storage.open_range(RESULTS, file.key, 0, 1))


def _mode(output: Output) -> str:
    """How an output is told in a document: what is large by reference, unless asked otherwise."""
    is_small = output.value is not None or output.media_type == "application/json"
    return output.mode or ("value" if is_small else "reference")


def _is_embedded(output: Output) -> bool:
    """Whether a document holds the content of the output's file."""
    return _mode(output) == "value" and output.file is not None and output.value is None


def _content(output: Output) -> bytes:
    """A value's bytes: a text is itself, or what it stands for; anything else is JSON."""
    if isinstance(output.value, str) and output.media_type != "application/json":
        if output.encoding == "base64":
            with suppress(binascii.Error, ValueError):
                return base64.b64decode(output.value, validate=True)
        return output.value.encode()
    return json.dumps(output.value).encode()


def _in_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in base64; three of them become four, whatever the pieces are."""
    rest = b""
    for piece in pieces:
        joined = rest + piece
        whole = len(joined) - len(joined) % 3
        yield base64.b64encode(joined[:whole])
        rest = joined[whole:]
    yield base64.b64encode(rest)
