"""pygeoapi's own application, started with our configuration, serves our processes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from pygeoapi.config import validate_config
from pygeoapi.util import yaml_load

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.models import members
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.service import uploads
from geocrop_processes.service.host import CONFIG
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.service.uploads import Upload
from geocrop_processes.service.worker import WorkerContext, work
from geocrop_processes.settings import Settings

GOOD: dict[str, Any] = {"aoi": [30.20, -17.36, 1500], "year": 2022}
ASYNC = {"Prefer": "respond-async"}
ServeStock = Callable[[Settings], AbstractContextManager[str]]


@dataclass(frozen=True)
class Stock:
    """pygeoapi's own server."""

    url: str
    settings: Settings
    store: JobStore

    def execute(self, process: str, inputs: dict[str, Any]) -> httpx.Response:
        address = f"{self.url}/processes/{process}/execution"
        return httpx.post(address, json={"inputs": inputs}, headers=ASYNC, timeout=60)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, serve_stock: ServeStock) -> Iterator[Stock]:
    settings = Settings(data=tmp_path_factory.mktemp("stock") / "data")
    _register(settings)
    with serve_stock(settings) as url:
        store = JobStore.of(settings)
        yield Stock(url, settings, store)
        store.close()


def _register(settings: Settings) -> None:
    """A model that the service takes when none is asked for."""
    rows = np.random.default_rng(5).normal(size=(60, 4)).astype(np.float32)
    classes = (
        CropClass(1, "maize", "#ffd300", cropland=True),
        CropClass(13, "water", "#419bdf"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "ROUNDS", 2)
        ensemble = Ensemble.train(rows, np.where(rows[:, 0] > 0, 1, 13), seed=7)
    card = ModelCard(
        name=settings.map.model.partition("@")[0],
        description="For tests.",
        legend=Legend(classes),
        features=("a", "b", "c", "d"),
        fingerprint=FINGERPRINT,
        simulated=True,
        seasons=(2022,),
        samples={"maize": 30},
        accuracy={},
        software={},
        seed=7,
    )
    settings.open_registry(settings.open_storage()).save(ensemble, card)


def test_the_configuration_is_valid_to_pygeoapi_itself() -> None:
    with CONFIG.open(encoding="utf-8") as file:
        assert validate_config(yaml_load(file))


def test_plugins_are_named_by_dotted_path_and_only_our_variables_are_read() -> None:
    text = CONFIG.read_text()
    resources = yaml.safe_load(text)["resources"]
    names = [one["processor"]["name"] for one in resources.values()]
    assert all(name.startswith("geocrop_processes.service.") for name in names)
    assert text.count("${") == text.count("${GEOCROP_")


@pytest.mark.slow
def test_it_lists_and_describes_our_processes(stock: Stock) -> None:
    listed = httpx.get(f"{stock.url}/processes?f=json").json()["processes"]
    assert {p["id"] for p in listed} == set(DESCRIPTIONS)
    described = httpx.get(f"{stock.url}/processes/crop-classification?f=json").json()
    assert set(described["inputs"]) == {
        "aoi",
        "year",
        "model",
        "mask",
        "as_of",
        "fresh",
        "max_seconds",
    }
    assert described["jobControlOptions"] == ["async-execute", "dismiss"]


@pytest.mark.slow
def test_it_accepts_a_map_as_a_job_of_the_store(stock: Stock) -> None:
    answer = stock.execute("crop-classification", GOOD)
    assert answer.status_code == 201, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    job_id = answer.headers["location"].rpartition("/")[2]
    job = stock.store.get(job_id)
    assert (job.process, job.status) == ("crop-classification", "accepted")
    assert job.inputs["model"] == "geocrop-demo@1"
    listed = httpx.get(f"{stock.url}/jobs?f=json").json()["jobs"]
    assert job_id in {one["jobID"] for one in listed}
    stock.store.dismiss(job_id)
    assert httpx.get(f"{stock.url}/jobs/{job_id}?f=json").json()["status"] == "dismissed"


@pytest.mark.slow
def test_it_accepts_labels_and_stores_them(stock: Stock) -> None:
    content = "lon,lat,class,season\n30.2,-17.36,maize,2022\n"
    labels = {"value": content, "mediaType": "text/csv"}
    answer = stock.execute("sample-extraction", {"labels": labels})
    assert answer.status_code == 201, answer.text
    job = stock.store.get(answer.headers["location"].rpartition("/")[2])
    upload = Upload(content.encode(), "text/csv")
    assert job.inputs["labels"] == upload.named()
    assert uploads.read(stock.settings.open_storage(), upload.sha256, "text/csv") == upload
    stock.store.dismiss(job.id)
    answer = stock.execute(
        "sample-extraction", {"labels": labels | {"value": content + "0,0,,1\n"}}
    )
    assert answer.status_code == 400
    assert "Row 3" in answer.text


@pytest.mark.slow
def test_it_refuses_what_we_refuse(stock: Stock) -> None:
    before = stock.store.list()[1]
    answer = stock.execute("crop-classification", GOOD | {"aoi": [-17.36, 30.20, 1500]})
    assert answer.status_code == 400
    assert "swapped" in answer.text
    assert stock.store.list()[1] == before


@pytest.mark.slow
def test_a_job_that_it_accepted_is_carried_out_by_our_worker(stock: Stock) -> None:
    answer = stock.execute("echo", {"message": "mangwanani"})
    assert answer.status_code == 201, answer.text
    address = answer.headers["location"]
    context = WorkerContext.of(stock.settings)
    while work(context, lambda: None):
        pass
    context.store.close()
    assert httpx.get(f"{address}?f=json").json()["status"] == "successful"
    results = httpx.get(f"{address}/results?f=json").json()
    assert results == {"message": "mangwanani", "length": 10, "measurement": 1.0}
