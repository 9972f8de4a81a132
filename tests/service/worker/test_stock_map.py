"""A whole map through pygeoapi's own application, made by our worker."""

import base64
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.service.worker import WorkerContext, work
from geocrop_processes.settings import Settings

PLACE = (30.2, -17.36, 300)
REQUEST: dict[str, Any] = {
    "inputs": {"aoi": list(PLACE), "year": 2022, "model": "stripes"},
    "outputs": {"class-map": {"transmissionMode": "value"}, "summary": {}, "item": {}},
    "response": "document",
}


@pytest.mark.slow
def test_pygeoapi_s_own_application_gives_the_map_of_our_pipeline(
    settings: Settings,
    model: RegisteredModel,
    serve_stock: Callable[[Settings], AbstractContextManager[str]],
) -> None:
    storage = settings.open_storage()
    saved = settings.open_registry(storage).save(model.ensemble, model.card)
    worker = WorkerContext.of(settings)
    with serve_stock(settings) as url, httpx.Client(timeout=60) as client:
        execution = f"{url}/processes/crop-classification/execution"
        answer = client.post(execution, json=REQUEST, headers={"Prefer": "respond-async"})
        assert answer.status_code == 201, answer.text
        address = answer.headers["location"]

        def poll() -> tuple[str, int]:
            job = client.get(f"{address}?f=json").json()
            return job["status"], job["progress"]

        assert client.get(f"{address}/results?f=json").status_code == 404
        told = [poll()]
        while work(worker, lambda: None):
            told.append(poll())
        results = client.get(f"{address}/results?f=json").json()
    worker.store.close()
    statuses, progress = zip(*told, strict=True)
    assert statuses == ("accepted", *["running"] * (len(told) - 2), "successful")
    assert list(progress) == sorted({*progress})
    assert (progress[0], progress[-1]) == (0, 100)
    # a plan, several blocks, a finish
    assert len(told) > 1 + 1 + 3 + 1
    assert set(results) == {"class-map", "summary", "item"}
    picture = base64.b64decode(results["class-map"]["value"])
    at_once = classify(
        "b",
        Request(Aoi(*PLACE), Season(2022), settings.catalog.url, 512, 6),
        saved,
        find=settings.open_catalog(settings.catalog.url).find,
        storage=storage,
        access=settings.access(),
    )
    assert hashlib.sha256(picture).hexdigest() == at_once.checksums["class-map"]
    assert results["summary"]["value"]["classes"] == at_once.summary["classes"]
    job_id = address.rpartition("/")[2]
    assert results["item"]["href"] == f"{url}/assets/{job_id}/item.json"
