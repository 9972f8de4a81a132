"""A service's parts, of its own for each test; on both kinds of backends, unless a test says `embedded_only`."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import uvicorn
import yaml
from fastapi import FastAPI
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.models.card import ModelCard
from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.publish.assets import KINDS, ProductAsset
from geocrop_processes.publish.cog import write_class_map, write_confidence
from geocrop_processes.publish.record import MapRecord, SourceScene
from geocrop_processes.publish.stac import build_item
from geocrop_processes.publish.style import qml
from geocrop_processes.publish.summary import summarise
from geocrop_processes.publish.tally import Tally
from geocrop_processes.service import manager, queue
from geocrop_processes.service.app import create_app
from geocrop_processes.service.embedded import environment
from geocrop_processes.service.host import CONFIG
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.processes import ITEM_TYPE
from geocrop_processes.service.steps import Step
from geocrop_processes.settings import ServiceSettings, Settings
from geocrop_processes.storage import RESULTS, Storage
from tests.backends import EMBEDDED, PRODUCTION, Backend, Backends
from tests.servers import KEY_ID, SECRET
from tests.service.asking import URL, Api, Models


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test runs on both kinds of backends, unless it is `embedded_only`."""
    if "backend_kind" in metafunc.fixturenames:
        kinds = [pytest.param(EMBEDDED), pytest.param(PRODUCTION, marks=pytest.mark.system)]
        alone = metafunc.definition.get_closest_marker("embedded_only")
        metafunc.parametrize("backend_kind", kinds[:1] if alone else kinds, scope="module")


@pytest.fixture(scope="package", autouse=True)
def _known_to_s3() -> Iterator[None]:
    """Everybody here is the user whom the S3 server knows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """Backends of both kinds."""
    with ExitStack() as servers:
        yield Backends(tmp_path_factory.mktemp("servers"), servers)


@pytest.fixture
def backend(backends: Backends, backend_kind: str, tmp_path: Path) -> Iterator[Backend]:
    """An empty one, whose data folder is `data`."""
    with backends.open(backend_kind, tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def store(backend: Backend) -> Iterator[JobStore]:
    """An empty store."""
    opened = backend.open_store()
    yield opened
    opened.close()


LEGEND = Legend(
    (
        CropClass(1, "maize", "#ffd300", cropland=True),
        CropClass(4, "soybean", "#267000", cropland=True),
        CropClass(13, "water", "#419bdf"),
    )
)
CARD = ModelCard(
    name="stripes",
    description="Three classes in stripes.",
    legend=LEGEND,
    features=("ndvi_sep",),
    fingerprint="sha256:" + "ab" * 32,
    simulated=True,
    seasons=(2022,),
    samples={"maize": 10},
    accuracy={},
    software={},
    seed=1,
)


@dataclass(frozen=True)
class Made:
    """A product that was published by hand."""

    job_id: str
    classes: npt.NDArray[np.uint8]
    files: dict[str, bytes]


@dataclass(frozen=True)
class Shop:
    """A store and its files, and how products come into them."""

    settings: Settings
    store: JobStore
    storage: Storage
    folder: Path

    def publish(
        self,
        job_id: str,
        lon: float = 30.2,
        lat: float = -17.36,
        year: int = 2022,
        *,
        legend: Legend = LEGEND,
        measured: bool = False,
    ) -> Made:
        """Add the job `job_id`, and do it without the imagery."""
        self.store.add(job_id, "crop-classification", {}, {})
        return self.complete(job_id, lon, lat, year, legend=legend, measured=measured)

    def complete(
        self,
        job_id: str,
        lon: float = 30.2,
        lat: float = -17.36,
        year: int = 2022,
        *,
        legend: Legend = LEGEND,
        measured: bool = False,
    ) -> Made:
        """Do a job without the imagery: three stripes of classes in a circle of 600 m.

        A product that is measured has a confidence raster too, of numbers drawn by the job's name.
        """
        aoi, season = Aoi(lon, lat, 600.0), Season(year)
        grid = Grid.of_aoi(aoi, 32736)
        stripes = np.resize(np.repeat(np.array(legend.codes, np.uint8), 9), grid.shape)
        classes = np.where(grid.inside(aoi), stripes, 0).astype(np.uint8)
        confidence = np.full((7, *grid.shape), 100, np.uint8)
        record = MapRecord(
            job_id=job_id,
            aoi=aoi,
            season=season,
            grid=grid,
            card=replace(CARD, legend=legend),
            model_version="1",
            member_checksums={"xgboost.ubj": "11" * 32},
            catalog_url="http://127.0.0.1:8000",
            scenes=(SourceScene("S2A_1", "s2_l2a", datetime(2022, 11, 12, tzinfo=UTC), None),),
            left_out=(),
            digest=hashlib.sha256(f"{lon} {lat} {year}".encode()).hexdigest(),
            simulated=True,
            created=datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
            software={"geocrop": "0.1.0"},
            tally=Tally.of_block(classes, confidence, grid.inside(aoi)),
        )
        folder = self.folder / job_id
        folder.mkdir()
        whole = Block(0, 0, grid.height, grid.width)
        write_class_map(folder / "class-map.tif", grid, [(whole, classes)], legend, {})
        if measured:
            drawn = np.random.default_rng(list(job_id.encode())).integers(0, 201, confidence.shape)
            numbers = np.where(classes == 0, 255, drawn).astype(np.uint8)
            write_confidence(folder / "confidence.tif", grid, [(whole, numbers)], {})
        (folder / "class-map.qml").write_text(qml(legend))
        (folder / "summary.json").write_text(json.dumps(summarise(record)))
        assets = [
            ProductAsset.of_file(key, folder / kind.file_name)
            for key, kind in KINDS.items()
            if (folder / kind.file_name).exists()
        ]
        item = build_item(record, assets).to_dict(include_self_link=False, transform_hrefs=False)
        (folder / "item.json").write_text(json.dumps(item))
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name, content in files.items():
            self.storage.put(RESULTS, f"results/{job_id}/{name}", content, "text/plain")
        plan = self.claim("plan")
        assert self.store.planned(plan, b"{}", ["0-0"], record.digest)
        assert self.store.block_done(self.claim("block"))
        summary = json.loads(files["summary.json"])
        result = {"job_id": job_id, "outputs": _told(files), "summary": summary}
        assert self.store.finished(self.claim("finish"), result, item)
        return Made(job_id, classes, files)

    def claim(self, kind: str) -> Step:
        step = self.store.claim([kind])
        assert step is not None
        return step


def _told(files: Mapping[str, bytes]) -> dict[str, Any]:
    """A product's files as a worker reports them."""
    kinds = {kind.file_name: (key, kind.media_type) for key, kind in KINDS.items()}
    kinds[ITEM] = ("item", ITEM_TYPE)
    return {
        kinds[name][0]: {
            "file": name,
            "media_type": kinds[name][1],
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
        for name, content in files.items()
    }


@pytest.fixture
def shop(backend: Backend, store: JobStore, tmp_path: Path) -> Shop:
    """An empty store and its files."""
    settings = backend.settings(ServiceSettings(url="http://127.0.0.1:1/x"))
    return Shop(settings, store, settings.open_storage(), tmp_path)


@pytest.fixture(scope="session")
def shelves(
    backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Shop]]:
    """The `shelf` of each kind of backend, filled once."""
    with ExitStack() as opened:

        @cache
        def fill(kind: str) -> Shop:
            folder = tmp_path_factory.mktemp(f"shelf-{kind}")
            backend = opened.enter_context(backends.open(kind, folder / "data"))
            store = opened.enter_context(closing(backend.open_store()))
            settings = backend.settings(ServiceSettings(url="http://127.0.0.1:1/x"))
            shop = Shop(settings, store, settings.open_storage(), folder)
            shop.publish("old", lon=29.0, lat=-19.0, year=2021, measured=True)
            shop.publish("west", measured=True)
            other = Legend((CropClass(1, "cotton", "#ffffff"), CropClass(7, "maize", "#ffd300")))
            shop.publish("east", lon=30.2038, legend=other, measured=True)
            return shop

        yield fill


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shop], backend_kind: str) -> Shop:
    """Three products that tests only read: two of one season that overlap, and an older one elsewhere.

    `east` lies 400 m to the east of `west`, came later, and is of a model with other classes and codes.
    """
    return shelves(backend_kind)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str], FastAPI]], str]]:
    """Serve an application over real HTTP on loopback; what makes it is told its address."""
    servers: list[tuple[uvicorn.Server, Thread]] = []
    with ExitStack() as listeners:

        def start(make: Callable[[str], FastAPI]) -> str:
            listener = listeners.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = uvicorn.Server(uvicorn.Config(make(url), log_config=None, ws="none"))
            thread = Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            servers.append((server, thread))
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            return url

        yield start
        for server, thread in servers:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def serve_stock() -> Callable[[Settings], AbstractContextManager[str]]:
    """Serve a deployment by pygeoapi's own application, with our configuration; nothing carries its jobs out."""

    @contextmanager
    def serve(settings: Settings) -> Iterator[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        service = settings.service.model_copy(update={"url": url, "broker": "memory://"})
        document, log = settings.data / "openapi.yml", settings.data / "stock.log"
        variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PYGEOAPI_")},
            **environment(settings.model_copy(update={"service": service})),
            "PYGEOAPI_CONFIG": str(CONFIG),
            "PYGEOAPI_OPENAPI": str(document),
        }
        generate = "from pygeoapi.openapi import generate; generate()"
        subprocess.run(
            [sys.executable, "-c", generate, str(CONFIG), "--output-file", document],
            env=variables,
            check=True,
        )
        server = [*(sys.executable, "-m", "uvicorn"), "pygeoapi.starlette_app:APP", "--port"]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [*server, str(port)], env=variables, stdout=output, stderr=output
            ) as process,
        ):
            try:
                _wait(url, process, log)
                yield url
            finally:
                process.terminate()

    return serve


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            httpx.get(f"{url}/conformance")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(log.read_text())


@pytest.fixture(scope="session")
def conforms(shared: Path) -> Callable[[str, Any], None]:
    """Holds a document against one of the OGC's schemas of Processes 1.0, by the schema's name."""
    folder = shared / "data/ogc_schemas/ogcapi/processes/part1/1.0/openapi/schemas"
    if not folder.is_dir():
        pytest.skip(f"needs the OGC's schemas in {folder}, which are absent")

    def retrieve(uri: str) -> Resource[Any]:
        content = yaml.safe_load((folder / uri.rpartition("/")[2]).read_text())
        if uri.endswith(("inputValueNoObject.yaml", "inputValue.yaml")):
            # slips of the standard: a whole number is an integer and a number, and a feature with a bbox is a bbox
            content = {"anyOf": content["oneOf"]}
        return DRAFT4.create_resource(content)

    schemas: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg] # attrs' names

    def check(schema: str, document: Any) -> None:
        validator = OAS30Validator({"$ref": f"schema:/{schema}.yaml"}, registry=schemas)
        validator.validate(document)

    return check


@pytest.fixture
def api(backend: Backend, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The application without models or workers, whose jobs nobody does."""
    settings = backend.settings(ServiceSettings(url=f"{URL}/"))
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    told: list[str] = []

    def publish(settings: Settings) -> None:
        if backend.broker:
            queue.publish(settings)
        told.append("work")

    monkeypatch.setattr(manager, "publish", publish)
    opened = Api(create_app(settings, store=store), store, settings.open_storage())
    opened.told = told
    return opened
