"""The files of jobs over HTTP, as GDAL, browsers and QGIS want them: byte ranges, checksums as ETags.

Only what a successful job has made is given: the files of a map by the names that products have, with its
STAC item, whose links to the files are relative and so lead here; those of other jobs by their results.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from werkzeug.http import parse_etags

from geocrop_processes.errors import UnknownJob
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.steps import SUCCESSFUL
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage

REQUEST_HEADERS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
"""What a page of another origin must be allowed to send."""
EXPOSED_HEADERS = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified")
"""What it must be allowed to read."""

_ITEM_TYPE = "application/geo+json"
_PUBLISHING = {"crop-classification"}
"""The processes whose products are told of by a published STAC item."""
_KEYS = {kind.file_name: key for key, kind in KINDS.items()}
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
"""A single range; of several ranges, or another unit, the whole file is given, as RFC 9110 (14.2) allows."""


@dataclass(frozen=True)
class _File:
    """A file of a product."""

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


def asset_url(settings: Settings, job_id: str, file: str) -> str:
    """Where clients find a file of a product."""
    return f"{public_url(settings)}/assets/{job_id}/{file}"


def published(store: JobStore, job_id: str) -> dict[str, Any]:
    """The STAC item of a job's product, which may be that of an earlier job.

    A product is published as long as a successful job's results are made of it.

    Raises:
        Problem: there is no such job, or it has no product (404).
    """
    items, _ = store.items(ids=[job_id], limit=1)
    if not items:
        with suppress(UnknownJob):
            product = (store.get(job_id).result or {}).get("job_id")
            items, _ = store.items(ids=[product] if product else [], limit=1)
    if not items:
        raise Problem(404, "No such product", f"There is no product of a job {job_id!r}.", BLANK)
    return items[0]


def object_key(item: Mapping[str, Any], file: str) -> str:
    """Where a file of a product is stored."""
    return f"results/{item['id']}/{file}"


def assets_router(settings: Settings, store: JobStore, storage: Storage | None = None) -> APIRouter:
    """The route of the files: `/assets/{job_id}/{file}`."""
    objects = storage or settings.open_storage()
    router = APIRouter(prefix="/assets", tags=["Assets"])

    @router.head("/{job_id}/{file}", include_in_schema=False)
    @router.get("/{job_id}/{file}", summary="A file of a product, or a range of its bytes")
    def asset(job_id: str, file: str, request: Request) -> Response:
        return _answer(request, _find(store, objects, job_id, file), objects)

    return router


def _find(store: JobStore, storage: Storage, job_id: str, name: str) -> _File:
    with suppress(UnknownJob):
        job = store.get(job_id)
        if job.process not in _PUBLISHING:
            return _of_job(job, name)
    item = published(store, job_id)
    created = datetime.fromisoformat(item["properties"]["created"])
    changed = created.astimezone(UTC).replace(microsecond=0)
    key = object_key(item, name)
    missing = Problem(404, "No such file", f"The product has no file {name!r}.", BLANK)
    if name == ITEM:
        # its own checksum cannot stand in it; it is small
        content = storage.get(RESULTS, key)
        digest = hashlib.sha256(content).hexdigest()
        return _File(name, key, _ITEM_TYPE, digest, len(content), changed)
    asset_key = _KEYS.get(name)
    if asset_key is None or asset_key not in item["assets"]:
        raise missing
    asset = item["assets"][asset_key]
    # a multihash: two bytes of kind and length before the SHA-256
    digest = asset["file:checksum"][4:]
    return _File(name, key, KINDS[asset_key].media_type, digest, asset["file:size"], changed)


def _of_job(job: Job, name: str) -> _File:
    """A file among the outputs of a job that publishes no map.

    Raises:
        Problem: there is none of that name (404).
    """
    result = job.result or {}
    files = result["outputs"].values() if job.status == SUCCESSFUL and "job_id" in result else ()
    for file in files:
        if file["file"] == name:
            changed = (job.finished or job.created).replace(microsecond=0)
            key = f"results/{result['job_id']}/{name}"
            return _File(name, key, file["media_type"], file["sha256"], int(file["size"]), changed)
    raise Problem(404, "No such file", f"The job {job.id} has no file {name!r}.", BLANK)


def _answer(request: Request, file: _File, storage: Storage) -> Response:
    """The file, a part of it, or that the client has it already."""
    if _is_known(request, file):
        return Response(status_code=304, headers=file.headers)
    part = _part(request, file)
    start, stop = part or (0, file.size)
    headers = file.headers | {"Content-Length": str(stop - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    if request.method == "HEAD":
        return Response(headers=headers, media_type=file.media_type)
    return StreamingResponse(
        storage.open_range(RESULTS, file.key, start, stop),
        status_code=206 if part else 200,
        headers=headers,
        media_type=file.media_type,
    )


def _is_known(request: Request, file: _File) -> bool:
    """Whether the client's copy is the file (RFC 9110, 13.2.2)."""
    known = request.headers.get("If-None-Match")
    if known is not None:
        return parse_etags(known).contains_weak(file.sha256)
    since = _date(request.headers.get("If-Modified-Since"))
    return since is not None and file.changed <= since


def _part(request: Request, file: _File) -> tuple[int, int] | None:
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
