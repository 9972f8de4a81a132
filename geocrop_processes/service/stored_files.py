"""A stored file over HTTP: its bytes or a range of them, never all of them in memory; its checksum as its ETag."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.storage import RESULTS, Storage, result_key

REQUEST_HEADERS = (
    *("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
)
"""What a page of another origin must be allowed to send."""
_CONDITIONS = [name for name in REQUEST_HEADERS if name.startswith("If-")]
EXPOSED_HEADERS = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified")
"""What it must be allowed to read."""
_TAG = re.compile(r'(W/)?"([^"]*)"')
"""An entity tag, and whether it is a weak one."""
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
"""A single range; of several ranges, or another unit, the whole file is given, as RFC 9110 (14.2) allows."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a job, as it lies in the storage."""

    name: str
    """Its name, as in the address."""
    key: str
    """Its object."""
    media_type: str
    """What it is."""
    sha256: str
    """Its checksum, hexadecimal."""
    size: int
    """Its bytes."""
    changed: datetime
    """When its product was made, UTC, whole seconds."""

    @classmethod
    def of_output(cls, about: Mapping[str, Any], job_id: str, changed: datetime) -> "StoredFile":
        """A file as the result of a job tells of it; `job_id` is the job that made it."""
        key = result_key(job_id, about["file"])
        size = int(about["size"])
        return cls(about["file"], key, about["media_type"], about["sha256"], size, changed)

    @property
    def etag(self) -> str:
        """The checksum as a strong entity tag."""
        return f'"{self.sha256}"'

    @property
    def headers(self) -> dict[str, str]:
        """What every answer about the file says."""
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.changed, usegmt=True),
        }
        if self.name.endswith((".tif", ".parquet")):
            headers["Content-Disposition"] = f'attachment; filename="{self.name}"'
        return headers


class _FileStream(StreamingResponse):
    """Pieces of a file, which is closed at the end, also where the client goes away before it."""

    def __init__(self, pieces: Generator[bytes], **how: Any) -> None:
        super().__init__(pieces, **how)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()


def file_response(
    request: Request, file: StoredFile, storage: Storage, *, redirects: bool = True
) -> Response:
    """The file, a part of it, that the client has it already, or where it is to be read from by itself.

    Args:
        request: what is asked.
        file: the file.
        storage: where it is.
        redirects: whether it may be read from elsewhere, where the deployment gives such addresses.

    Raises:
        Problem: the file is another than the client asks for (412), or the range begins after its end (416).
    """
    if not _is_meant(request, file):
        detail = f"The file {file.name!r} is not the one that the request is for: its ETag is {file.etag}."
        raise Problem(412, "Precondition failed", detail, BLANK, {"ETag": file.etag})
    if _is_known(request, file):
        return Response(status_code=304, headers=file.headers)
    part = _part(request, file)
    start, stop = part or (0, file.size)
    headers = file.headers | {"Content-Length": str(stop - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    if request.method == "HEAD":
        return Response(headers=headers, media_type=file.media_type)
    elsewhere = _elsewhere(request, file, storage) if redirects else None
    return elsewhere or _FileStream(
        storage.open_range(RESULTS, file.key, start, stop),
        status_code=206 if part else 200,
        headers=headers,
        media_type=file.media_type,
    )


def _elsewhere(request: Request, file: StoredFile, storage: Storage) -> Response | None:
    """Where the client reads the file from by itself; None where it is given from here.

    A condition is kept here: of the checksums that are our entity tags the object store knows nothing.
    """
    if any(name in request.headers for name in _CONDITIONS):
        return None
    named = file.name if "Content-Disposition" in file.headers else None
    link = storage.link(RESULTS, file.key, named=named)
    if link is None:
        return None
    # who reads range after range asks once; the address can be used for as long again
    kept = {"Cache-Control": f"private, max-age={storage.link_s // 2}"}
    return RedirectResponse(link, 307, headers=kept | {"ETag": file.etag})


def _is_meant(request: Request, file: StoredFile) -> bool:
    """Whether the file is the one that the client means, by its checksum or else its date (RFC 9110, 13.1.1, 13.1.4)."""
    meant = request.headers.get("If-Match")
    if meant is not None:
        strong = [tag for weak, tag in _TAG.findall(meant) if not weak]
        return meant.strip() == "*" or file.sha256 in strong
    until = _date(request.headers.get("If-Unmodified-Since"))
    return until is None or file.changed <= until


def _is_known(request: Request, file: StoredFile) -> bool:
    """Whether the client's copy is the file (RFC 9110, 13.2.2)."""
    known = request.headers.get("If-None-Match")
    if known is not None:
        return known.strip() == "*" or file.sha256 in [tag for _, tag in _TAG.findall(known)]
    since = _date(request.headers.get("If-Modified-Since"))
    return since is not None and file.changed <= since


def _part(request: Request, file: StoredFile) -> tuple[int, int] | None:
    """First byte and the one after the last of what is asked for; None for the whole file.

    Raises:
        Problem: the range begins after the end (416).
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range", file.etag)
    if request.method != "GET" or match is None or match.groups() == ("", ""):
        return None
    if condition != file.etag and _date(condition) != file.changed:
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, file.size - int(last)), file.size
    else:
        start, stop = int(first), min(int(last) + 1, file.size) if last else file.size
        if last and int(last) < start:
            return None
    if start >= file.size:
        detail = f"The file {file.name!r} has {file.size} bytes."
        outside = {"Content-Range": f"bytes */{file.size}", "Accept-Ranges": "bytes"}
        raise Problem(416, "Range not satisfiable", detail, BLANK, outside)
    return start, stop


def _date(text: str | None) -> datetime | None:
    """A moment of a header; None where it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
