"""Files that clients read from the S3 server themselves: addresses of the API stay, and lead there for a while."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import rasterio
from fastapi import FastAPI

from geocrop_processes.errors import InvalidSetting
from geocrop_processes.service.assets import assets_router
from geocrop_processes.service.problems import Problem
from geocrop_processes.settings import Settings, StorageSettings
from geocrop_processes.storage import RESULTS, Storage
from tests.s3_proxy import proxy_of
from tests.servers import KEY_ID, SECRET, s3_server

FILE = "/assets/job-1/confidence.tif"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def site(
    endpoint: str,
    shop: Any,
    serve: Callable[[Callable[[str], FastAPI]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """The files of a product on S3, over HTTP; clients know the S3 server by another name than the API does."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with proxy_of(endpoint) as proxy:
        public = proxy.url.replace("127.0.0.1", "localhost")
        storage = Storage("s3://", endpoint=endpoint, public_endpoint=public, link_s=60)
        storage.ensure_buckets()
        shop = replace(shop, storage=storage)
        made = shop.publish("job-1", measured=True)
        app = FastAPI()
        app.include_router(assets_router(shop.settings, shop.store, storage))
        app.add_exception_handler(Problem, lambda _, error: error.response())
        url = serve(lambda _url: app)
        with httpx.Client(base_url=url, trust_env=False) as client:
            yield SimpleNamespace(client=client, url=url, made=made, proxy=proxy, storage=storage)


def test_the_address_of_a_file_leads_to_the_object_store(site: Any) -> None:
    answer = site.client.get(FILE)
    assert answer.status_code == 307
    assert answer.content == b""
    assert answer.headers["location"].startswith(site.proxy.url.replace("127.0.0.1", "localhost"))
    assert answer.headers["cache-control"] == "private, max-age=30"
    whole = site.client.get(FILE, follow_redirects=True)
    assert whole.content == site.made.files["confidence.tif"]
    part = site.client.get(FILE, headers={"Range": "bytes=10-19"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_what_needs_no_bytes_or_has_conditions_is_answered_here(site: Any) -> None:
    head = site.client.head(FILE)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(site.made.files["confidence.tif"]))
    etag = head.headers["etag"]
    assert site.client.get(FILE, headers={"If-None-Match": etag}).status_code == 304
    assert site.client.get(FILE, headers={"If-Match": '"other"'}).status_code == 412
    part = site.client.get(FILE, headers={"If-Range": etag, "Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, site.made.files["confidence.tif"][:4])
    assert site.client.get(FILE, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert site.client.get("/assets/job-1/no.tif").status_code == 404
    assert not site.proxy.seen


def test_an_address_expires_and_is_of_one_object(site: Any) -> None:
    link = Storage("s3://", endpoint=site.proxy.url, link_s=1).link(
        RESULTS, "results/job-1/confidence.tif"
    )
    assert link is not None
    time.sleep(2.5)
    # S3 says 403, rclone 400
    assert httpx.get(link, trust_env=False).status_code in {400, 403}
    good = site.client.get(FILE).headers["location"]
    assert httpx.get(good, trust_env=False).status_code == 200
    other = good.replace("confidence.tif?", "class-map.tif?")
    assert httpx.get(other, trust_env=False).status_code == 403


def test_gdal_follows_to_the_object_store(site: Any) -> None:
    """Oracle: GDAL's own HTTP client, by the address that the STAC item names."""
    with (
        rasterio.MemoryFile(site.made.files["confidence.tif"]).open() as stored,
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_HTTP_MAX_RETRY=0),
        rasterio.open(f"/vsicurl/{site.url}{FILE}") as source,
    ):
        assert (source.read() == stored.read()).all()
    assert any(path.startswith("/geocrop-results/") for _, path in site.proxy.seen)


def test_a_folder_has_no_addresses_to_lead_to(tmp_path: Any) -> None:
    settings = Settings(data=tmp_path, storage=StorageSettings(links="presigned"))
    with pytest.raises(InvalidSetting, match="must be 'proxied'"):
        settings.open_storage()
