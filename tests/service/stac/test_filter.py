"""Filter, sort and fields, on SQLite and PostgreSQL, beside what Python says of the same items."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from fastapi.testclient import TestClient

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import Problem
from geocrop_processes.service.stac.api import add_catalog
from geocrop_processes.settings import ServiceSettings, Settings
from tests.backends import Backends

URL = "http://127.0.0.1:1"


def item_of(number: int) -> dict[str, Any]:
    """Items in a row from west to east, one degree each, of seasons that take turns."""
    west, year = 28.0 + number, 2018 + number % 3
    start = datetime(year, 9, 1, tzinfo=UTC)
    season = {"year": year, "start": f"{year}-09-01", "end": f"{year + 1}-05-31"}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"job-{number}",
        "bbox": [west, -18.0, west + 0.5, -17.5],
        "geometry": shapely.geometry.mapping(shapely.box(west, -18.0, west + 0.5, -17.5)),
        "links": [],
        "assets": {"class-map": {"href": "./class-map.tif", "title": "Crop classes"}},
        "properties": {
            "title": f"Map {number}",
            "datetime": None,
            "start_datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end_datetime": f"{start + timedelta(days=272):%Y-%m-%dT%H:%M:%SZ}",
            "created": f"2026-01-{10 + number}T00:00:00Z",
            "geocrop:season": season | ({"as_of": f"{year + 1}-01-31"} if number == 4 else {}),
            "geocrop:model": {
                "name": ["maize_v1", "Maize-v2", "100% [x]*?"][number % 3],
                "version": str(number),
            },
            "geocrop:complete": number % 2 == 0,
            "geocrop:simulated": True,
            "geocrop:mask": "none",
            "proj:code": "EPSG:32736" if west >= 30 else "EPSG:32735",
        },
    }


def publish(store: JobStore, item: dict[str, Any]) -> None:
    store.add(item["id"], "echo", {}, {})
    step = store.claim(["run"])
    assert step is not None
    assert store.finished(step, {"job_id": item["id"], "outputs": {}}, item)


@pytest.fixture(scope="module")
def client(
    backends: Backends, backend_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("filter")
    with backends.open(backend_kind, folder) as backend, closing(backend.open_store()) as store:
        for number in range(6):
            publish(store, item_of(number))
        app = FastAPI()
        add_catalog(app, Settings(service=ServiceSettings(url=URL)), store)
        app.add_exception_handler(Problem, lambda _, error: error.response())
        with TestClient(app) as client:
            yield client


def found(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["numberReturned"] == len(document["features"])
    return [int(item["id"].removeprefix("job-")) for item in document["features"]]


BOX = {
    "type": "Polygon",
    "coordinates": [[[29.4, -18], [30.1, -18], [30.1, -17], [29.4, -17], [29.4, -18]]],
}


@pytest.mark.parametrize(
    ("text", "tree", "numbers"),
    [
        ("id = 'job-1'", {"op": "=", "args": [{"property": "id"}, "job-1"]}, [1]),
        ("'job-1' = id", {"op": "=", "args": ["job-1", {"property": "id"}]}, [1]),
        ("collection <> 'crop-maps'", {"op": "<>", "args": [{"property": "collection"}, "crop-maps"]}, []),
        ("geocrop:season.year > 2018", {"op": ">", "args": [{"property": "geocrop:season.year"}, 2018]}, [5, 4, 2, 1]),
        ("2018 < properties.geocrop:season.year", {"op": "<", "args": [2018, {"property": "properties.geocrop:season.year"}]}, [5, 4, 2, 1]),
        ("geocrop:complete = false", {"op": "=", "args": [{"property": "geocrop:complete"}, False]}, [5, 3, 1]),
        ("geocrop:season.as_of IS NOT NULL", {"op": "not", "args": [{"op": "isNull", "args": [{"property": "geocrop:season.as_of"}]}]}, [4]),
        # OR takes in what AND has bound
        (
            "id = 'job-5' OR geocrop:complete = true AND geocrop:season.year = 2018",
            {"op": "or", "args": [{"op": "=", "args": [{"property": "id"}, "job-5"]}, {"op": "and", "args": [{"property": "geocrop:complete"}, {"op": "=", "args": [{"property": "geocrop:season.year"}, 2018]}]}]},
            [5, 0],
        ),
        (
            "NOT (id = 'job-5' OR geocrop:complete = true)",
            {"op": "not", "args": [{"op": "or", "args": [{"op": "=", "args": [{"property": "id"}, "job-5"]}, {"property": "geocrop:complete"}]}]},
            [3, 1],
        ),
        ("geocrop:season.year BETWEEN 2019 AND 2019", {"op": "between", "args": [{"property": "geocrop:season.year"}, 2019, 2019]}, [4, 1]),
        ("geocrop:season.year NOT BETWEEN 2019 AND 2020", {"op": "not", "args": [{"op": "between", "args": [{"property": "geocrop:season.year"}, [2019, 2020]]}]}, [3, 0]),
        ("id IN ('job-1', 'job-3')", {"op": "in", "args": [{"property": "id"}, ["job-1", "job-3"]]}, [3, 1]),
        # letters have their case, on SQLite too
        ("geocrop:model.name LIKE 'maize%'", {"op": "like", "args": [{"property": "geocrop:model.name"}, "maize%"]}, [3, 0]),
        ("geocrop:model.name LIKE '%aize_v_'", {"op": "like", "args": [{"property": "geocrop:model.name"}, "%aize_v_"]}, [4, 3, 1, 0]),
        (r"geocrop:model.name LIKE 'maize\_v1'", {"op": "like", "args": [{"property": "geocrop:model.name"}, r"maize\_v1"]}, [3, 0]),
        (r"geocrop:model.name LIKE '100\% [x]*?'", {"op": "like", "args": [{"property": "geocrop:model.name"}, r"100\% [x]*?"]}, [5, 2]),
        ("geocrop:model.name LIKE 'x\\'", {"op": "like", "args": [{"property": "geocrop:model.name"}, "x\\"]}, []),
        ("geocrop:model.name = 'it''s'", {"op": "=", "args": [{"property": "geocrop:model.name"}, "it's"]}, []),
        ("datetime >= TIMESTAMP('2020-09-01T00:00:00Z')", {"op": ">=", "args": [{"property": "datetime"}, {"timestamp": "2020-09-01T00:00:00Z"}]}, [5, 2]),
        ("end_datetime < DATE('2020-01-01')", {"op": "<", "args": [{"property": "end_datetime"}, {"date": "2020-01-01"}]}, [3, 0]),
        ("created > TIMESTAMP('2026-01-14T01:00:00+02:00')", {"op": ">", "args": [{"property": "created"}, "2026-01-14T01:00:00+02:00"]}, [5, 4]),
        # what no item has is null: neither equal nor unequal
        ("eo:cloud_cover < 10", {"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]}, []),
        ("NOT eo:cloud_cover < 10", {"op": "not", "args": [{"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]}]}, []),
        ("eo:cloud_cover IS NULL AND id = 'job-0'", {"op": "and", "args": [{"op": "isNull", "args": [{"property": "eo:cloud_cover"}]}, {"op": "=", "args": [{"property": "id"}, "job-0"]}]}, [0]),
        ("S_INTERSECTS(geometry, POLYGON((29.4 -18, 30.1 -18, 30.1 -17, 29.4 -17, 29.4 -18)))", {"op": "s_intersects", "args": [{"property": "geometry"}, BOX]}, [2, 1]),
        ("S_INTERSECTS(geometry, BBOX(29.4, -18, 30.1, -17))", {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [29.4, -18, 30.1, -17]}]}, [2, 1]),
        ("S_DISJOINT(geometry, POINT(29.1 -17.8))", {"op": "s_disjoint", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [29.1, -17.8]}]}, [5, 4, 3, 2, 0]),
        ("S_WITHIN(geometry, BBOX(28.9, -18.1, 31, -17))", {"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [28.9, -18.1, 31, -17]}]}, [2, 1]),
        ("S_CONTAINS(BBOX(28.9, -18.1, 31, -17), geometry)", {"op": "s_contains", "args": [{"bbox": [28.9, -18.1, 31, -17]}, {"property": "geometry"}]}, [2, 1]),
        ("S_TOUCHES(geometry, BBOX(28.5, -18, 29, -17))", {"op": "s_touches", "args": [{"property": "geometry"}, {"bbox": [28.5, -18, 29, -17]}]}, [1, 0]),
        ("S_INTERSECTS(geometry, BBOX(170, -20, 28.2, -10))", {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [170, -20, 28.2, -10]}]}, [0]),
        # heights are left out
        ("S_INTERSECTS(geometry, POINT Z(29.1 -17.8 1200))", {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [29.1, -17.8, 1200]}]}, [1]),
        ("S_INTERSECTS(geometry, MULTILINESTRING Z ((28 -17.8 0, 29.1 -17.8 5)))", {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "MultiLineString", "coordinates": [[[28, -17.8, 0], [29.1, -17.8, 5]]]}]}, [1, 0]),
        ("S_INTERSECTS(geometry, BBOX(29.4, -18, 0, 30.1, -17, 3000))", {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [29.4, -18, 0, 30.1, -17, 3000]}]}, [2, 1]),
        ("TRUE AND id = 'job-1'", {"op": "and", "args": [True, {"op": "=", "args": [{"property": "id"}, "job-1"]}]}, [1]),
        ("NOT (FALSE) AND geocrop:complete = TRUE", {"op": "and", "args": [{"op": "not", "args": [False]}, {"op": "=", "args": [{"property": "geocrop:complete"}, True]}]}, [4, 2, 0]),
    ],
)  # fmt: skip
def test_a_filter_finds_the_same_as_text_and_as_json(
    client: TestClient, text: str, tree: dict[str, Any], numbers: list[int]
) -> None:
    for path in ("/stac/search", "/stac/collections/crop-maps/items"):
        assert found(client.get(path, params={"filter": text})) == numbers
        asked = {"filter": json.dumps(tree), "filter-lang": "cql2-json"}
        assert found(client.get(path, params=asked)) == numbers
    assert found(client.post("/stac/search", json={"filter": tree})) == numbers
    assert found(client.post("/stac/search", json={"filter": text})) == numbers


def test_a_filter_of_true_or_false_alone_finds_all_or_nothing(client: TestClient) -> None:
    for text, numbers in (
        ("TRUE", [5, 4, 3, 2, 1, 0]),
        ("false", []),
        ("(True)", [5, 4, 3, 2, 1, 0]),
    ):
        assert found(client.get("/stac/search", params={"filter": text})) == numbers


def test_a_box_of_endless_numbers_is_no_box(client: TestClient) -> None:
    endless = "9" * 400
    box = {"bbox": [int(endless), 2, 3, 4]}
    tree = {"op": "s_intersects", "args": [{"property": "geometry"}, box]}
    for said in (f"S_INTERSECTS(geometry, BBOX({endless}, 2, 3, 4))", tree):
        answer = client.post("/stac/search", json={"filter": said})
        explained(answer)
        assert "side of a box" in answer.json()["detail"]


def test_a_filter_holds_on_every_page(client: TestClient) -> None:
    asked: dict[str, Any] = {"filter": "geocrop:season.year > 2018", "sortby": "id", "limit": 3}
    for answer in (
        client.get("/stac/search", params=asked),
        client.post(
            "/stac/search", json={**asked, "sortby": [{"field": "id", "direction": "asc"}]}
        ),
    ):
        assert found(answer) == [1, 2, 4]
        assert answer.json()["numberMatched"] == 4
        (onward,) = [each for each in answer.json()["links"] if each["rel"] == "next"]
        if onward["method"] == "POST":
            last = client.post("/stac/search", json=onward["body"])
        else:
            last = client.get(onward["href"].removeprefix(URL))
        assert found(last) == [5]


@pytest.mark.parametrize(
    ("sortby", "numbers"),
    [
        ("id", [0, 1, 2, 3, 4, 5]),
        ("+id", [0, 1, 2, 3, 4, 5]),
        ("-id", [5, 4, 3, 2, 1, 0]),
        ("properties.datetime,id", [0, 3, 1, 4, 2, 5]),
        # those that are alike come by their age
        ("-geocrop:season.year", [5, 2, 4, 1, 3, 0]),
        # those without a value come last, up or down
        ("geocrop:season.as_of,id", [4, 0, 1, 2, 3, 5]),
        ("-geocrop:season.as_of,id", [4, 0, 1, 2, 3, 5]),
    ],
)
def test_items_are_sorted(client: TestClient, sortby: str, numbers: list[int]) -> None:
    assert found(client.get("/stac/search", params={"sortby": sortby})) == numbers
    listed = client.get("/stac/collections/crop-maps/items", params={"sortby": sortby})
    assert found(listed) == numbers
    body = [
        {"field": each.lstrip("+-"), "direction": "desc" if each[0] == "-" else "asc"}
        for each in sortby.split(",")
    ]
    assert found(client.post("/stac/search", json={"sortby": body})) == numbers


def test_only_the_members_that_are_wanted_are_given(client: TestClient) -> None:
    def posted(body: Any) -> Any:
        asked = {"ids": ["job-4"], "fields": body}
        (item,) = client.post("/stac/search", json=asked).json()["features"]
        return item

    def given(fields: str, body: Any) -> Any:
        query = {"ids": "job-4", "fields": fields}
        (got,) = client.get("/stac/search", params=query).json()["features"]
        assert got == posted(body)
        return got

    whole = client.get("/stac/collections/crop-maps/items/job-4").json()
    which = {name: whole[name] for name in ("type", "stac_version", "id", "collection")}
    assert given("id", {"include": ["id"]}) == which
    assert given("geometry,-id", {"include": ["geometry"], "exclude": ["id"]}) == {
        **{key: value for key, value in which.items() if key != "id"},
        "geometry": whole["geometry"],
    }
    assert given("id,properties.geocrop:season.year", {"include": ["id", "properties.geocrop:season.year"]}) == {
        **which,
        "properties": {"geocrop:season": {"year": 2019}},
    }  # fmt: skip
    lean = given(
        "-properties,properties.title,+id",
        {"include": ["id", "properties.title"], "exclude": ["properties"]},
    )
    assert lean == {**which, "properties": {"title": "Map 4"}}
    both = given(
        "properties,-properties.geocrop:season,properties.geocrop:season.year",
        {
            "include": ["properties", "properties.geocrop:season.year"],
            "exclude": ["properties.geocrop:season"],
        },
    )
    assert both == {
        **which,
        "properties": {**whole["properties"], "geocrop:season": {"year": 2019}},
    }
    same = {"include": ["geometry"], "exclude": ["geometry"]}
    assert given("+geometry,-geometry", same) == {**which, "geometry": whole["geometry"]}
    assert given("nothing.of.it", {"include": ["nothing.of.it"]}) == which
    # what an item needs to be one
    least = given("", {})
    assert set(least) == set(whole) - {"collection"}
    assert set(least["properties"]) == {"datetime", "start_datetime", "end_datetime"}
    assert given("", {"include": None, "exclude": []}) == least
    less = {key: value for key, value in least.items() if key != "assets"}
    assert given("-assets", {"include": [], "exclude": ["assets"]}) == less
    assert posted({"include": None, "exclude": ["assets"]}) == less
    # and everything else, where no list of what is wanted is there
    assert posted({"exclude": ["assets"]}) == {
        key: value for key, value in whole.items() if key != "assets"
    }


@pytest.mark.parametrize(
    "fields", [{"exclude": ["assets"]}, {"include": None, "exclude": ["assets"]}]
)
def test_the_next_page_has_the_members_of_the_first(client: TestClient, fields: Any) -> None:
    page = client.post("/stac/search", json={"fields": fields, "limit": 1}).json()
    (follows,) = [each for each in page["links"] if each["rel"] == "next"]
    after = client.post("/stac/search", json=follows["body"]).json()
    assert set(after["features"][0]) == set(page["features"][0])
    assert set(after["features"][0]["properties"]) == set(page["features"][0]["properties"])


@pytest.mark.parametrize(
    "said",
    [
        "",
        "id",
        "id =",
        "id = 'job-1",
        "id = 1",
        "id = 'a' AND",
        "1 = 1",
        "id = collection",
        "geometry = 'x'",
        "geometry LIKE 'x'",
        "geocrop:complete < true",
        "geocrop:complete BETWEEN true AND false",
        "geocrop:complete = 'yes'",
        "geocrop:season.year = 'x'",
        "geocrop:season.year = 1e999",
        "geocrop:season.year LIKE '2%'",
        "geocrop:season.year = " + "9" * 400,
        "datetime > 5",
        "datetime > TIMESTAMP('yesterday')",
        "datetime > TIMESTAMP('2020-01-01T00:00:00')",
        "datetime > DATE('2020-13-01')",
        "datetime T_AFTER TIMESTAMP('2020-01-01T00:00:00Z')",
        "CASEI(id) = CASEI('x')",
        "id + 1 = 2",
        "INCLUDE",
        "S_INTERSECTS(geometry, POINT(200 0))",
        "S_INTERSECTS(geometry, SRID=32736;POINT(30 -17))",
        "S_INTERSECTS(geometry, geometry)",
        "S_INTERSECTS(id, POINT(30 -17))",
        "S_INTERSECTS(geometry, 'x')",
        "S_INTERSECTS(geometry, BBOX(1, 2, 3))",
        "S_INTERSECTS(geometry, BBOX(1, 2, 3, 4, 5))",
        "S_INTERSECTS(geometry, Z(30 -17))",
        "id = Z ('x')",
        "S_INTERSECTS(geometry, BBOX(1, 2, 3, 1e999))",
        "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))",
        " OR ".join(["S_INTERSECTS(geometry, POINT(30 -17))"] * 11),
        " AND ".join(["id = 'x'"] * 5000),
        "NOT " * 2000 + "id = 'x'",
        "id = '" + "x" * 1001 + "'",
        "id LIKE '" + "%" * 1001 + "'",
        "id = 'x' " + " " * 50_000,
        "DROP TABLE items",
        "id = 'x' -- comment",
        "id = \u2028",
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_explained(client: TestClient, said: str) -> None:
    if len(said) < 20_000:
        explained(client.get("/stac/search", params={"filter": said or " "}))
    explained(client.post("/stac/search", json={"filter": said}))


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        5,
        {"op": []},
        {"op": "="},
        {"op": "=", "args": []},
        {"op": "=", "args": [{"property": "id"}]},
        {"op": "=", "args": [{"property": "id"}, "a", "b"]},
        {"op": "=", "args": [{"property": "id"}, None]},
        {"op": "=", "args": [{"property": ["id"]}, "a"]},
        {"op": "=", "args": [{"property": "id"}, {"property": "id"}]},
        {"op": "=", "args": [{"property": "id"}, ["a"]]},
        {"op": "=", "args": [{"property": "geocrop:season.year"}, 10**400]},
        {"op": "=", "args": [{"property": "geocrop:season.year"}, True]},
        {"op": "=", "args": [{"property": "datetime"}, {"timestamp": 5}]},
        {"op": "=", "args": [{"property": "datetime"}, {"timestamp": "in three days"}]},
        {"op": "=", "args": [{"property": "datetime"}, {"interval": ["..", ".."]}]},
        {"op": "and", "args": []},
        {"op": "and", "args": [1, "a"]},
        {"op": "and", "args": "ab"},
        {"op": "not", "args": []},
        {"op": "not", "args": ["a"]},
        {"op": "in", "args": [{"property": "id"}, "abc"]},
        {"op": "in", "args": [{"property": "id"}]},
        {"op": "like", "args": [{"property": "id"}, 5]},
        {"op": "like", "args": [{"property": "id"}, {"property": "id"}]},
        {"op": "between", "args": [{"property": "id"}]},
        {"op": "between", "args": [{"property": "id"}, 1]},
        {"op": "isNull", "args": []},
        {"op": "isNull", "args": [5]},
        {"op": "a_contains", "args": [{"property": "id"}, ["a"]]},
        {"op": "t_after", "args": [{"property": "datetime"}, {"date": "2020-01-01"}]},
        {"op": "casei", "args": [{"property": "id"}]},
        {"op": "+", "args": [1, 2]},
        {"op": "none", "args": []},
        {"function": {"name": "lower", "arguments": []}},
        {"filter": {"op": "=", "args": []}, "filter-lang": "x"},
        {"op": "s_intersects", "args": [{"property": "geometry"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": "x"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": ["a", 2, 3, 4]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1e300, 2, 3, 4]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "GeometryCollection", "geometries": []}]},
    ],
)  # fmt: skip
def test_a_json_filter_that_makes_no_sense_is_explained(client: TestClient, said: Any) -> None:
    explained(client.post("/stac/search", json={"filter": said}))
    asked = {"filter": json.dumps(said), "filter-lang": "cql2-json"}
    explained(client.get("/stac/search", params=asked))


def test_filters_as_deep_as_is_allowed_are_answered(client: TestClient) -> None:
    """Databases, SQLAlchemy and Python all walk them by recursion."""
    tree: Any = {"op": "=", "args": [{"property": "id"}, "job-1"]}
    for depth in range(8):
        other = {"op": "=", "args": [{"property": "id"}, f"x{depth}"]}
        tree = {"op": "not", "args": [{"op": "or", "args": [tree, other]}]}
    assert client.post("/stac/search", json={"filter": tree}).status_code == 200
    row = " OR ".join(f"id = 'job-{n}'" for n in range(190))
    assert len(found(client.get("/stac/search", params={"filter": row}))) == 6


@pytest.mark.parametrize(
    "query",
    [
        "filter=id='x'&filter-lang=sql",
        "filter=id='x'&filter-lang=cql2-json",
        "filter={}&filter-lang=cql2-json",
        "filter=" + "[" * 5000 + "&filter-lang=cql2-json",
        "filter=id='x'&filter-crs=http://www.opengis.net/def/crs/EPSG/0/32736",
        "sortby=nothing",
        "sortby=geometry",
        "sortby=-",
        "sortby=" + ",".join(["id"] * 101),
        "fields=" + ",".join(map(str, range(101))),
        "fields=" + "a." * 1000,
        "fields=-",
        "fields=%2B",
        "fields=id,-%20",
    ],
)
def test_unusable_parameters_are_explained(client: TestClient, query: str) -> None:
    explained(client.get(f"/stac/search?{query}"))


@pytest.mark.parametrize(
    "body",
    [
        {"fields": None},
        {"fields": 5},
        {"fields": {"include": "id"}},
        {"fields": {"include": [1]}},
        {"fields": {"include": [""]}},
        {"fields": {"exclude": [""]}},
        {"sortby": "id"},
        {"sortby": [{"field": "id"}]},
        {"sortby": [{"field": "id", "direction": "up"}]},
        {"sortby": [{"field": "", "direction": "asc"}]},
        {"filter": "id = 'x'", "filter-lang": "cql2-json"},
        {"filter": {"op": "=", "args": [{"property": "id"}, "x"]}, "filter-lang": "cql2-text"},
        {"filter": "id = 'x'", "filter-crs": 5},
        {"filter": "id = '\u0000'"},
        {"filter": {"op": "=", "args": [{"property": "id"}, "\ud800"]}},
    ],
)
def test_unusable_members_of_a_body_are_explained(client: TestClient, body: Any) -> None:
    content = json.dumps(body)
    explained(
        client.post("/stac/search", content=content, headers={"Content-Type": "application/json"})
    )


@pytest.mark.parametrize("deep", ['{"filter":' + '{"op":"not","args":[' * 20_000, '{"intersects":' + "[" * 200_000])  # fmt: skip
def test_a_body_without_end_is_explained(client: TestClient, deep: str) -> None:
    explained(
        client.post("/stac/search", content=deep, headers={"Content-Type": "application/json"})
    )


def explained(answer: Any) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_what_can_be_filtered_by_is_told(client: TestClient) -> None:
    page = client.get("/stac/").json()
    rel = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
    (address,) = [each["href"] for each in page["links"] if each["rel"] == rel]
    for path in (address.removeprefix(URL), "/stac/collections/crop-maps/queryables"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/schema+json"
        document = answer.json()
        assert document["$id"] == f"{URL}{path}"
        for name, schema in document["properties"].items():
            kind = schema.get("type")
            value = {"string": "''", "integer": "1", "boolean": "true"}.get(kind)
            if schema.get("format") == "date-time":
                value = "DATE('2020-01-01')"
            if value:
                asked = {"filter": f'"{name}" = {value}'}
                assert client.get("/stac/search", params=asked).status_code == 200
    assert client.get("/stac/collections/other/queryables").status_code == 404


def test_what_is_declared_is_there(client: TestClient) -> None:
    declared = client.get("/stac/conformance").json()["conformsTo"]
    for name in ("item-search#fields", "item-search#filter", "item-search#sort"):
        assert any(each.endswith(name) for each in declared)
    assert "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text" in declared


def test_a_product_is_listed_as_long_as_a_job_uses_it(store: JobStore) -> None:
    item = item_of(0)
    for name in ("job-0", "other"):
        store.add(name, "echo", {}, {})
        step = store.claim(["run"])
        assert step is not None
        given = item if name == "job-0" else None
        assert store.finished(step, {"job_id": "job-0", "outputs": {}}, given)
    before = store.state_of_items()
    store.dismiss("job-0")
    assert store.items()[1] == 1
    assert store.state_of_items() == before
    store.dismiss("other")
    assert store.items()[1] == 0
    assert store.contents().bbox is None
