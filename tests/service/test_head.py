"""HEAD is answered wherever GET is (RFC 9110, 9.1 and 9.3.2)."""

import http.client
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from geocrop_processes.service.app import create_app
from geocrop_processes.settings import ServiceSettings, Settings

PATHS = (
    *("/", "/?f=html", "/conformance", "/openapi", "/openapi?f=html", "/healthz", "/readyz"),
    *("/processes", "/processes?f=html", "/processes/echo", "/processes/echo?f=html"),
    *("/jobs", "/jobs?f=html", "/jobs/job-1", "/jobs/job-1/results", "/jobs/job-1/results/item"),
    *("/assets/job-1/class-map.tif", "/assets/job-1/item.json", "/static/geocrop.css"),
    *("/stac", "/stac/", "/stac/api", "/stac/conformance", "/stac/search?limit=1"),
    *(
        "/stac/collections",
        "/stac/collections/{collection}",
        "/stac/collections/{collection}/items",
    ),
    "/stac/collections/{collection}/items/job-1",
    *("/tiles/job-1/WebMercatorQuad/tilejson.json", "/tiles/job-1/WebMercatorQuad/10/597/562.png"),
    # what is not there, or not usable, is told in the same way
    *("/nothing", "/processes/nothing", "/jobs/nothing", "/assets/job-1/nothing", "/jobs?limit=x"),
    *("/tiles/nothing/WebMercatorQuad/tilejson.json", "/stac/collections/nothing", "/?f=xml"),
    # POST alone
    "/processes/echo/execution",
)


class Models:
    """A registry that answers."""

    def list(self) -> list[str]:
        return []


@pytest.fixture
def url(
    shop: Any,
    serve: Callable[[Callable[[str], FastAPI]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    shop.publish("job-1")

    def whole_service(address: str) -> FastAPI:
        settings = shop.settings.model_copy(update={"service": ServiceSettings(url=address)})
        return create_app(settings, store=shop.store)

    return serve(whole_service)


def headers(answer: httpx.Response) -> dict[str, str]:
    """Without the hour."""
    return {k: v for k, v in answer.headers.items() if k != "date"}


def test_head_answers_as_get_does_without_the_body(url: str) -> None:
    name = httpx.get(f"{url}/stac/collections").json()["collections"][0]["id"]
    statuses = set()
    with httpx.Client(base_url=url) as client:
        for path in (p.replace("{collection}", name) for p in PATHS):
            got, head = client.get(path), client.head(path)
            assert (path, head.status_code) == (path, got.status_code)
            assert (path, headers(head)) == (path, headers(got))
            assert head.content == b""
            statuses.add(got.status_code)
    assert statuses == {200, 308, 400, 404, 405}


def test_no_byte_of_a_body_follows_the_headers(url: str) -> None:
    """By a client that reads what the server sent: another answer follows on the same connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    for path in ("/processes", "/jobs/job-1", "/jobs/nothing") * 2:
        for method in ("HEAD", "GET"):
            connection.request(method, path)
            answer = connection.getresponse()
            assert answer.status == (404 if "nothing" in path else 200)
            assert (len(answer.read()) > 0) is (method == "GET")
    connection.close()


@pytest.mark.embedded_only
def test_head_of_a_file_reads_nothing_of_it(url: str, shop: Any) -> None:
    (shop.settings.data / "storage/geocrop-results/results/job-1/class-map.tif").unlink()
    answer = httpx.head(f"{url}/assets/job-1/class-map.tif")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0


def test_pages_of_other_origins_may_ask_with_head(url: str) -> None:
    answer = httpx.head(f"{url}/jobs/job-1", headers={"Origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_address_names_all_its_methods(shop: Any) -> None:
    with TestClient(create_app(shop.settings, store=shop.store)) as client:
        for path, methods in (
            ("/jobs/x", {"HEAD", "GET", "DELETE"}),
            ("/stac/search", {"HEAD", "GET", "POST"}),
            ("/processes/echo/execution", {"POST"}),
        ):
            answer = client.put(path)
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == methods
            assert all(method in answer.json()["detail"] for method in methods)
