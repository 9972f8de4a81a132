import gc
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from botocore.exceptions import ClientError

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import InvalidSetting, StorageRefused, StorageUnavailable
from geocrop_processes.imagery.baselines import PREFIX, find_baseline, read_baseline
from geocrop_processes.storage import BASELINES, DATASETS, MODELS, RESULTS, Storage
from tests.servers import KEY_ID, SECRET, free_port, s3_server


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server of other people's making, over a folder."""
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(params=["folder", "s3"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, _credentials: None
) -> Iterator[Storage]:
    """Both kinds, buckets made and empty."""
    if request.param == "folder":
        store = Storage(str(tmp_path / "store"))
    else:
        store = Storage("s3://", endpoint=request.getfixturevalue("s3_endpoint"))
    store.ensure_buckets()
    yield store
    for bucket in (MODELS, BASELINES, RESULTS, DATASETS):
        store.delete(bucket, "")


def test_what_was_put_can_be_got(storage: Storage) -> None:
    storage.put(RESULTS, "results/1/map.tif", b"\x00\x01", "image/tiff")
    assert storage.get(RESULTS, "results/1/map.tif") == b"\x00\x01"


def test_a_second_put_replaces_the_first(storage: Storage) -> None:
    storage.put(RESULTS, "a", b"a longer first", "text/plain")
    storage.put(RESULTS, "a", b"second", "text/plain")
    assert storage.get(RESULTS, "a") == b"second"
    assert storage.list(RESULTS, "") == ["a"]


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    storage.put(RESULTS, "empty", b"", "text/plain")
    assert storage.get(RESULTS, "empty") == b""


def test_a_file_is_stored_with_its_content(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    path.write_bytes(bytes(range(256)) * 100)
    storage.put_file(RESULTS, "results/1/map.tif", path, "image/tiff")
    assert storage.get(RESULTS, "results/1/map.tif") == path.read_bytes()


def test_a_version_tells_one_content_of_a_key_from_another(storage: Storage) -> None:
    storage.put(BASELINES, "a", b"one", "image/tiff")
    first = storage.version(BASELINES, "a")
    storage.put(BASELINES, "a", b"other", "image/tiff")
    other = storage.version(BASELINES, "a")
    assert first != other == storage.version(BASELINES, "a")
    assert first.partition(":")[0] == (
        "etag" if storage.url(BASELINES).startswith("s3:") else "sha256"
    )
    with pytest.raises(StorageUnavailable, match="absent"):
        storage.version(BASELINES, "absent")


def test_a_baseline_is_found_and_read_where_it_is_stored(storage: Storage) -> None:
    """Through GDAL's own S3 client, with the store's endpoint and credentials."""
    grid = Grid(32736, 203_000, 8_078_000, 40, 30)
    cover = np.random.default_rng(1).integers(0, 9, grid.shape).astype(np.uint8)
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=grid.height,
            width=grid.width,
            count=1,
            dtype="uint8",
            crs=f"EPSG:{grid.epsg}",
            transform=grid.transform,
        ) as target:
            target.write(cover, 1)
        storage.put(BASELINES, f"{PREFIX}agreement_2022.tif", memory.read(), "image/tiff")
    found = find_baseline(storage, Season(2022), grid, simulated=False)
    assert found is not None
    assert (read_baseline(found, grid, storage) == cover).all()


def test_keys_are_listed_by_prefix_in_order(storage: Storage) -> None:
    for key in ("b/2", "b/10", "bc", "a/x/y", "c"):
        storage.put(DATASETS, key, b"1", "text/plain")
    assert storage.list(DATASETS, "") == ["a/x/y", "b/10", "b/2", "bc", "c"]
    assert storage.list(DATASETS, "b") == ["b/10", "b/2", "bc"]
    assert storage.list(DATASETS, "b/") == ["b/10", "b/2"]
    assert storage.list(DATASETS, "b/1") == ["b/10"]
    assert storage.list(DATASETS, "nothing/here/") == []
    assert storage.list(MODELS, "b") == []


def test_keys_with_blanks_and_letters_of_any_script_are_kept(storage: Storage) -> None:
    key = "ä ö/मक्का #1?%.txt"
    storage.put(DATASETS, key, b"1", "text/plain")
    assert storage.list(DATASETS, "ä ") == [key]
    assert storage.get(DATASETS, key) == b"1"


def test_deleting_removes_what_starts_with_the_prefix_and_nothing_else(storage: Storage) -> None:
    for key in ("job/blocks/1", "job/blocks/2", "job/map.tif", "job2/map.tif"):
        storage.put(RESULTS, key, b"1", "text/plain")
    storage.delete(RESULTS, "job/blocks/")
    assert storage.list(RESULTS, "") == ["job/map.tif", "job2/map.tif"]
    storage.delete(RESULTS, "job/blocks/")
    storage.delete(RESULTS, "")
    assert storage.list(RESULTS, "") == []
    storage.put(RESULTS, "again", b"1", "text/plain")
    assert storage.list(RESULTS, "") == ["again"]


def test_objects_grow_older_until_they_are_put_again(storage: Storage) -> None:
    for key in ("uploads/a", "uploads/b", "other"):
        storage.put(DATASETS, key, b"xyz", "text/plain")
    time.sleep(2.5)
    storage.put(DATASETS, "uploads/b", b"x", "text/plain")
    found = {entry.key: entry for entry in storage.entries(DATASETS, "uploads/")}
    assert set(found) == {"uploads/a", "uploads/b"}
    # S3 tells whole seconds
    assert 1 < found["uploads/a"].age_s < 60
    assert -1.5 < found["uploads/b"].age_s < found["uploads/a"].age_s
    assert [found[key].size for key in ("uploads/a", "uploads/b")] == [3, 1]
    assert list(storage.entries(DATASETS, "nothing/")) == []


def test_a_missing_object_is_told_by_bucket_and_key(storage: Storage) -> None:
    with pytest.raises(StorageUnavailable, match=r"cannot read .*geocrop-results/no/such:? .*\.$"):
        storage.get(RESULTS, "no/such")


def test_gdal_opens_what_is_stored(storage: Storage, tmp_path: Path) -> None:
    """Oracle: GDAL's own S3 client reads by the address and options that are given."""
    path = tmp_path / "map.tif"
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "uint8"}
    transform = Affine(10, 0, 200_000, 0, -10, 8_000_000)
    with rasterio.open(path, "w", crs="EPSG:32736", transform=transform, **profile) as target:
        target.write(np.arange(12, dtype=np.uint8).reshape(1, 3, 4))
    storage.put_file(RESULTS, "results/1/map.tif", path, "image/tiff")
    url = storage.url(RESULTS, "results/1/map.tif")
    with rasterio.Env(**storage.gdal_options()), rasterio.open(url) as source:
        assert source.read().tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]


def test_a_range_of_an_object_is_read(storage: Storage) -> None:
    content = bytes(range(256)) * 10_000
    storage.put(RESULTS, "a/map.tif", content, "image/tiff")
    for start, stop in ((0, 1), (255, 300), (0, len(content)), (len(content) - 1, len(content))):
        pieces = storage.open_range(RESULTS, "a/map.tif", start, stop)
        assert b"".join(pieces) == content[start:stop]


def test_a_range_that_nobody_reads_is_closed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a client goes away before the answer begins."""
    storage.put(RESULTS, "a/map.tif", b"12345", "image/tiff")
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    pieces = storage.open_range(RESULTS, "a/map.tif", 0, 5)
    del pieces
    gc.collect()
    assert not told


def test_a_range_of_what_is_not_there_is_told_before_it_is_read(storage: Storage) -> None:
    with pytest.raises(StorageUnavailable, match=r"cannot read .*geocrop-results/no/such:? .*\.$"):
        storage.open_range(RESULTS, "no/such", 0, 10)
    with pytest.raises(ValueError, match="never climbs"):
        storage.open_range(RESULTS, "../geocrop-models/a", 0, 10)


def test_an_object_that_ends_before_its_range_is_told(storage: Storage) -> None:
    storage.put(RESULTS, "short", b"12345", "text/plain")
    pieces = storage.open_range(RESULTS, "short", 2, 10)
    assert next(pieces) == b"345"
    with pytest.raises(StorageUnavailable, match="it ends 5 bytes too early"):
        next(pieces)


def test_a_missing_bucket_cannot_be_listed(storage: Storage) -> None:
    with pytest.raises(
        StorageUnavailable, match=r"list no-such-bucket/.*no.* bucket|list no-such-bucket/.*No such"
    ):
        storage.list("no-such-bucket", "")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "", "a//b", "./a", "a\0b"])
def test_a_key_that_climbs_or_has_empty_parts_is_refused(
    storage: Storage, key: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="never climbs"):
        storage.put(RESULTS, key, b"1", "text/plain")
    with pytest.raises(ValueError, match="never climbs"):
        storage.put_file(RESULTS, key, tmp_path / "file", "text/plain")
    with pytest.raises(ValueError, match="never climbs"):
        storage.get(RESULTS, key)


def test_a_prefix_that_climbs_neither_lists_nor_deletes(storage: Storage) -> None:
    storage.put(MODELS, "kept", b"1", "text/plain")
    with pytest.raises(ValueError, match="never climbs"):
        storage.list(RESULTS, "../geocrop-models/")
    with pytest.raises(ValueError, match="never climbs"):
        storage.delete(RESULTS, "../geocrop-models/")
    assert storage.list(MODELS, "") == ["kept"]


def test_making_the_buckets_twice_keeps_what_they_hold(storage: Storage) -> None:
    storage.put(MODELS, "kept", b"1", "text/plain")
    storage.ensure_buckets()
    assert storage.get(MODELS, "kept") == b"1"


def test_writers_of_the_same_object_never_mix(storage: Storage) -> None:
    """Two workers may store one block at once: with one partial file a reader could see half of each."""
    contents = [bytes([n]) * 300_000 for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(lambda c: storage.put(RESULTS, "one", c, "text/plain"), contents))
            assert storage.get(RESULTS, "one") in contents
    assert storage.list(RESULTS, "") == ["one"]


def test_the_url_of_a_folder_s_object_is_its_path(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    assert store.url(RESULTS, "a/b.tif") == str(tmp_path / "geocrop-results" / "a" / "b.tif")
    assert store.url(MODELS) == str(tmp_path / "geocrop-models")


@pytest.mark.usefixtures("_credentials")
def test_the_url_of_an_s3_object_is_one_that_gdal_and_mlflow_read() -> None:
    store = Storage("s3://", endpoint="http://127.0.0.1:9")
    assert store.url(RESULTS, "a/b.tif") == "s3://geocrop-results/a/b.tif"
    assert store.url(MODELS) == "s3://geocrop-models"


def test_a_relative_folder_stays_where_it_was_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Storage("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert store.url(MODELS) == str(tmp_path / "store" / "geocrop-models")


def test_a_write_that_fails_leaves_the_old_object_and_no_part(tmp_path: Path) -> None:
    store = Storage(str(tmp_path / "store"))
    store.put(RESULTS, "map.tif", b"old", "image/tiff")
    with pytest.raises(StorageUnavailable, match="cannot write"):
        store.put_file(RESULTS, "map.tif", tmp_path / "absent", "image/tiff")
    assert store.get(RESULTS, "map.tif") == b"old"
    assert [p.name for p in (tmp_path / "store" / RESULTS).iterdir()] == ["map.tif"]


def test_files_that_are_being_written_are_not_listed(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    store.put(RESULTS, "a/map.tif", b"1", "image/tiff")
    (tmp_path / RESULTS / "a" / ".0123.partial").write_bytes(b"half")
    assert store.list(RESULTS, "") == ["a/map.tif"]


def test_emptied_folders_go_but_the_bucket_stays(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    store.put(RESULTS, "results/1/blocks/0", b"1", "text/plain")
    store.delete(RESULTS, "results/1/")
    assert list((tmp_path / RESULTS).iterdir()) == []


def test_a_folder_in_an_object_s_place_is_told(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    store.put(RESULTS, "a/b", b"1", "text/plain")
    with pytest.raises(StorageUnavailable, match="cannot write"):
        store.put(RESULTS, "a", b"1", "text/plain")
    assert store.list(RESULTS, "") == ["a/b"]


def test_a_root_of_another_scheme_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="must be a folder or 's3://', not 'gs://bucket'"):
        Storage("gs://bucket")
    with pytest.raises(InvalidSetting, match="'s3://mine' names a bucket"):
        Storage("s3://mine")


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("endpoint", ["localhost:9000", "not an address", "http://"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidSetting, match=f"endpoint '{endpoint}' is no address"):
        Storage("s3://", endpoint=endpoint)


@pytest.mark.usefixtures("_credentials")
def test_a_wrong_secret_is_refused_by_the_server(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = Storage("s3://", endpoint=s3_endpoint)
    for refused in (store.ensure_buckets, lambda: store.list(MODELS, "")):
        with pytest.raises(
            StorageRefused,
            match=f"{s3_endpoint} refuses to .*geocrop-models.*AWS_SECRET_ACCESS_KEY",
        ):
            refused()


@pytest.mark.usefixtures("_credentials")
def test_a_server_that_is_not_there_is_told_within_seconds() -> None:
    store = Storage("s3://", endpoint=f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match="Could not connect"):
        store.get(RESULTS, "a")
    assert time.monotonic() - started < 20


def test_credentials_that_are_nowhere_are_told(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageRefused, match="no credentials were found"):
        Storage("s3://", endpoint=s3_endpoint).list(MODELS, "")


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("region", [None, "us-east-1", "af-south-1"])
def test_buckets_are_made_in_any_region(
    region: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 refuses a bucket outside us-east-1 whose request does not name the place; other servers take both."""
    sent: list[dict[str, object]] = []
    store = Storage("s3://", endpoint="http://127.0.0.1:9", region=region)
    answer: Any = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 404}}

    def absent(**_: object) -> None:
        raise ClientError(answer, "HeadBucket")

    client = store._at._s3  # type: ignore[union-attr]
    monkeypatch.setattr(client, "head_bucket", absent)
    monkeypatch.setattr(client, "create_bucket", lambda **values: sent.append(values))
    store.ensure_buckets()
    assert [call["Bucket"] for call in sent] == [MODELS, BASELINES, RESULTS, DATASETS]
    places = {str(call.get("CreateBucketConfiguration")) for call in sent}
    assert places == {str({"LocationConstraint": region}) if region == "af-south-1" else str(None)}


def test_what_a_killed_writer_left_half_written_goes_with_the_rest(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.ensure_buckets()
    storage.put("geocrop-results", "results/a/map.tif", b"whole", "image/tiff")
    left = tmp_path / "geocrop-results" / "results" / "a" / ".0123.partial"
    left.write_bytes(b"half")
    assert storage.list("geocrop-results", "results/a/") == ["results/a/map.tif"]
    storage.delete("geocrop-results", "results/a/")
    assert not left.exists()
    assert (tmp_path / "geocrop-results").is_dir()
