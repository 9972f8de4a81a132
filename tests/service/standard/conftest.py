"""A service on loopback whose jobs are carried out, but for the pixels of maps: one of each kind for all tests."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
import uvicorn

from geocrop_processes.imagery.access import Access
from geocrop_processes.service import manager, steps
from geocrop_processes.service.app import create_app
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.worker import WorkerContext, run_step
from geocrop_processes.settings import ServiceSettings, Settings
from tests.backends import Backend, Backends
from tests.service.asking import Models
from tests.service.conftest import Shop

MAP: dict[str, Any] = {"aoi": [30.2, -17.36, 600], "year": 2022}
"""The map that is made by hand."""
NO_SCENES = {
    "type": "about:blank",
    "title": "No map can be made",
    "status": 422,
    "detail": "No scene was found.",
}
_WORKERS = 2
_HANDS_OFF = (steps.RUN, steps.CLEAN)
"""What the workers do; the steps of maps are done by hand."""


@dataclass(frozen=True)
class Running:
    """A service, and a client that asks it over HTTP."""

    url: str
    client: httpx.Client
    shop: Shop

    @cached_property
    def map_job(self) -> str:
        """A job whose map is published."""
        job_id = self.submit("crop-classification", MAP)
        self.shop.complete(job_id)
        return job_id

    @cached_property
    def failed_job(self) -> str:
        """A job that failed for want of scenes."""
        job_id = self.submit("crop-classification", MAP)
        self.shop.store.failed(self.shop.claim("plan"), NO_SCENES, retry=False)
        return job_id

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def execute(self, process: str, body: Any, **headers: str) -> httpx.Response:
        return self.client.post(f"/processes/{process}/execution", json=body, headers=headers)

    def submit(self, process: str, inputs: Any, **request: Any) -> str:
        """A new job."""
        body = {"inputs": inputs, **request}
        answer = self.execute(process, body, Prefer="respond-async")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["jobID"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """A job's status when it is final."""
        give_up = time.monotonic() + 300
        while time.monotonic() < give_up:
            status: dict[str, Any] = self.get(f"/jobs/{job_id}").json()
            if status["status"] not in {"accepted", "running"}:
                return status
            time.sleep(0.1)
        pytest.fail(f"still {status}")

    def results_of(self, process: str, inputs: Any, **request: Any) -> httpx.Response:
        """The results of a new job."""
        job_id = self.submit(process, inputs, **request)
        assert self.ended(job_id)["status"] == "successful"
        return self.get(f"/jobs/{job_id}/results")


def _carry_out(context: WorkerContext, stop: Event) -> None:
    while not stop.is_set():
        step = context.store.claim(_HANDS_OFF)
        if step is None:
            stop.wait(0.05)
        else:
            run_step(context, step)


@pytest.fixture(scope="package")
def services(
    backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Running]]:
    """The service on each kind of backend, started once."""
    with ExitStack() as opened:

        @cache
        def start(kind: str) -> Running:
            folder = tmp_path_factory.mktemp(f"standard-{kind}")
            backend = opened.enter_context(backends.open(kind, folder / "data"))
            return opened.enter_context(_running(backend, folder))

        yield start


@pytest.fixture(scope="module")
def service(services: Callable[[str], Running], backend_kind: str) -> Running:
    """The service, for all tests of the standard."""
    return services(backend_kind)


@contextmanager
def _running(backend: Backend, folder: Path) -> Iterator[Running]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = backend.settings(
            # a dismissed job's worker hears of it when it renews its lease
            ServiceSettings(url=url, lease_s=1.5, attempts=3, max_jobs_listed=50)
        )
        store, storage = JobStore.of(settings), settings.open_storage()
        # no longer than it takes to make them: other tests run beside this service
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Settings, "open_registry", lambda *_: Models())
            # the workers look for themselves
            patch.setattr(manager, "publish", lambda _settings: None)
            registry = settings.open_registry(storage)
            context = WorkerContext(settings, store, storage, registry, Access())
            app = create_app(settings, store=store)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        stop = Event()
        threads = [Thread(target=_carry_out, args=(context, stop)) for _ in range(_WORKERS)]
        threads.append(Thread(target=server.run, kwargs={"sockets": [listener]}))
        for thread in threads:
            thread.start()
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            while not server.started:
                time.sleep(0.01)
            yield Running(url, client, Shop(settings, store, storage, folder))
        stop.set()
        server.should_exit = True
        for thread in threads:
            thread.join(60)
        store.close()


@pytest.fixture(scope="module")
def map_job(service: Running) -> str:
    """A job whose map is published."""
    return service.map_job


@pytest.fixture(scope="module")
def failed_job(service: Running) -> str:
    """A job that failed for want of scenes."""
    return service.failed_job


Conforms = Callable[[str, Any], None]
