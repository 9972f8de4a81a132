"""The list of collections and what is said of each."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from PIL import Image
from titiler.core.models.OGC import TileSet, TileSetList

from geocrop_processes.service.collections.times import between, interval_of
from geocrop_processes.service.problems import Problem

PUBLIC = "http://127.0.0.1:1/x"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def ids(client: TestClient, query: str = "") -> list[str]:
    answer = client.get(f"/collections{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["numberReturned"] == len(page["collections"])
    return [collection["id"] for collection in page["collections"]]


def test_the_newest_comes_first_after_the_one_of_all(client: TestClient) -> None:
    assert ids(client) == ["crop-maps", "east", "west", "old"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_by_their_links_are_the_whole_list(client: TestClient, limit: int) -> None:
    address, seen = f"/collections?limit={limit}", []
    while address:
        page = client.get(address).json()
        assert page["numberMatched"] == 4
        assert len(page["collections"]) <= limit
        seen += [collection["id"] for collection in page["collections"]]
        links = {link["rel"]: link["href"] for link in page["links"]}
        assert ("prev" in links) == (len(seen) > limit)
        address = links.get("next", "").removeprefix(PUBLIC)
    assert seen == ["crop-maps", "east", "west", "old"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?bbox=30.2,-17.36,30.21,-17.35", ["crop-maps", "east", "west"]),
        ("?bbox=28,-20,29.5,-18", ["crop-maps", "old"]),
        ("?bbox=30.2,-18,0,-180,-17,9", ["crop-maps", "east", "west"]),
        ("?bbox=0,0,1,1", []),
        ("?datetime=2021-12-01", ["crop-maps", "old"]),
        ("?datetime=2022-01-01/2022-09-01", ["crop-maps", "east", "west", "old"]),
        ("?datetime=2024-01-01/..", []),
        ("?datetime=2023&bbox=28,-20,29.5,-18", ["crop-maps"]),
        ("?offset=2", ["west", "old"]),
        ("?offset=9", []),
    ],
)
def test_the_list_is_filtered_by_place_and_time(
    client: TestClient, query: str, expected: list[str]
) -> None:
    assert ids(client, query) == expected


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=x", "?offset=-1", "?bbox=1,2,3", "?bbox=x", "?datetime=x"]
)
def test_a_filter_that_is_none_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/collections{query}").status_code == 400


def test_a_collection_says_where_and_when_it_is(client: TestClient) -> None:
    said = client.get("/collections/west").json()
    spatial = said["extent"]["spatial"]
    assert spatial["bbox"][0] == pytest.approx([30.1943, -17.3655, 30.2057, -17.3545], abs=2e-4)
    assert spatial["storageCrsBbox"] == [[201820.0, 8077840.0, 203040.0, 8079060.0]]
    assert spatial["grid"][0] == {
        "cellsCount": 122,
        "resolution": 10.0,
        "firstCoordinate": 201820.0,
        "relativeBounds": [0, 10.0],
    }
    assert said["extent"]["temporal"]["interval"] == [
        ["2022-09-01T00:00:00Z", "2023-05-31T23:59:59Z"]
    ]
    assert said["storageCrs"] == "http://www.opengis.net/def/crs/EPSG/0/32736"
    assert said["crs"][0] == said["storageCrs"]
    assert said["defaultFields"] == ["class"]


@pytest.mark.parametrize("name", ["west", "crop-maps"])
def test_every_link_of_a_collection_leads_somewhere(client: TestClient, name: str) -> None:
    links = client.get(f"/collections/{name}").json()["links"]
    rels = {link["rel"] for link in links}
    ogc = {f"{REL}{rel}" for rel in ("schema", "coverage", "tilesets-map", "legend", "styles")}
    item = {"item" if name == "west" else "items"}
    assert rels == ogc | item | {"self", "alternate", "tilejson", "wmts", "license"}
    for link in links:
        assert link["type"]
        path = urlsplit(link["href"].removeprefix(PUBLIC))
        if link["rel"] in {"license", "item", "items"}:
            continue
        # all maps at once are more than is given
        small = "&width=9&height=9" if "/coverage" in path.path else ""
        answer = client.get(f"{path.path}?{path.query}{small}")
        assert answer.status_code == 200, link
        kind = link["type"].partition(";")[0]
        assert answer.headers["content-type"].startswith(kind), link


def test_the_schema_says_what_each_field_means(client: TestClient) -> None:
    answer = client.get("/collections/west/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    Draft202012Validator.check_schema(schema)
    fields = schema["properties"]
    assert list(fields)[:3] == ["class", "top", "margin"]
    assert [field["x-ogc-propertySeq"] for field in fields.values()] == list(range(1, 9))
    assert fields["class"]["oneOf"][1] == {"const": 4, "title": "soybean"}
    assert fields["class"]["x-ogc-variableType"] == "categoricalNominal"
    assert (fields["top"]["type"], fields["top"]["x-ogc-unit"]) == ("number", "1")
    assert fields["max_gap_days"]["x-ogc-unit"] == "d"
    values = client.get(
        "/collections/west/coverage?f=covjson&properties=class,top,n_valid&width=9&height=9"
    ).json()["ranges"]
    pixels = zip(*(values[name]["values"] for name in values), strict=True)
    mapped = [pixel for pixel in pixels if pixel[0] is not None]
    assert mapped
    for pixel in mapped:
        Draft202012Validator(schema).validate(dict(zip(values, pixel, strict=True)))


def test_the_probabilities_of_a_product_are_fields_by_the_codes_of_their_classes(
    shelf: Any, monkeypatch: pytest.MonkeyPatch, app_of: Callable[..., FastAPI]
) -> None:
    item = json.loads((shelf.folder / "west" / "item.json").read_text())
    item["assets"]["probabilities"] = {"bands": [{"name": "maize"}, {"name": "soybean"}]}
    published = "geocrop_processes.service.collections.everything.published"
    monkeypatch.setattr(published, lambda *_: item)
    with TestClient(app_of(shelf)) as client:
        fields = client.get("/collections/west/schema").json()["properties"]
    assert list(fields)[8:] == ["probability_1", "probability_4"]
    assert fields["probability_4"]["title"] == "probability of soybean"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/schema", "/coverage", "/legend", "/styles", "/styles/classes.qml"),
        *("/map/tiles", "/map/tiles/WebMercatorQuad", "/wmts"),
    ],
)
@pytest.mark.parametrize("name", ["nobody", "..%2f..%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd"])
def test_an_address_opens_nothing_but_a_product(client: TestClient, name: str, path: str) -> None:
    answer = client.get(f"/collections/{name}{path}")
    assert answer.status_code == 404


def test_the_legend_is_a_document_or_a_picture(client: TestClient) -> None:
    classes = client.get("/collections/west/legend").json()["classes"]
    assert classes[1] == {"value": 4, "name": "soybean", "colour": "#267000"}
    answer = client.get("/collections/west/legend?f=png")
    assert answer.headers["content-type"] == "image/png"
    with_header = client.get("/collections/west/legend", headers={"Accept": "image/png"})
    assert with_header.content == answer.content
    image = Image.open(BytesIO(answer.content))
    shown = {colour for _count, colour in image.getcolors(maxcolors=100_000) or []}
    assert {(0xFF, 0xD3, 0), (0x26, 0x70, 0), (0x41, 0x9B, 0xDF)} <= shown
    assert client.get("/collections/west/legend?f=gif").status_code == 400


def test_styles_are_those_of_qgis_and_ogc(client: TestClient, shelf: Any) -> None:
    sheets = client.get("/collections/west/styles").json()["styles"][0]["links"]
    assert [sheet["href"].rpartition("/")[2] for sheet in sheets] == ["classes.sld", "classes.qml"]
    qml = client.get("/collections/west/styles/classes.qml")
    assert qml.content == (shelf.folder / "west" / "class-map.qml").read_bytes()
    sld = client.get("/collections/west/styles/classes.sld")
    assert sld.headers["content-type"] == "application/vnd.ogc.sld+xml"
    names = {"s": "http://www.opengis.net/sld"}
    root = ET.fromstring(sld.content)  # noqa: S314 - what we have written
    colours = root.find(".//s:RasterSymbolizer/s:ColorMap", names)
    assert colours is not None
    assert colours.get("type") == "values"
    entries = [(e.get("quantity"), e.get("color"), e.get("label")) for e in colours]
    assert entries[1:3] == [("1", "#ffd300", "maize"), ("4", "#267000", "soybean")]
    assert client.get("/collections/west/styles/other").status_code == 404


def test_tilesets_are_as_ogc_api_tiles_has_them(client: TestClient) -> None:
    """Oracle: TiTiler's models of OGC's documents."""
    listed = client.get("/collections/west/map/tiles").json()
    TileSetList.model_validate(listed)
    said = client.get("/collections/west/map/tiles/WebMercatorQuad").json()
    TileSet.model_validate(said)
    template = next(link["href"] for link in said["links"] if link["rel"] == "item")
    deepest = said["tileMatrixSetLimits"][-1]
    address = (
        template.removeprefix(PUBLIC)
        .replace("{tileMatrix}", deepest["tileMatrix"])
        .replace("{tileRow}", str(deepest["minTileRow"]))
        .replace("{tileCol}", str(deepest["minTileCol"]))
    )
    assert client.get(address).headers["content-type"] == "image/png"
    assert client.get("/collections/west/map/tiles/WorldCRS84Quad").status_code == 404
    scheme = client.get("/tileMatrixSets").json()["tileMatrixSets"][0]["links"][0]["href"]
    definition = client.get(scheme.removeprefix(PUBLIC)).json()
    assert definition["id"] == "WebMercatorQuad"
    assert len(definition["tileMatrices"]) == 25
    assert client.get("/tileMatrixSets/Other").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        ("image/png;q=0.5, application/json", "application/json"),
        ("application/json;q=0.5, image/png", "image/png"),
        ("text/plain, image/png", "image/png"),
        ("image/avif,image/*,*/*;q=0.8", "image/png"),
        ("image/png;q=0", "application/json"),
        ("*/*", "application/json"),
    ],
)
def test_the_legend_is_what_a_client_likes_best(
    client: TestClient, accepted: str, media_type: str
) -> None:
    answer = client.get("/collections/west/legend", headers={"Accept": accepted})
    assert answer.headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("", {}, 200),
        ("/west", {}, 200),
        ("/west/schema", {"Accept": "text/html"}, 200),
        ("/west/legend", {}, 200),
        ("/west/legend?f=png", {}, 200),
        ("/west/coverage?scale-factor=2", {}, 200),
        ("/west/coverage", {}, 200),
        ("/west/coverage", {"Range": "bytes=0-9"}, 206),
        ("/west/coverage", {"If-None-Match": "known"}, 304),
        ("/west/coverage?bbox=0,0,1,1", {}, 204),
        ("/west/coverage", {"Accept": "text/css"}, 406),
    ],
)
def test_a_cache_is_told_that_answers_differ_by_what_is_accepted(
    client: TestClient, path: str, headers: dict[str, str], status: int
) -> None:
    if "If-None-Match" in headers:
        headers = {"If-None-Match": client.get("/collections/west/coverage").headers["etag"]}
    answer = client.get(f"/collections{path}", headers=headers)
    assert (answer.status_code, answer.headers.get("vary")) == (status, "Accept")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2022", "2022-01-01T00:00:00+00:00", "2022-12-31T23:59:59.999999+00:00"),
        ("2022-02-28", "2022-02-28T00:00:00+00:00", "2022-02-28T23:59:59.999999+00:00"),
        ("2022/2022", "2022-01-01T00:00:00+00:00", "2022-12-31T23:59:59.999999+00:00"),
        ("2024-02/2024-02", "2024-02-01T00:00:00+00:00", "2024-02-29T23:59:59.999999+00:00"),
        ("../2022-05-31", None, "2022-05-31T23:59:59.999999+00:00"),
        ("2022-05-31T10:20Z/..", "2022-05-31T10:20:00+00:00", None),
        (
            "2022-05-31T10:20:30+02:00/2022-05-31T24:00",
            "2022-05-31T08:20:30+00:00",
            "2022-06-01T00:00:00+00:00",
        ),
        ("2022-05-31T10:20/2022-05-31T10:20:30.5Z", "2022-05-31T10:20:00+00:00", None),
    ],
)
def test_what_a_moment_leaves_out_counts_from_its_start_to_its_end(
    text: str, start: str | None, end: str | None
) -> None:
    since, until = interval_of("datetime", text)
    assert (since.isoformat() if since else None) == start
    if end is None and until is not None:
        assert until.isoformat() == "2022-05-31T10:20:30.500000+00:00"
    else:
        assert (until.isoformat() if until else None) == end


@pytest.mark.parametrize(
    "text", ["0000/..", "../9999", "2022-02-30", "2022-1-1", "2022-01-01T25:00"]
)
def test_moments_beyond_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(Problem):
        interval_of("datetime", text)
    with pytest.raises(Problem):
        between("subset", "2023", "2022")
