"""Whether a request would be accepted, and what it comes to: nothing is written."""

import json
import math
import time
from pathlib import Path
from threading import BoundedSemaphore, Event, current_thread
from typing import Any

import pytest
from pyproj import Transformer
from sqlalchemy import update

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable, NoScenes
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import Scene, parse_item
from geocrop_processes.service import foresight, validation
from geocrop_processes.service.app import create_app
from geocrop_processes.service.figures import Figures
from geocrop_processes.service.foresight import foreseen
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.schema import jobs, published
from geocrop_processes.settings import CatalogSettings, MapSettings, Settings
from tests.service.asking import GOOD, URL, Api, Models
from tests.service.conftest import Shop

INPUTS = {"aoi": [30.2, -17.36, 1000], "year": 2022}


@pytest.fixture
def scene(shared: Path) -> Scene:
    """A real scene of Zimbabwe."""
    path = min((shared / "data" / "stac_items").glob("*.stac.json"))
    return parse_item(json.loads(path.read_text(encoding="utf-8")))


def validate(api: Api, body: Any, process: str = "crop-classification") -> dict[str, Any]:
    answer = api("POST", f"/processes/{process}/validation", json=body)
    assert answer.status_code == 200, answer.text
    assert api.store.list() == ([], 0) or api.store.list()[0][0].status == "successful"
    return dict(answer.json())


def unavailable(*_: Any, **__: Any) -> Found:
    raise CatalogUnavailable("The catalogue does not answer.")


@pytest.fixture
def _no_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "find_scenes", unavailable)


@pytest.mark.usefixtures("_no_catalogue")
def test_a_request_is_resolved_though_the_catalogue_is_down(api: Api) -> None:
    told = validate(api, GOOD)
    assert told["accepted"]
    assert told["inputs"] == {
        "aoi": [30.2, -17.36, 1500.0],
        "year": 2022,
        "model": "geocrop-demo@2",
        "mask": "none",
        "fresh": False,
    }
    assert told["area_hectares"] == round(math.pi * 1500**2 / 1e4, 2)
    assert told["season"] == {"start": "2022-09-01", "end": "2023-05-31"}
    assert told["scenes"]["problem"]["status"] == 503
    assert told["expected"]["measured_jobs"] == 0
    assert "seconds" not in told["expected"]
    assert "blocks" not in told


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": {}}, "'aoi'"),
        ({"inputs": GOOD["inputs"] | {"year": 1990}}, "'year'"),
        ({"inputs": GOOD["inputs"] | {"aoi": [0, 0, 100]}}, "'aoi'"),
        ({"inputs": GOOD["inputs"] | {"model": "none"}}, "'model'"),
        (GOOD | {"response": "xml"}, "`response`"),
        (GOOD | {"subscriber": {"successUri": "https://x.example"}}, "`subscriber`"),
        ([], "JSON object"),
    ],
)
def test_what_would_be_refused_says_so_as_the_execution_does(
    body: Any, said: str, api: Api
) -> None:
    told = validate(api, body)
    assert told["accepted"] is False
    refused = api("POST", "/processes/crop-classification/execution", json=body)
    assert refused.status_code == 400
    assert told["problem"] == refused.json()
    assert said in told["problem"]["detail"]


def test_the_body_is_read_as_an_executions(api: Api) -> None:
    answer = api("POST", "/processes/echo/validation", content=b"{")
    assert (answer.status_code, answer.json()["accepted"]) == (200, False)
    assert api("POST", "/processes/nothing/validation", json={}).status_code == 404
    big = b" " * (2 << 20)
    assert api("POST", "/processes/echo/validation", content=big).status_code == 413
    told = validate(api, {"inputs": {"message": "x"}}, "echo")
    assert told["accepted"]
    assert told["inputs"]["pause"] == 0
    assert told.keys() == {"accepted", "inputs"}


@pytest.mark.usefixtures("_no_catalogue")
def test_figures_are_of_jobs_that_ended_and_earlier_products_are_named(api: Api) -> None:
    job_id = api.submit()
    api.finish(job_id)
    with api.store._database.write() as connection:
        connection.execute(
            update(jobs).values(
                started=100.0,
                finished=130.0,
                result={
                    "job_id": job_id,
                    "outputs": {"class-map": {"size": 7000}, "item": {"size": 68.58}},
                    "summary": {"scenes_used": ["a", "b", "c"]},
                },
            )
        )
    figures = api.store.past.figures("crop-classification")
    hectares = math.pi * 1500**2 / 1e4
    assert figures.jobs == 1
    assert figures.seconds == pytest.approx(30 / 3 / hectares)
    assert figures.size == pytest.approx(7068.58 / hectares)
    told = validate(api, GOOD)
    assert told["earlier"] == f"{URL}/jobs/{job_id}"
    assert told["expected"] == {"bytes": 7069, "measured_jobs": 1}
    for other in ({"fresh": True}, {"mask": "cropland"}, {"year": 2021}):
        assert "earlier" not in validate(api, {"inputs": GOOD["inputs"] | other})
    assert "earlier" not in validate(api, GOOD | {"outputs": {"probabilities": {}}})


@pytest.mark.usefixtures("_no_catalogue")
@pytest.mark.parametrize("of", ["partial", "resumed"])
def test_figures_are_of_jobs_that_did_all_of_their_work(api: Api, of: str) -> None:
    job_id = api.submit()
    done = ["0-1"] if of == "resumed" else []
    api.store.planned(api.claim("plan"), b"{}", ["0-0", "0-1"], "d" * 64, done)
    api.store.block_done(api.claim("block"))
    if of == "partial":
        assert api.store.out_of_time(api.claim("block"), 0)
    result = {"job_id": job_id, "outputs": {"class-map": {"size": 7}}, "summary": {}}
    assert api.store.finished(api.claim("finish"), result, None)
    assert api.store.past.figures("crop-classification").jobs == 0


@pytest.mark.usefixtures("_no_catalogue")
def test_a_map_that_lacks_something_is_not_named_as_the_one_that_answers(
    api: Api, shop: Shop
) -> None:
    whole = api.submit()
    shop.complete(whole)
    assert validate(api, GOOD)["earlier"] == f"{URL}/jobs/{whole}"
    lacking = api.submit(inputs=GOOD["inputs"] | {"fresh": True, "max_seconds": 60})
    shop.complete(lacking)
    with api.store._database.write() as connection:
        newest = published.c.job_id == lacking
        connection.execute(update(published).where(newest).values(complete=False))
    assert validate(api, GOOD)["earlier"] == f"{URL}/jobs/{whole}"


def test_scenes_give_the_grid_the_blocks_and_the_time(scene: Scene) -> None:
    figures = Figures(seconds=0.5, size=100.0, jobs=3)
    file = scene.files["B02"]
    to = Transformer.from_crs(scene.epsg, 4326, always_xy=True)
    lon, lat = to.transform(file.left + 30_000, file.top - 30_000)
    inputs = {"aoi": [lon, lat, 1000], "year": 2022}
    settings = Settings(map=MapSettings(block_px=128, min_acquisitions=3))
    told = foreseen(inputs, settings, lambda *_: Found((scene,), ()), figures)
    grid = Grid.of_aoi(Aoi(lon, lat, 1000.0), scene.epsg)
    assert told["grid"] == {
        "crs": f"EPSG:{scene.epsg}",
        "width": grid.width,
        "height": grid.height,
    }
    # 2 km in blocks of 1.28 km along the tile's own lines: two or three each way
    assert told["blocks"] in {4, 6, 9}
    assert told["scenes"] == {"found": 1, "left_out": 0, "acquisitions": 1, "enough": False}
    hectares = math.pi * 1000**2 / 1e4
    assert told["expected"]["seconds"] == round(hectares * 0.5, 1)
    assert told["expected"]["bytes"] == round(hectares * 100)


def test_a_place_without_scenes_is_told() -> None:
    def none(_aoi: Aoi, _season: Season) -> Found:
        raise NoScenes("The catalogue has no scene of this place and season.")

    told = foreseen(INPUTS, Settings(), none, Figures(1.0, 1.0, 0))
    assert told["scenes"]["problem"]["status"] == 422
    told = foreseen(INPUTS, Settings(), lambda *_: Found((), ()), Figures(1.0, 1.0, 0))
    assert told["scenes"] == {"found": 0, "left_out": 0, "acquisitions": 0, "enough": False}


def test_a_catalogue_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, store: JobStore) -> None:
    monkeypatch.setattr(foresight, "SEARCH_S", 0.05)

    def hangs(_aoi: Aoi, _season: Season) -> Found:
        time.sleep(1)
        return Found((), ())

    told = foreseen(INPUTS, Settings(), hangs, store.past.figures("crop-classification"))
    assert "0.05 s" in told["scenes"]["problem"]["detail"]


def test_searches_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "SEARCH_S", 0.05)
    monkeypatch.setattr(foresight, "SEARCHES", BoundedSemaphore(2))
    answers, searching = Event(), []

    def hangs(_aoi: Aoi, _season: Season) -> Found:
        searching.append(current_thread())
        answers.wait(60)
        return Found((), ())

    def problem() -> str:
        told = foreseen(INPUTS, Settings(), hangs, Figures(1.0, 1.0, 0))
        return str(told["scenes"].get("problem", {}).get("detail"))

    assert ["0.05 s" in problem() for _ in range(2)] == [True, True]
    assert ["busy" in problem() for _ in range(3)] == [True, True, True]
    assert len(searching) == 2
    # they hold up nobody who ends the process
    assert all(thread.daemon for thread in searching)
    answers.set()
    for thread in searching:
        thread.join(60)
    # however busy the machine is
    monkeypatch.setattr(foresight, "SEARCH_S", 60)
    assert problem() == "None"


def test_the_simulated_archive_is_not_built_to_validate(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "new"
    settings = Settings(data=data, catalog=CatalogSettings(url="simulation"))
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    opened = Api(create_app(settings, store=store), store, settings.open_storage())
    before = sorted(data.rglob("*"))
    told = validate(opened, GOOD)
    assert told["accepted"]
    assert "not built" in told["scenes"]["problem"]["detail"]
    assert sorted(data.rglob("*")) == before
