"""An S3 server that is busy, refuses, or breaks off in the middle of an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
import rasterio
from affine import Affine

from geocrop_processes.errors import StorageRefused, StorageUnavailable
from geocrop_processes.storage import DATASETS, RESULTS, Storage
from geocrop_processes.storage.client import TRIES
from geocrop_processes.storage.rasters import opened
from tests.s3_proxy import BUSY, CUT, REFUSE, Proxy, proxy_of
from tests.servers import KEY_ID, SECRET, s3_server

CONTENT = bytes(np.random.default_rng(1).integers(0, 256, 3_000_000, np.uint8))


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def proxy(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with proxy_of(endpoint) as opened:
        yield opened


@pytest.fixture
def storage(proxy: Proxy) -> Storage:
    store = Storage("s3://", endpoint=proxy.url)
    store.ensure_buckets()
    proxy.seen.clear()
    return store


def test_an_object_whose_answer_breaks_off_is_read_again(proxy: Proxy, storage: Storage) -> None:
    storage.put(RESULTS, "a", CONTENT, "text/plain")
    proxy.times(CUT, 2)
    assert storage.get(RESULTS, "a") == CONTENT


def test_a_range_that_breaks_off_goes_on_where_it_ended(proxy: Proxy, storage: Storage) -> None:
    storage.put(RESULTS, "a", CONTENT, "text/plain")
    proxy.times(CUT, 3)
    assert b"".join(storage.open_range(RESULTS, "a", 7, 2_900_000)) == CONTENT[7:2_900_000]
    assert len([path for method, path in proxy.seen if method == "GET"]) == 4


def test_what_breaks_off_each_time_is_never_taken_for_whole(proxy: Proxy, storage: Storage) -> None:
    storage.put(RESULTS, "a", b"1", "text/plain")
    # half of one byte is none: each try is for nothing
    proxy.times(CUT, 100)
    with pytest.raises(StorageUnavailable, match="cannot read geocrop-results/a"):
        storage.get(RESULTS, "a")
    with pytest.raises(StorageUnavailable, match="cannot read geocrop-results/a"):
        list(storage.open_range(RESULTS, "a", 0, 1))


def test_content_that_was_changed_is_told_by_its_checksum(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put(RESULTS, "a", b"first", "text/plain")
    client: Any = storage._at._s3  # type: ignore[union-attr]
    given = client.get_object

    def changed(**asked: Any) -> Any:
        return given(**asked) | {"Metadata": {"sha256": "00" * 32}}

    monkeypatch.setattr(client, "get_object", changed)
    with pytest.raises(StorageUnavailable, match="its checksum is not the one"):
        storage.get(RESULTS, "a")


def test_a_busy_server_is_asked_again(proxy: Proxy, storage: Storage) -> None:
    for method in ("PUT", "GET", "HEAD"):
        proxy.times(BUSY, TRIES - 1, method)
        storage.put(RESULTS, "a", b"1", "text/plain")
        assert storage.get(RESULTS, "a") == b"1"
        assert storage.has(RESULTS, "a")


def test_what_is_refused_is_told_at_once_with_endpoint_and_bucket(
    proxy: Proxy, storage: Storage
) -> None:
    proxy.times(REFUSE, 100)
    with pytest.raises(
        StorageRefused, match=f"at {proxy.url} refuses to read geocrop-results/a: the credentials"
    ):
        storage.get(RESULTS, "a")
    with pytest.raises(StorageRefused, match="there is no bucket 'no-such'"):
        storage.put("no-such", "a", b"1", "text/plain")
    assert len(proxy.seen) == 2


def test_a_large_file_comes_whole_and_an_upload_that_fails_leaves_nothing(
    proxy: Proxy, storage: Storage, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT * 12)
    storage.put_file(RESULTS, "large", path, "application/octet-stream")
    assert any("uploadId" in path for _, path in proxy.seen)
    assert storage.get(RESULTS, "large") == CONTENT * 12
    proxy.fault = lambda method, path: REFUSE if method == "PUT" and "partNumber=2" in path else ""
    with pytest.raises(StorageRefused, match="refuses to write geocrop-results/other"):
        storage.put_file(RESULTS, "other", path, "application/octet-stream")
    assert not storage.has(RESULTS, "other")
    assert list(storage.unfinished(RESULTS, "")) == []


def test_what_a_killed_writer_has_begun_is_found_and_given_up(
    endpoint: str, storage: Storage
) -> None:
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_multipart_upload(Bucket=RESULTS, Key="results/a/map.tif")
    client.create_multipart_upload(Bucket=RESULTS, Key="results/b/map.tif")
    [left] = storage.unfinished(RESULTS, "results/a/")
    assert left.key == "results/a/map.tif"
    assert -2 < left.age_s < 60
    storage.delete(RESULTS, "results/a/")
    storage.discard(RESULTS, left)
    assert [u.key for u in storage.unfinished(RESULTS, "")] == ["results/b/map.tif"]
    storage.discard_unfinished(RESULTS, "")
    assert list(storage.unfinished(RESULTS, "")) == []


def test_thousands_of_objects_are_removed_by_thousands(proxy: Proxy, storage: Storage) -> None:
    for n in range(1100):
        storage.put(DATASETS, f"many/{n}", b"", "text/plain")
    proxy.seen.clear()
    storage.delete(DATASETS, "many/")
    assert [method for method, _ in proxy.seen if method in {"POST", "DELETE"}] == ["POST", "POST"]
    assert storage.list(DATASETS, "many/") == []


@pytest.fixture
def raster(storage: Storage, tmp_path: Path) -> np.ndarray:
    """A raster of 1 MB that does not compress, in the store as `map.tif`."""
    pixels = np.random.default_rng(2).integers(0, 256, (1, 1024, 1024), np.uint8)
    profile = {"driver": "GTiff", "width": 1024, "height": 1024, "count": 1, "dtype": "uint8"}
    transform = Affine(10, 0, 200_000, 0, -10, 8_000_000)
    path = tmp_path / "map.tif"
    with rasterio.open(
        path, "w", crs="EPSG:32736", transform=transform, tiled=True, **profile
    ) as target:
        target.write(pixels)
    storage.put_file(RESULTS, "map.tif", path, "image/tiff")
    return pixels


@pytest.mark.parametrize(("kind", "nth"), [(CUT, 1), (CUT, 2), (BUSY, 2)])
def test_gdal_never_takes_a_part_for_the_whole(
    proxy: Proxy, storage: Storage, raster: np.ndarray, kind: str, nth: int
) -> None:
    """Uncompressed, so that missing bytes would be seen by nobody."""
    count = [0]

    def fault(method: str, _path: str) -> str:
        count[0] += method == "GET"
        return kind if method == "GET" and count[0] >= nth else ""

    def read() -> bool:
        with opened(storage, RESULTS, "map.tif", "The map") as source:
            return bool((source.read() == raster).all())

    proxy.fault = fault
    with pytest.raises(StorageUnavailable, match=r"The map cannot be read"):
        read()
    proxy.fault = lambda _method, _path: ""
    assert read()
