"""The files of jobs over HTTP, as GDAL, browsers and QGIS want them: byte ranges, checksums as ETags.

Only what a successful job has made is given: the files of a map by the names that products have, with its
STAC item, whose links to the files are relative and so lead here; those of other jobs by their results.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from geocrop_processes.errors import UnknownJob
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import GEOJSON, KINDS
from geocrop_processes.service.described import (
    FILE_CONDITIONS,
    FILE_HEADERS,
    FILE_PARTS,
    answer,
    problems,
)
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.steps import SUCCESSFUL
from geocrop_processes.service.stored_files import StoredFile, file_response
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage, result_key

_PUBLISHING = {"crop-classification"}
"""The processes whose products are told of by a published STAC item."""
_KEYS = {kind.file_name: key for key, kind in KINDS.items()}


def asset_url(settings: Settings, job_id: str, file: str) -> str:
    """Where clients find a file of a product."""
    return f"{public_url(settings)}/assets/{job_id}/{file}"


def published(store: JobStore, job_id: str) -> dict[str, Any]:
    """The STAC item of a job's product, which may be that of an earlier job.

    A product is published as long as a successful job's results are made of it.

    Raises:
        Problem: there is no such job, or it has no product (404).
    """
    item = store.item(job_id)
    if item is None:
        with suppress(UnknownJob):
            item = store.item((store.get(job_id).result or {}).get("job_id", ""))
    if item is None:
        raise Problem(404, "No such product", f"There is no product of a job {job_id!r}.", BLANK)
    return item


def object_key(item: Mapping[str, Any], file: str) -> str:
    """Where a file of a product is stored."""
    return result_key(item["id"], file)


def assets_router(settings: Settings, store: JobStore, storage: Storage | None = None) -> APIRouter:
    """The route of the files: `/assets/{job_id}/{file}`."""
    objects = storage or settings.open_storage()
    router = APIRouter(prefix="/assets", tags=["Assets"])

    @router.head("/{job_id}/{file}", include_in_schema=False)
    @router.get(
        "/{job_id}/{file}",
        summary="A file of a product, or a range of its bytes",
        description="As the assets of the product's STAC item name it: a raster, a style, figures, a picture.",
        operation_id="getFile",
        response_class=Response,
        responses={200: answer("The file.", "*/*", headers=FILE_HEADERS)}
        | FILE_PARTS
        | problems(404, 416),
        openapi_extra={"parameters": FILE_CONDITIONS},
    )
    def asset(job_id: str, file: str, request: Request) -> Response:
        return file_response(request, _find(store, objects, job_id, file), objects)

    return router


def file_answer(
    request: Request, store: JobStore, storage: Storage, job_id: str, file: str
) -> Response:
    """A file of a job from here, a part of it, or that the client has it already.

    Raises:
        Problem: there is no such file (404), or the range begins after its end (416).
    """
    return file_response(request, _find(store, storage, job_id, file), storage, redirects=False)


def _find(store: JobStore, storage: Storage, job_id: str, name: str) -> StoredFile:
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
        return StoredFile(name, key, GEOJSON, digest, len(content), changed)
    asset_key = _KEYS.get(name)
    if asset_key is None or asset_key not in item["assets"]:
        raise missing
    asset = item["assets"][asset_key]
    # a multihash: two bytes of kind and length before the SHA-256
    digest = asset["file:checksum"][4:]
    return StoredFile(name, key, KINDS[asset_key].media_type, digest, asset["file:size"], changed)


def _of_job(job: Job, name: str) -> StoredFile:
    """A file among the outputs of a job that publishes no map.

    Raises:
        Problem: there is none of that name (404).
    """
    result = job.result or {}
    files = result["outputs"].values() if job.status == SUCCESSFUL and "job_id" in result else ()
    for file in files:
        if file["file"] == name:
            changed = (job.finished or job.created).replace(microsecond=0)
            return StoredFile.of_output(file, result["job_id"], changed)
    raise Problem(404, "No such file", f"The job {job.id} has no file {name!r}.", BLANK)
