"""From labels to a model in production to a map that is judged: each step over HTTP, on a real worker."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from pyproj import Transformer
from rasterio.io import MemoryFile

from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.pipeline.assess import design_sample, read_strata
from geocrop_processes.pipeline.table import Table
from geocrop_processes.service import manager
from geocrop_processes.service.app import create_app
from geocrop_processes.service.worker import WorkerContext, work
from geocrop_processes.settings import CatalogSettings, MapSettings, ServiceSettings
from tests.backends import Backends

URL = "http://testserver"
LEFT, TOP, WIDTH_M, SIDE_M = 839_700, 8_078_200, 160, 800
STRIPES = ("maize", "soybean", "water", "soybean", "maize")
DATE = "02-28"
CIRCLE = [30.2, -17.36, 300]


def place(x: float, y: float) -> tuple[float, float]:
    """Degrees of a place that is so many metres to the right of the tile's corner, and below it."""
    to_degrees = Transformer.from_crs(32735, 4326, always_xy=True)
    lon, lat = to_degrees.transform(LEFT + x, TOP - y)
    return round(lon, 7), round(lat, 7)


def labels() -> dict[str, Any]:
    """Two points and a field in each of six squares of each stripe."""
    features = []
    for stripe, name in enumerate(STRIPES):
        for square in range(6):
            x, y = WIDTH_M * stripe + 35, SIDE_M / 6 * square + 35
            ring = [
                place(x + dx, y + dy) for dx, dy in ((0, 0), (0, 25), (25, 25), (25, 0), (0, 0))
            ]
            shapes: list[dict[str, Any]] = [
                {"type": "Point", "coordinates": place(x + 60, y)},
                {"type": "Point", "coordinates": place(x + 60, y + 60)},
                {"type": "Polygon", "coordinates": [ring]},
            ]
            features += [
                {
                    "type": "Feature",
                    "geometry": shape,
                    "properties": {"class": name, "season": 2022},
                }
                for shape in shapes
            ]
    return {"type": "FeatureCollection", "features": features}


def reference() -> str:
    """Points that were never trained on."""
    rows = [
        (*place(WIDTH_M * stripe + 20 + 30 * k, 190 + 41.7 * k + 60 * j), name)
        for stripe, name in enumerate(STRIPES)
        for k in range(4)
        for j in range(4)
    ]
    return "lon,lat,class\n" + "".join(f"{lon},{lat},{name}\n" for lon, lat, name in rows)


@dataclass
class World:
    """The service and one worker."""

    client: TestClient
    context: WorkerContext

    def run(self, process: str, **inputs: Any) -> str:
        """A job that is done: its name."""
        answer = self.client.post(f"/processes/{process}/execution", json={"inputs": inputs})
        assert answer.status_code == 201, answer.text
        job_id = str(answer.json()["jobID"])
        while work(self.context, lambda: None):
            pass
        status = self.client.get(f"/jobs/{job_id}").json()
        assert status["status"] == "successful", status
        assert status["progress"] == 100
        return job_id

    def results(self, job_id: str) -> dict[str, Any]:
        document: dict[str, Any] = self.client.get(f"/jobs/{job_id}/results").json()
        return document

    def file(self, job_id: str, output: str) -> bytes:
        """A file of a job, from where its results say it is."""
        href = self.results(job_id)[output]["href"]
        content: bytes = self.client.get(href).content
        return content


@pytest.fixture(scope="module")
def world(
    backends: Backends, backend_kind: str, archive: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with ExitStack() as opened:
        folder = tmp_path_factory.mktemp("learning")
        settings = opened.enter_context(backends.open(backend_kind, folder / "data")).settings(
            ServiceSettings(url=URL, lease_s=60),
            catalog=CatalogSettings(url=archive),
            map=MapSettings(model="fields", block_px=64),
        )
        context = WorkerContext.of(settings)
        opened.enter_context(closing(context.store))
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(manager, "publish", lambda _settings: None)
        with closing(TestClient(create_app(settings, store=context.store))) as client:
            yield World(client, context)


@pytest.fixture(scope="module")
def samples(world: World) -> str:
    return world.run("sample-extraction", labels=labels(), as_of=[DATE], per_field=3)


@pytest.fixture(scope="module")
def trained(world: World, samples: str) -> str:
    return world.run(
        "model-training",
        table={"href": f"{URL}/jobs/{samples}/results/samples"},
        name="fields",
        description="Three classes in stripes.",
        max_rounds=8,
        folds=2,
        block_m=200,
    )


@pytest.fixture(scope="module")
def mapped(world: World, trained: str) -> str:
    """A map by the model that was promoted."""
    world.context.registry.promote(world.results(trained)["model"])
    return world.run("crop-classification", aoi=CIRCLE, year=2022)


def test_labels_become_a_table_of_samples(world: World, samples: str) -> None:
    table = Table.from_parquet(world.file(samples, "samples"))
    assert table.as_of_dates == (DATE,)
    assert table.legend.codes == (1, 2, 3)
    whole = table.samples()
    # each point is a pixel, each field two or three
    report = world.results(samples)["report"]["value"]
    assert 5 * 6 * 4 <= report["samples"] <= 5 * 6 * 5
    assert whole.features.shape == (report["samples"], 51)
    assert len(np.unique(whole.groups)) == 5 * 6 * 3
    brought = world.context.store.get(samples).inputs["labels"]["upload"]
    assert report["labels"] == {"sha256": brought, "count": 90}


def test_a_table_becomes_a_model_that_nobody_uses_yet(world: World, trained: str) -> None:
    results = world.results(trained)
    assert results["model"] == "fields@1"
    assert results["card"]["value"]["description"] == "Three classes in stripes."
    assert results["card"]["value"]["as_of"] == [DATE]
    page = world.client.get(results["card-page"]["href"])
    assert page.headers["content-type"].startswith("text/html")
    assert "fields" in page.text
    entries = [e for e in world.context.registry.list() if e.name == "fields"]
    assert [e.version for e in entries] == ["1"]


def test_a_promoted_model_makes_the_next_map_and_the_map_says_so(world: World, mapped: str) -> None:
    assert world.context.store.get(mapped).inputs["model"] == "fields@1"
    item = json.loads(world.file(mapped, "item"))
    assert item["properties"]["mlm:name"] == "fields"
    assert "fields@1" in json.dumps(item)
    truth = {"maize": 1, "soybean": 2, "water": 3}
    with MemoryFile(world.file(mapped, "class-map")).open() as read:
        classes = read.read(1)
        rows, columns = np.nonzero(classes)
        x, _ = rasterio.transform.xy(read.transform, rows, columns)
    stripes = ((np.asarray(x) - LEFT) // WIDTH_M).astype(int)
    right = classes[rows, columns] == [truth[STRIPES[s]] for s in stripes]
    assert right.mean() > 0.9


def test_a_map_as_of_a_date_is_made_by_the_model_of_that_date(world: World, mapped: str) -> None:
    del mapped
    job_id = world.run("crop-classification", aoi=CIRCLE, year=2022, as_of="2023-02-28")
    item = json.loads(world.file(job_id, "item"))
    assert item["properties"]["end_datetime"].startswith("2023-02-28")
    answer = world.client.post(
        "/processes/crop-classification/execution",
        json={"inputs": {"aoi": CIRCLE, "year": 2022, "as_of": "2022-12-31"}},
    )
    assert answer.status_code == 400
    assert DATE in answer.json()["detail"]


def test_a_map_is_judged_by_points(world: World, mapped: str) -> None:
    points = {"value": reference(), "mediaType": "text/csv"}
    job_id = world.run("accuracy-assessment", product=mapped, reference=points)
    results = world.results(job_id)
    assert set(results) == {"assessment", "page"}
    judged = results["assessment"]["value"]
    assert judged["points"]["used"] > 20
    assert judged["overall"]["map"]["value"] > 0.9
    assert [one["name"] for one in judged["classes"]] == ["maize", "soybean", "water"]
    assert world.client.get(results["page"]["href"]).text.lower().startswith("<!doctype html>")


def test_a_map_is_judged_by_a_sample_that_was_drawn_of_it(world: World, mapped: str) -> None:
    """The labels are what the map says: nothing is wrong with it."""
    class_map = world.file(mapped, "class-map")
    design = design_sample(class_map, expected={}, year=2022, least=5, target_error=0.1)
    points = json.loads(design.points)
    drawn = read_strata(design.strata).of_point
    names = {1: "maize", 2: "soybean", 3: "water"}
    for point in points["features"]:
        point["properties"]["class"] = names[drawn[point["properties"]["id"]]]
    strata = {"value": design.strata.decode(), "mediaType": "text/csv"}
    given = {"product": mapped, "reference": points, "strata": strata}
    judged = world.results(world.run("accuracy-assessment", **given))["assessment"]["value"]
    assert "as the design says" in judged["design"]
    assert judged["overall"]["map"]["value"] == 1
    given["strata"] = {"value": "id\nx\n", "mediaType": "text/csv"}
    answer = world.client.post("/processes/accuracy-assessment/execution", json={"inputs": given})
    assert answer.status_code == 400
    assert "'strata'" in answer.json()["detail"]


def test_features_of_a_place_are_a_raster_with_a_band_for_each(world: World) -> None:
    job_id = world.run("feature-extraction", aoi=[30.2, -17.36, 150], year=2022)
    with rasterio.MemoryFile(world.file(job_id, "features")) as file, file.open() as read:
        assert read.descriptions == FEATURE_ORDER_V1
        assert read.dtypes == ("float32",) * 51
    assert json.loads(world.file(job_id, "item"))["id"] == job_id
    # it is no map: the catalogue of maps has none of it
    assert job_id not in world.client.get("/stac/collections/crop-maps/items").text


def test_the_checkpoints_are_gone_when_a_job_is_done(world: World, samples: str) -> None:
    stored = world.context.storage.list("geocrop-results", f"results/{samples}/")
    assert {key.rpartition("/")[2] for key in stored} == {"samples.parquet", "report.json"}


def test_labels_that_contradict_are_refused_before_there_is_a_job(world: World) -> None:
    both = labels()
    other = json.loads(json.dumps(both["features"][0]))
    other["properties"]["class"] = "water"
    both["features"].append(other)
    before = world.context.store.list()[1]
    answer = world.client.post(
        "/processes/sample-extraction/execution", json={"inputs": {"labels": both}}
    )
    assert answer.status_code == 400
    assert "Row 91" in answer.json()["detail"]
    assert world.context.store.list()[1] == before
