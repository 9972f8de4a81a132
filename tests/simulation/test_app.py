"""The STAC app as its users see it: pystac-client, GDAL, and whoever sends nonsense."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac_client
import pytest
import rasterio
from pystac_client.exceptions import APIError
from werkzeug.test import Client

from geocrop_processes.simulation import DEMO_AOI, DEMO_SEASON, NOTICE, serve
from geocrop_processes.simulation.app import StacApp

Items = list[dict[str, Any]]
SEASON = "/".join(f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in DEMO_SEASON.interval)


@pytest.fixture(scope="module")
def url(archive: Path) -> Iterator[str]:
    with serve(archive) as address:
        yield address


@pytest.fixture(scope="module")
def client(archive: Path) -> Client:
    return Client(StacApp(archive))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_finds_all_scenes_of_the_demo_page_by_page(
    url: str, items: Items, method: str
) -> None:
    catalog = pystac_client.Client.open(url)
    assert catalog.description == NOTICE
    search = catalog.search(
        method=method,
        collections=["s2_l2a"],
        bbox=DEMO_AOI.bbox(),
        datetime=SEASON,
        limit=7,
    )
    found = list(search.items())
    assert len(list(search.pages())) == -(-len(items) // 7)
    assert {i.id for i in found} == {i["id"] for i in items}
    times = [i.datetime for i in found if i.datetime]
    assert times == sorted(times)
    assert search.matched() == len(items)


def test_searches_by_polygon_time_and_id_are_narrower(url: str, items: Items) -> None:
    catalog = pystac_client.Client.open(url)
    assert list(catalog.search(bbox=[0, 0, 1, 1]).items()) == []
    assert list(catalog.search(collections=["s2_l2a_c1"]).items()) == []
    october = {i["id"] for i in items if i["properties"]["datetime"].startswith("2022-10")}
    assert {i.id for i in catalog.search(datetime="2022-10").items()} == october
    one = items[0]["id"]
    assert [i.id for i in catalog.search(ids=[one]).items()] == [one]
    polygon = catalog.search(intersects=DEMO_AOI.polygon(), method="GET", limit=1000)
    assert len(list(polygon.items())) == len(items)


def test_collections_say_what_they_hold(url: str, items: Items) -> None:
    catalog = pystac_client.Client.open(url)
    (listed,) = catalog.get_collections()
    collection = catalog.get_collection("s2_l2a")
    assert collection is not None
    assert listed.to_dict()["extent"] == collection.to_dict()["extent"]
    (box,) = collection.extent.spatial.bboxes
    assert box[0] <= DEMO_AOI.lon <= box[2]
    assert box[1] <= DEMO_AOI.lat <= box[3]
    ((first, last),) = collection.extent.temporal.intervals
    assert first is not None
    assert last is not None
    assert (first.year, last.year) == (2022, 2023)
    assert len(list(collection.get_items())) == len(items)
    item = collection.get_item(items[0]["id"])
    assert item is not None
    assert item.assets["B04"].href.startswith(f"{url}/files/sentinel-s2-l2a-cogs/")


def test_the_query_extension_is_refused_as_the_explorer_does(url: str) -> None:
    catalog = pystac_client.Client.open(url)
    catalog.add_conforms_to("QUERY")
    with pytest.raises(APIError, match="query"):
        list(catalog.search(query={"eo:cloud_cover": {"lt": 50}}).items())


def test_items_are_stac(url: str, items: Items) -> None:
    found = list(pystac_client.Client.open(url).search(limit=1000).items())
    assert len({i.id for i in found}) == len(items)
    for item in found:
        # pystac bundles the core's schemas, not those of extensions
        item.stac_extensions = []
        item.validate()


def test_gdal_reads_pixels_over_http(url: str, archive: Path, items: Items) -> None:
    href = items[0]["assets"]["B08"]["href"]
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(f"{url}/files/{href}") as remote,
        rasterio.open(archive / href) as local,
    ):
        assert (remote.read() == local.read()).all()


def test_files_come_in_ranges_with_a_tag(client: Client, archive: Path, items: Items) -> None:
    href = items[0]["assets"]["SCL"]["href"]
    whole = (archive / href).read_bytes()
    part = client.get(f"/files/{href}", headers={"Range": "bytes=10-19"}, buffered=True)
    assert part.status_code == 206
    assert part.data == whole[10:20]
    tag = part.headers["ETag"]
    again = client.get(f"/files/{href}", headers={"If-None-Match": tag}, buffered=True)
    assert again.status_code == 304
    assert client.get(f"/files/{href}", buffered=True).data == whole
    beyond = client.get(f"/files/{href}", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    "path",
    [
        "/files/../manifest.json",
        "/files/../../secret",
        "/files/%2e%2e/%2e%2e/secret",
        "/files//etc/passwd",
        "/files/sentinel-s2-l2a-cogs",
        "/files/nothing.tif",
    ],
)
def test_nothing_outside_the_archive_is_served(client: Client, archive: Path, path: str) -> None:
    (archive.parent.parent / "secret").write_text("secret")
    response = client.get(path, follow_redirects=True)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search?bbox=1,2,3", 400),
        ("/search?limit=x", 400),
        ("/search?datetime=never", 400),
        ("/search?intersects={", 400),
        ("/search?query=x", 400),
        ("/collections/s2_l2a/items?limit=0", 400),
        ("/collections/other", 404),
        ("/collections/other/items", 404),
        ("/collections/s2_l2a/items/none", 404),
        ("/nowhere", 404),
    ],
)
def test_bad_requests_get_a_sentence(client: Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.json is not None
    assert response.json["code"] == status
    assert response.json["description"]


@pytest.mark.parametrize("body", ["[1]", "{", '{"limit": -4}', '{"bbox": "1,2,3,4"}'])
def test_bad_bodies_get_a_sentence(client: Client, body: str) -> None:
    response = client.post("/search", data=body)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["description"]


def test_other_methods_are_refused(client: Client) -> None:
    assert client.delete("/search").status_code == 405


def test_conformance_is_on_the_landing_page_and_on_its_own(client: Client) -> None:
    landing = json.loads(client.get("/").data)
    alone = json.loads(client.get("/conformance").data)
    assert landing["conformsTo"] == alone["conformsTo"]
    assert {link["rel"] for link in landing["links"]} >= {"self", "root", "data", "search"}
