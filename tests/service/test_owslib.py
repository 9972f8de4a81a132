"""OWSLib, a client that we did not write, lists, describes, executes and polls."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from owslib.ogcapi.processes import Processes

from geocrop_processes.errors import UnknownModel
from geocrop_processes.imagery.access import Access
from geocrop_processes.service import manager
from geocrop_processes.service.app import create_app
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.service.worker import WorkerContext, work
from geocrop_processes.settings import ServiceSettings, Settings

# OWSLib leaves connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

GOOD = {"aoi": [30.20, -17.36, 1500], "year": 2022}


class Models:
    """A registry that knows a name, and has no files."""

    def resolve(self, reference: str, _as_of: str = "") -> str:
        return f"{reference}@1"

    def load(self, reference: str, _as_of: str = "") -> Any:
        raise UnknownModel(f"There is no model {reference!r}; registered are: none yet.")


@pytest.fixture
def client(
    store: JobStore,
    tmp_path: Path,
    serve: Callable[[Callable[[str], FastAPI]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Processes:
    """The client of a service whose jobs are carried out by a thread."""
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())

    def app(url: str) -> FastAPI:
        settings = Settings(data=tmp_path / "data", service=ServiceSettings(url=url))
        context = WorkerContext(
            settings,
            store,
            settings.open_storage(),
            settings.open_registry(settings.open_storage()),
            Access(),
        )

        def publish(_settings: Settings) -> None:
            Thread(target=work, args=(context, lambda: None)).start()

        monkeypatch.setattr(manager, "publish", publish)
        return create_app(settings, store=store)

    return Processes(f"{serve(app)}/")


def _wait(client: Processes, job_id: str) -> dict[str, Any]:
    """Poll a job until its status is final."""
    for _ in range(200):
        status: dict[str, Any] = client._request(path=f"jobs/{job_id}")
        if status["status"] not in {"accepted", "running"}:
            return status
        time.sleep(0.05)
    pytest.fail(f"still {status}")


def test_owslib_lists_and_describes(client: Processes) -> None:
    assert [p["id"] for p in client.processes()] == list(DESCRIPTIONS)
    assert set(client.process("crop-classification")["outputs"]) == {
        *("class-map", "confidence", "probabilities", "summary", "quicklook", "style", "item")
    }


def test_owslib_executes_a_job_and_polls_it_to_its_results(client: Processes) -> None:
    status = client.execute("echo", {"message": "mangwanani"}, async_=True)
    assert status["status"] == "accepted"
    # its headers still prefer an asynchronous answer: on GET that means nothing
    assert _wait(client, status["jobID"])["status"] == "successful"
    results = client._request(path=f"jobs/{status['jobID']}/results")
    assert (results["message"], results["length"]) == ("mangwanani", 10)


def test_owslib_executes_at_once(client: Processes) -> None:
    answer = client.execute("echo", {"message": "x"}, outputs={"length": {}}, async_=False)
    assert answer == {"length": 1}


def test_owslib_sees_why_a_job_failed(client: Processes) -> None:
    status = client.execute("crop-classification", GOOD, async_=True)
    ended = _wait(client, status["jobID"])
    assert ended["status"] == "failed"
    with pytest.raises(RuntimeError, match="There is no model"):
        client._request(path=f"jobs/{status['jobID']}/results")


def test_owslib_is_told_what_is_wrong(client: Processes) -> None:
    with pytest.raises(RuntimeError, match="swapped"):
        client.execute("crop-classification", GOOD | {"aoi": [-17.36, 30.20, 1500]}, async_=True)
