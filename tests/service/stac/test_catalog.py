import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pystac_client import Client

from tests.service.stac.served import application

PUBLIC = "http://127.0.0.1:1/x"
HERE = [30.19, -17.37, 30.21, -17.35]


@pytest.fixture
def client(shop: Any) -> Iterator[TestClient]:
    with TestClient(application(shop, PUBLIC)) as opened:
        yield opened


def found(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["features"]]


def link(document: Any, rel: str) -> Any:
    (only,) = [each for each in document["links"] if each["rel"] == rel]
    return only


def test_pystac_client_finds_a_product_and_rasterio_reads_it_over_http(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    made = shop.publish("job-1")
    shop.publish("job-2", lon=31.0)
    shop.publish("job-3", year=2020)
    url = serve(lambda address: application(shop, address))
    catalog = Client.open(f"{url}/stac/")
    for method in ("GET", "POST"):
        search = catalog.search(
            bbox=HERE, datetime="2023-01-01/2023-02-01", collections=["crop-maps"], method=method
        )
        (item,) = search.items()
        assert item.id == "job-1"
    assert isinstance(item, pystac.Item)
    href = item.assets["class-map"].href
    assert href == f"{url}/assets/job-1/class-map.tif"
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(href) as source:
        assert (source.read(1) == made.classes).all()
        assert source.colormap(1)[1] == (0xFF, 0xD3, 0x00, 255)
    collection = next(iter(catalog.get_collections()))
    assert collection.id == "crop-maps"
    assert {each.id for each in collection.get_items()} == {"job-1", "job-2", "job-3"}
    assert {each.id for each in catalog.get_items(recursive=True)} == {"job-1", "job-2", "job-3"}


def test_pystac_client_reads_every_page(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    ids = [shop.publish(f"job-{n}", year=2018 + n).job_id for n in range(5)]
    url = serve(lambda address: application(shop, address))
    catalog = Client.open(f"{url}/stac/")
    for method in ("GET", "POST"):
        search = catalog.search(limit=2, method=method, bbox=HERE)
        assert [item.id for item in search.items()] == ids[::-1]
        assert search.matched() == 5
    collection = catalog.get_collection("crop-maps")
    assert collection is not None
    assert [item.id for item in collection.get_items()] == ids[::-1]


def test_pystac_client_filters_sorts_and_leaves_out(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    for number in range(3):
        shop.publish(f"job-{number}", year=2020 + number)
    url = serve(lambda address: application(shop, address))
    catalog = Client.open(f"{url}/stac/")
    tree = {"op": ">", "args": [{"property": "geocrop:season.year"}, 2020]}
    for asked in (
        {"filter": "geocrop:season.year > 2020", "filter_lang": "cql2-text", "method": "GET"},
        {"filter": tree, "filter_lang": "cql2-json", "method": "POST"},
    ):
        search = catalog.search(collections=["crop-maps"], sortby="+properties.datetime", **asked)
        assert [item.id for item in search.items()] == ["job-1", "job-2"]
    point = {"type": "Point", "coordinates": [30.2, -17.36]}
    lean = catalog.search(intersects=point, fields=["id", "-links"], max_items=1)
    assert list(lean.items_as_dicts()) == [
        {"type": "Feature", "stac_version": "1.1.0", "id": "job-2", "collection": "crop-maps"}
    ]
    assert "geocrop:season.year" in catalog.get_queryables()["properties"]


def test_every_raster_opens_over_http(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    shop.publish("job-1")
    url = serve(lambda address: application(shop, address))
    item = next(Client.open(f"{url}/stac/").search(ids=["job-1"]).items())
    cogs = [a for a in item.assets.values() if a.media_type == pystac.MediaType.COG]
    assert cogs
    for asset in cogs:
        assert asset.href.startswith(url)
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(asset.href) as source,
        ):
            assert source.crs.to_epsg() == 32736
            assert source.profile["tiled"]


def test_the_landing_page_leads_everywhere(client: TestClient) -> None:
    page = client.get("/stac/").json()
    assert page["type"] == "Catalog"
    assert page["stac_version"] == "1.1.0"
    assert "Zimbabwe" in page["title"]
    for rel, path in (
        ("self", "/stac/"),
        ("root", "/stac/"),
        ("data", "/stac/collections"),
        ("conformance", "/stac/conformance"),
        ("child", "/stac/collections/crop-maps"),
        ("service-desc", "/stac/api"),
    ):
        assert link(page, rel)["href"] == f"{PUBLIC}{path}"
        assert client.get(path).status_code == 200
    searches = [each for each in page["links"] if each["rel"] == "search"]
    assert {each["method"] for each in searches} == {"GET", "POST"}
    assert page["conformsTo"] == client.get("/stac/conformance").json()["conformsTo"]
    assert "https://api.stacspec.org/v1.0.0/item-search" in page["conformsTo"]


def test_the_bare_address_leads_to_the_landing_page(client: TestClient) -> None:
    answer = client.get("/stac", follow_redirects=False)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"{PUBLIC}/stac/"


def test_the_catalogue_brings_only_its_routes_to_the_application(shop: Any) -> None:
    app = application(shop, PUBLIC)
    assert app.user_middleware == []
    assert Exception not in app.exception_handlers
    with TestClient(app) as client:
        assert client.get("/_mgmt/ping").status_code == 404
        assert "/stac/search" in client.get("/openapi.json").json()["paths"]


def test_an_item_is_valid_and_has_addresses(client: TestClient, shop: Any) -> None:
    made = shop.publish("job-1")
    answer = client.get("/stac/collections/crop-maps/items/job-1")
    assert answer.headers["content-type"] == "application/geo+json"
    item = answer.json()
    assert item["collection"] == "crop-maps"
    assert link(item, "self")["href"] == f"{PUBLIC}/stac/collections/crop-maps/items/job-1"
    assert link(item, "collection")["href"] == f"{PUBLIC}/stac/collections/crop-maps"
    assert link(item, "root")["href"] == f"{PUBLIC}/stac/"
    assert link(item, "tilejson")["href"].startswith(f"{PUBLIC}/tiles/job-1/")
    stored = json.loads(made.files["item.json"])
    assert item["properties"] == stored["properties"]
    for key, asset in stored["assets"].items():
        href = item["assets"][key]["href"]
        if asset["href"].startswith("./"):
            assert href == f"{PUBLIC}/assets/job-1/{asset['href'][2:]}"
        else:
            assert href == asset["href"]
    pystac.validation.validate_dict({**item, "stac_extensions": []})


def test_the_collection_s_extent_is_that_of_what_there_is(client: TestClient, shop: Any) -> None:
    def collection() -> Any:
        document = client.get("/stac/collections/crop-maps").json()
        plain = {**document, "links": [], "stac_extensions": []}
        pystac.Collection.from_dict(plain).validate()
        assert client.get("/stac/collections").json()["collections"] == [document]
        return document

    nothing = collection()
    assert nothing["extent"]["spatial"]["bbox"] == [[25.2, -22.5, 33.1, -15.6]]
    assert nothing["extent"]["temporal"]["interval"] == [[None, None]]
    shop.publish("job-1")
    shop.publish("job-2", lon=31.5, lat=-18.0, year=2020)
    full = collection()
    west, south, east, north = full["extent"]["spatial"]["bbox"][0]
    assert np.allclose([west, south, east, north], [30.2, -18.0, 31.5, -17.36], atol=0.01)
    assert west < 30.2
    assert east > 31.5
    start, end = full["extent"]["temporal"]["interval"][0]
    assert (start[:10], end[:10]) == ("2020-09-01", "2023-05-31")
    assert full["summaries"]["geocrop:season"] == [2020, 2022]
    assert full["summaries"]["geocrop:model"] == ["stripes@1"]
    shop.store.dismiss("job-2")
    assert collection()["summaries"]["geocrop:season"] == [2022]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["c", "b", "a"]),
        ({"ids": ["a", "c"]}, ["c", "a"]),
        ({"ids": ["other"]}, []),
        ({"collections": ["crop-maps"]}, ["c", "b", "a"]),
        ({"collections": ["other"]}, []),
        ({"bbox": HERE}, ["c", "a"]),
        ({"bbox": [30.19, -17.37, 0, 30.21, -17.35, 100]}, ["c", "a"]),
        ({"bbox": [0, 0, 1, 1]}, []),
        ({"bbox": [31, -20, -170, -10]}, ["b"]),
        ({"datetime": "2023-01-01T00:00:00Z"}, ["b", "a"]),
        ({"datetime": "2021-06-01T00:00:00Z/2021-08-01T00:00:00Z"}, []),
        ({"datetime": "../2021-08-01T00:00:00Z"}, ["c"]),
        ({"datetime": "2021-08-01T00:00:00Z/.."}, ["b", "a"]),
        ({"bbox": HERE, "datetime": "2022-10-01T00:00:00Z/.."}, ["a"]),
        ({"intersects": {"type": "Point", "coordinates": [30.2, -17.36]}}, ["c", "a"]),
        # within the box of the circle, not within the circle
        ({"intersects": {"type": "Point", "coordinates": [30.2052, -17.3651]}}, []),
        (
            {
                "intersects": {"type": "LineString", "coordinates": [[30.2, -17.36], [31, -17.36]]},
                "limit": 2,
            },
            ["c", "b"],
        ),
    ],
)
def test_searches_by_get_and_post_find_the_same(
    client: TestClient, shop: Any, asked: dict[str, Any], ids: list[str]
) -> None:
    shop.publish("a")
    shop.publish("b", lon=31.0)
    shop.publish("c", year=2020)
    assert found(client.post("/stac/search", json=asked)) == ids
    query = {
        key: json.dumps(value)
        if isinstance(value, dict)
        else ",".join(map(str, value))
        if isinstance(value, list)
        else value
        for key, value in asked.items()
    }
    assert found(client.get("/stac/search", params=query)) == ids


def test_an_area_whose_sides_cross_is_searched_all_the_same(client: TestClient, shop: Any) -> None:
    shop.publish("a")
    bow = [[30.1, -17.46], [30.3, -17.26], [30.3, -17.46], [30.1, -17.26], [30.1, -17.46]]
    area = {"type": "Polygon", "coordinates": [bow]}
    assert found(client.post("/stac/search", json={"intersects": area})) == ["a"]


def test_pages_follow_each_other_by_get_and_post(client: TestClient, shop: Any) -> None:
    ids = [shop.publish(f"job-{n}", year=2018 + n).job_id for n in range(3)][::-1]
    area = {"type": "Point", "coordinates": [30.2, -17.36]}
    for more in ({}, {"intersects": area}):
        page = client.post("/stac/search", json={"limit": 2, **more})
        assert found(page) == ids[:2]
        assert page.json()["numberMatched"] == 3
        assert page.json()["numberReturned"] == 2
        onward = link(page.json(), "next")
        assert onward["href"] == f"{PUBLIC}/stac/search"
        last = client.post("/stac/search", json=onward["body"])
        assert found(last) == ids[2:]
        assert [each["rel"] for each in last.json()["links"]] == ["self", "root"]
    for path in ("/stac/search", "/stac/collections/crop-maps/items"):
        page = client.get(path, params={"limit": 2, "bbox": "30,-18,31,-17"})
        assert found(page) == ids[:2]
        onward = link(page.json(), "next")["href"]
        assert onward.startswith(f"{PUBLIC}{path}?")
        assert found(client.get(onward.removeprefix(PUBLIC))) == ids[2:]
    assert found(client.get("/stac/search?offset=3")) == []


def test_a_list_of_items_can_be_narrowed(client: TestClient, shop: Any) -> None:
    shop.publish("a")
    shop.publish("b", lon=31.0)
    shop.publish("c", year=2020)
    path = "/stac/collections/crop-maps/items"
    assert found(client.get(path, params={"bbox": "30.19,-17.37,30.21,-17.35"})) == ["c", "a"]
    after = f"{datetime(2022, 1, 1, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}/.."
    assert found(client.get(path, params={"datetime": after})) == ["b", "a"]


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=0,5,1,4",
        "bbox=nan,0,1,1",
        "bbox=0,0,inf,1",
        "bbox=-181,0,1,1",
        "bbox=0,0,1,91",
        "datetime=yesterday",
        "datetime=2022",
        "datetime=",
        "datetime=../..",
        "datetime=2022-01-01T00:00:00Z/2021-01-01T00:00:00Z",
        "datetime=2022-01-01T00:00:00Z/2022-01-02T00:00:00Z/..",
        "datetime=2022-13-01T00:00:00Z",
        "limit=0",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "offset=x",
        "offset=99999999999999999999",
        "datetime=0001-01-01T00:00:00%2B14:00",
        "datetime=9999-12-31T23:59:59-14:00",
        "datetime=0001-01-01T00:00:00%2B14:00/..",
    ],
)
def test_unusable_parameters_of_a_get_are_explained(client: TestClient, query: str) -> None:
    for path in ("/stac/search", "/stac/collections/crop-maps/items"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "intersects",
    [
        "x",
        "[]",
        "{}",
        "null",
        '{"type":"Point"}',
        '{"type":"Point","coordinates":[200,0]}',
        '{"type":"Point","coordinates":[NaN,0]}',
        '{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}',
        '{"type":"Circle","coordinates":[0,0]}',
        '{"type":"Polygon","coordinates":[]}',
        '{"type":"GeometryCollection","geometries":[]}',
        "[" * 15_000,
    ],
)
def test_an_unusable_geometry_is_explained(client: TestClient, intersects: str) -> None:
    answer = client.get("/stac/search", params={"intersects": intersects})
    assert answer.status_code == (200 if intersects == "null" else 400)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        '"text"',
        "1",
        '{"bbox":[1,2,3]}',
        '{"bbox":"0,0,1,1"}',
        '{"bbox":[0,0,1,1],"intersects":{"type":"Point","coordinates":[0,0]}}',
        '{"limit":0}',
        '{"limit":"many"}',
        '{"offset":-1}',
        '{"ids":"job-1"}',
        '{"ids":[1]}',
        '{"collections":{}}',
        '{"datetime":"2022-01-01"}',
        '{"datetime":5}',
        '{"intersects":{"type":"Point","coordinates":"here"}}',
        '{"ids":["\\ud800"]}',
        '{"ids":["\\u0000"]}',
        '{"collections":["a\\u0000"]}',
        '{"datetime":"9999-12-31T23:59:59-14:00"}',
        '{"bbox":[0,0,1e999,1]}',
        '{"intersects":{"type":"Point","coordinates":[1e999,0]}}',
        json.dumps({"intersects": {"type": "MultiPoint", "coordinates": [[30, -17]] * 10_001}}),
    ],
)
def test_unusable_bodies_of_a_post_are_explained(client: TestClient, body: str) -> None:
    answer = client.post("/stac/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_too_many_ids_are_refused(client: TestClient) -> None:
    answer = client.post("/stac/search", json={"ids": ["a"] * 1001})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "ids holds more than 1000 values."


@pytest.mark.parametrize(
    "path",
    [
        "/stac/collections/other",
        "/stac/collections/other/items",
        "/stac/collections/other/items/job-1",
        "/stac/collections/crop-maps/items/other",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
