"""What nobody needs goes, and nothing else: in a folder and on a real S3 server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import boto3
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from geocrop_processes.service.app import create_app
from geocrop_processes.service.schema import jobs
from geocrop_processes.service.sweeping.beat import sweep_regularly
from geocrop_processes.service.sweeping.sweep import Swept, sweep
from geocrop_processes.settings import KeepSettings, Settings, UploadSettings
from geocrop_processes.storage import BUCKETS, DATASETS, RESULTS, Storage
from tests.servers import KEY_ID, SECRET, s3_server

OLD = {
    # nothing is younger than this
    "keep": KeepSettings.model_construct(grace_s=-60.0, results_days=None, sweep_s=0.01),
    "uploads": UploadSettings.model_construct(keep_s=-60.0),
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture(params=["folder", "s3"])
def world(
    request: pytest.FixtureRequest, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A shop on either kind of store, whose objects are all old enough."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage = shop.storage
    if request.param == "s3":
        storage = Storage("s3://", endpoint=request.getfixturevalue("endpoint"))
        storage.ensure_buckets()
    yield replace(shop, storage=storage, settings=shop.settings.model_copy(update=OLD))
    for bucket in BUCKETS:
        storage.delete(bucket, "")


def put(world: Any, *keys: str, bucket: str = RESULTS) -> None:
    for key in keys:
        world.storage.put(bucket, key, b"12345", "text/plain")


def swept(world: Any, **how: Any) -> Swept:
    return sweep(world.settings, world.store, world.storage, **how)


def keys(world: Any, job_id: str = "") -> list[str]:
    prefix = f"results/{job_id}/" if job_id else "results/"
    return [key.removeprefix(prefix) for key in world.storage.list(RESULTS, prefix)]


def test_what_jobs_need_stays_and_what_nobody_needs_goes(world: Any) -> None:
    world.publish("done")
    files = keys(world, "done")
    put(world, "results/done/blocks/0-0.1.npz")
    world.store.add("open", "crop-classification", {}, {})
    put(world, "results/open/blocks/0-0.1.npz", "results/open/class-map.tif")
    world.store.add("dropped", "crop-classification", {}, {})
    world.store.dismiss("dropped")
    put(world, "results/dropped/class-map.tif", "results/dropped/blocks/1-0.1.npz")
    put(world, "results/ghost/blocks/0-0.1.npz", "results/cli-1/summary.json")
    before = keys(world)
    told = swept(world, dry_run=True)
    assert keys(world) == before
    assert (told.objects, told.bytes, told.unknown) == (4, 20, [])
    assert swept(world).objects == 4
    assert keys(world, "done") == files
    assert len(keys(world, "open")) == 2
    assert keys(world, "dropped") == keys(world, "ghost") == []
    assert keys(world, "cli-1") == ["summary.json"]
    assert swept(world).objects == 0


def test_a_product_stays_as_long_as_somebody_s_result_is_of_it(world: Any) -> None:
    made = world.publish("first")
    digest = world.store.get("first").digest
    world.store.add("second", "crop-classification", {}, {})
    assert world.store.answered(world.claim("plan"), digest, made.job_id)
    world.store.dismiss("first")
    swept(world)
    assert "class-map.tif" in keys(world, "first")
    world.store.dismiss("second")
    swept(world)
    assert keys(world) == []


def test_blocks_of_a_partial_map_wait_for_the_job_that_maps_the_others(world: Any) -> None:
    world.publish("partial")
    with world.store.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == "partial").values(blocks=4))
    put(world, "results/partial/blocks/0-0.1.npz")
    assert swept(world).objects == 0


def test_whole_products_that_the_store_does_not_know_go_only_when_asked_for(world: Any) -> None:
    """As where a service is started with another job store than the one that made them."""
    put(world, "results/other/class-map.tif", "results/other/item.json")
    told = swept(world)
    assert (told.objects, told.unknown) == (0, ["other"])
    assert swept(world, unknown=True).objects == 2
    assert keys(world) == []


def test_what_was_brought_goes_once_no_open_job_names_it(world: Any) -> None:
    put(world, "uploads/needed", "uploads/old", bucket=DATASETS)
    world.store.add("a", "sample-extraction", {"labels": {"upload": "needed"}}, {})
    assert swept(world).objects == 1
    assert world.storage.list(DATASETS, "uploads/") == ["uploads/needed"]


def test_what_is_young_stays_whatever_the_store_says(world: Any) -> None:
    put(world, "results/ghost/blocks/0-0.1.npz")
    put(world, "uploads/old", bucket=DATASETS)
    begin(world)
    told = sweep(Settings(data=world.settings.data), world.store, world.storage)
    assert (told.objects, told.unfinished) == (0, 0)
    assert len(keys(world)) == 1


def begin(world: Any) -> None:
    """What a writer leaves that is killed."""
    where = world.storage.url(RESULTS, "results/done/map.tif")
    if where.startswith("s3://"):
        server = world.storage._at._endpoint
        client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
        client.create_multipart_upload(Bucket=RESULTS, Key="results/done/map.tif")
    else:
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        Path(where).with_name(".0123.partial").write_bytes(b"half")


def test_what_killed_writers_have_begun_goes(world: Any) -> None:
    begin(world)
    assert swept(world, dry_run=True).unfinished == 1
    assert swept(world).unfinished == 1
    assert list(world.storage.unfinished(RESULTS, "")) == []


def test_results_are_withdrawn_after_their_time_and_say_so(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "open_storage", lambda _: world.storage)
    for job_id, year in (("old", 2022), ("given", 2021), ("young", 2020)):
        world.publish(job_id, year=year)
    world.store.add("b", "accuracy-assessment", {"product": "given"}, {})
    with world.store.database.write() as connection:
        past = update(jobs).where(jobs.c.id.in_(["old", "given"]))
        connection.execute(past.values(finished=jobs.c.finished - 8 * 86_400))
    keep = world.settings.keep.model_copy(update={"results_days": 7.0})
    world = replace(world, settings=world.settings.model_copy(update={"keep": keep}))
    assert swept(world, dry_run=True).withdrawn == 1
    assert world.store.get("old").result is not None
    assert swept(world).withdrawn == 1
    assert swept(world).withdrawn == 0
    assert {key.partition("/")[0] for key in keys(world)} == {"given", "young"}
    assert [item["id"] for item in world.store.items()[0]] == ["young", "given"]
    with TestClient(create_app(world.settings, store=world.store)) as client:
        status = client.get("/jobs/old").json()
        assert (status["status"], status["progress"]) == ("successful", 100)
        answer = client.get("/jobs/old/results")
        assert answer.status_code == 410
        assert "are kept for 7 days" in answer.json()["detail"]
        assert client.get("/jobs/old/results/class-map").status_code == 410
        assert client.get("/assets/old/class-map.tif").status_code == 404
        assert client.get("/jobs/young/results").status_code == 200


def test_a_product_that_a_younger_job_was_answered_with_outlives_its_own_job(world: Any) -> None:
    made = world.publish("first")
    world.store.add("second", "crop-classification", {}, {})
    assert world.store.answered(world.claim("plan"), world.store.get("first").digest, made.job_id)
    with world.store.database.write() as connection:
        past = update(jobs).where(jobs.c.id == "first")
        connection.execute(past.values(finished=jobs.c.finished - 8 * 86_400))
    keep = world.settings.keep.model_copy(update={"results_days": 7.0})
    world = replace(world, settings=world.settings.model_copy(update={"keep": keep}))
    assert swept(world).withdrawn == 1
    swept(world)
    assert "class-map.tif" in keys(world, "first")
    assert world.store.item("first") is not None


def test_the_service_sweeps_by_itself_and_outlives_what_goes_wrong(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(world, "results/ghost/blocks/0-0.1.npz")
    ended = Event()
    said: list[str] = []
    tries = iter([Storage(str(world.settings.data / "no-such")), world.storage])

    def opened(_: Settings) -> Any:
        try:
            return next(tries)
        except StopIteration:
            ended.set()
            return world.storage

    monkeypatch.setattr(Settings, "open_storage", opened)
    sweep_regularly(world.settings, world.store, ended, said.append)
    assert "cannot list geocrop-results/results/" in said[0]
    assert keys(world) == []
