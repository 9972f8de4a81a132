"""The application of a deployment without models or workers, asked in-process."""

import asyncio
import hashlib
from typing import Any

import httpx
from fastapi import FastAPI

from geocrop_processes.errors import UnknownModel
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.processes import ITEM_TYPE
from geocrop_processes.service.steps import Step
from geocrop_processes.storage import RESULTS, Storage

URL = "https://maps.example.org/api"
GOOD: dict[str, Any] = {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022}}
ASYNC = {"Prefer": "respond-async"}
OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


class Models:
    """A registry of one model."""

    def resolve(self, reference: str, _as_of: str = "") -> str:
        if reference.partition("@")[0] != "geocrop-demo":
            raise UnknownModel(f"There is no model {reference!r}; registered are: geocrop-demo@2.")
        return "geocrop-demo@2"

    def list(self) -> list[str]:
        return ["geocrop-demo@2"]


class Api:
    """The application, asked in-process."""

    def __init__(self, app: FastAPI, store: JobStore, storage: Storage) -> None:
        self.app = app
        self.store = store
        self.storage = storage
        self.told: list[str] = []

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self("GET", path, **options)

    def execute(self, process: str, body: Any, **headers: str) -> httpx.Response:
        return self("POST", f"/processes/{process}/execution", json=body, headers=headers)

    def submit(self, **request: Any) -> str:
        """A new map job."""
        answer = self.execute("crop-classification", GOOD | request, **ASYNC)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["jobID"])

    def claim(self, kind: str) -> Step:
        step = self.store.claim([kind])
        assert step is not None
        return step

    def finish(self, job_id: str) -> dict[str, bytes]:
        """Do the job without the imagery; tells its files."""
        files = {
            key: (kind.file_name, f"the {key}".encode())
            for key, kind in KINDS.items()
            if key != "probabilities"
        } | {"item": (ITEM, b'{"type": "Feature"}')}
        for name, content in files.values():
            self.storage.put(RESULTS, f"results/{job_id}/{name}", content, "text/plain")
        self.store.planned(self.claim("plan"), b"{}", ["0-0"], "d" * 64)
        self.store.block_done(self.claim("block"))
        outputs = {
            key: {
                "file": name,
                "media_type": KINDS[key].media_type if key in KINDS else ITEM_TYPE,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
            for key, (name, content) in files.items()
        }
        result = {"job_id": job_id, "outputs": outputs, "summary": {"mapped_hectares": 7.1}}
        assert self.store.finished(self.claim("finish"), result, None)
        return {key: content for key, (_, content) in files.items()}


def link(document: dict[str, Any], rel: str) -> str | None:
    found = [one["href"] for one in document["links"] if one["rel"] == rel]
    return found[0] if found else None
