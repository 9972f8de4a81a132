import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from geocrop_processes.service.assets import asset_url, assets_router
from geocrop_processes.service.problems import Problem
from geocrop_processes.storage import RESULTS, Storage

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@pytest.fixture
def made(shop: Any) -> Any:
    return shop.publish("job-1")


@pytest.fixture
def client(shop: Any) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(assets_router(shop.settings, shop.store, shop.storage))
    app.add_exception_handler(Problem, lambda _, error: error.response())
    with TestClient(app) as opened:
        yield opened


def test_a_file_comes_whole_with_its_type_checksum_and_date(client: TestClient, made: Any) -> None:
    answer = client.get("/assets/job-1/class-map.tif")
    assert answer.status_code == 200
    assert answer.content == made.files["class-map.tif"]
    assert answer.headers["content-type"] == COG
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["last-modified"] == "Mon, 23 Nov 2026 06:00:00 GMT"
    assert answer.headers["content-disposition"] == 'attachment; filename="class-map.tif"'
    assert len(answer.headers["etag"]) == 66


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("summary.json", "application/json"),
        ("class-map.qml", "application/xml"),
        ("item.json", "application/geo+json"),
    ],
)
def test_other_files_are_shown_and_not_saved(
    client: TestClient, made: Any, name: str, media_type: str
) -> None:
    answer = client.get(f"/assets/job-1/{name}")
    assert answer.content == made.files[name]
    assert answer.headers["content-type"] == media_type
    assert "content-disposition" not in answer.headers


def test_head_tells_the_size_and_sends_nothing(client: TestClient, made: Any) -> None:
    answer = client.head("/assets/job-1/class-map.tif", headers={"Range": "bytes=0-9"})
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(made.files["class-map.tif"]))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("bytes=5-999999999999", 5, None),
        ("Bytes = 3-4", 3, 5),
        ("bytes=-999999999", 0, None),
    ],
)
def test_a_range_is_that_range(
    client: TestClient, made: Any, asked: str, start: int, stop: int | None
) -> None:
    whole = made.files["class-map.tif"]
    answer = client.get("/assets/job-1/class-map.tif", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[start:stop]
    first = start % len(whole)
    last = first + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b", "0-1", ""]
)
def test_a_range_that_is_none_gives_the_whole_file(
    client: TestClient, made: Any, asked: str
) -> None:
    answer = client.get("/assets/job-1/class-map.tif", headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == made.files["class-map.tif"]


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(
    client: TestClient, made: Any, asked: str
) -> None:
    answer = client.get("/assets/job-1/class-map.tif", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(made.files['class-map.tif'])}"


@pytest.mark.usefixtures("made")
def test_a_file_is_closed_where_the_client_goes_away(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def opening(*where: Any) -> Any:
        opened.append(Storage.open_range(shop.storage, *where))
        return opened[-1]

    async def asked() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def gone(_message: Any) -> None:
        raise OSError

    monkeypatch.setattr(shop.storage, "open_range", opening)
    app = FastAPI()
    app.include_router(assets_router(shop.settings, shop.store, shop.storage))
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/assets/job-1/class-map.tif"}
    scope |= {"headers": [], "query_string": b"", "scheme": "http", "server": ("test", 80)}
    with pytest.raises(ClientDisconnect):
        asyncio.run(app({**scope, "asgi": {"spec_version": "2.4"}}, asked, gone))
    (pieces,) = opened
    assert inspect.getgeneratorstate(pieces) == inspect.GEN_CLOSED


@pytest.mark.usefixtures("made")
def test_what_a_client_has_already_is_not_sent_again(client: TestClient) -> None:
    url = "/assets/job-1/class-map.tif"
    etag = client.get(url).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.get(url, headers={"If-None-Match": known})
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == etag
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("range_", [{}, {"Range": "bytes=0-9"}])
def test_another_file_than_the_one_that_is_meant_is_not_sent(
    client: TestClient, range_: dict[str, str]
) -> None:
    """RFC 9110, 13.1.1 and 13.1.4: by strong tags, and by the date where there is no tag."""
    url = "/assets/job-1/class-map.tif"
    etag = client.get(url).headers["etag"]
    early = {"If-Unmodified-Since": "Mon, 23 Nov 2026 05:59:59 GMT"}
    for wrong in ({"If-Match": '"other"'}, {"If-Match": f"W/{etag}"}, {"If-Match": ""}, early):
        answer = client.get(url, headers=wrong | range_)
        assert answer.status_code == 412
        assert answer.json()["status"] == 412
    same = {"If-Unmodified-Since": "Mon, 23 Nov 2026 06:00:00 GMT"}
    right = ({"If-Match": etag}, {"If-Match": f'"other" , {etag}'}, {"If-Match": "*"}, same)
    for meant in (*right, early | {"If-Match": etag}, {"If-Unmodified-Since": "no date"}):
        assert client.get(url, headers=meant | range_).status_code == (206 if range_ else 200)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Mon, 23 Nov 2026 06:00:00 GMT", 304),
        ("Mon, 23 Nov 2026 05:59:59 GMT", 200),
        ("Mon, 23 Nov 2026 07:00:00 -0000", 304),
        ("no date", 200),
        ("Mon, 23 Nov 99999999999 06:00:00 GMT", 200),
    ],
)
def test_a_date_is_compared_where_no_checksum_is_given(
    client: TestClient, since: str, status: int
) -> None:
    url = "/assets/job-1/class-map.tif"
    assert client.get(url, headers={"If-Modified-Since": since}).status_code == status
    both = {"If-Modified-Since": since, "If-None-Match": '"other"'}
    assert client.get(url, headers=both).status_code == 200


@pytest.mark.usefixtures("made")
def test_a_range_of_another_version_gives_the_whole_file(client: TestClient) -> None:
    url, part = "/assets/job-1/class-map.tif", {"Range": "bytes=0-9"}
    whole = client.get(url)
    for same in (whole.headers["etag"], whole.headers["last-modified"]):
        assert client.get(url, headers={**part, "If-Range": same}).status_code == 206
    for other in ('"other"', "Mon, 23 Nov 2026 05:00:00 GMT", f"W/{whole.headers['etag']}"):
        assert client.get(url, headers={**part, "If-Range": other}).status_code == 200


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "path",
    [
        "/assets/job-2/class-map.tif",
        "/assets/job-1/quicklook.png",
        "/assets/job-1/other.txt",
        "/assets/job-1/blocks",
        "/assets/job-1/..%2F..%2Fjobs.db",
        "/assets/..%2F/item.json",
    ],
)
def test_what_is_no_file_of_a_product_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    if "%2F" not in path:
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "detail"}


def test_jobs_without_a_product_have_no_files(client: TestClient, shop: Any) -> None:
    shop.store.add("open", "crop-classification", {}, {})
    shop.store.add("said", "echo", {}, {})
    assert shop.store.finished(shop.claim("run"), {"outputs": {"message": "hello"}}, None)
    for job_id in ("open", "said"):
        shop.storage.put(RESULTS, f"results/{job_id}/item.json", b"{}", "application/geo+json")
        assert client.get(f"/assets/{job_id}/item.json").status_code == 404


def test_a_product_is_there_as_long_as_a_successful_job_uses_it(
    client: TestClient, shop: Any, made: Any
) -> None:
    digest = shop.store.get("job-1").digest
    shop.store.add("job-2", "crop-classification", {}, {})
    assert shop.store.answered(shop.claim("plan"), digest, "job-1")
    shop.store.dismiss("job-1")
    for job_id in ("job-1", "job-2"):
        answer = client.get(f"/assets/{job_id}/class-map.tif")
        assert answer.content == made.files["class-map.tif"]
    shop.store.dismiss("job-2")
    for job_id in ("job-1", "job-2"):
        assert client.get(f"/assets/{job_id}/class-map.tif").status_code == 404


def test_the_address_of_a_file_is_that_which_clients_see(shop: Any) -> None:
    address = asset_url(shop.settings, "job-1", "class-map.tif")
    assert address == "http://127.0.0.1:1/x/assets/job-1/class-map.tif"
