"""Relations of footprints to shapes, beside shapely asked of each pair; and what is kept of a store's state."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import shapely
from fastapi import FastAPI
from fastapi.testclient import TestClient

from geocrop_processes.service import products
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import Problem
from geocrop_processes.service.stac.api import add_catalog
from geocrop_processes.service.stac.areas import MAX_VERTICES
from geocrop_processes.settings import ServiceSettings, Settings
from tests.backends import Backend, Backends
from tests.service.stac.test_filter import item_of, publish

OUTLINES = (
    shapely.box(30, -18, 31, -17),
    shapely.box(30.2, -17.8, 30.8, -17.2),
    shapely.box(31, -18, 32, -17),
    shapely.box(30.5, -17.5, 31.5, -16.5),
    shapely.Point(30.5, -17.5).buffer(0.3),
    shapely.LineString([(29.5, -17.5), (31.5, -17.5)]),
    shapely.LineString([(30.2, -17), (30.8, -17)]),
    shapely.MultiPoint([(30.5, -17.5), (33, -15)]),
    shapely.Point(30, -18),
)
RELATIONS = ("intersects", "disjoint", "equals", "touches", "crosses", "overlaps", "within", "contains")  # fmt: skip


@pytest.fixture(scope="module")
def store(
    backends: Backends, backend_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobStore]:
    folder = tmp_path_factory.mktemp("relations")
    with backends.open(backend_kind, folder) as backend, closing(backend.open_store()) as store:
        for number, outline in enumerate(OUTLINES):
            geometry = shapely.geometry.mapping(outline)
            publish(store, item_of(number) | {"geometry": geometry, "bbox": list(outline.bounds)})
        yield store


@pytest.fixture(scope="module")
def client(store: JobStore) -> Iterator[TestClient]:
    app = FastAPI()
    add_catalog(app, Settings(service=ServiceSettings(url="http://127.0.0.1:1")), store)
    app.add_exception_handler(Problem, lambda _, error: error.response())
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_holds_where_shapely_says_so_of_the_two(client: TestClient, name: str) -> None:
    said = getattr(shapely, name)
    for shape in OUTLINES:
        for turned in (False, True):
            operands: list[Any] = [{"property": "geometry"}, shapely.geometry.mapping(shape)]
            tree = {"op": f"s_{name}", "args": operands[::-1] if turned else operands}
            answer = client.post("/stac/search", json={"filter": tree, "limit": 20})
            assert answer.status_code == 200, answer.text
            wanted = {
                f"job-{number}"
                for number, outline in enumerate(OUTLINES)
                if (said(shape, outline) if turned else said(outline, shape))
            }
            assert {item["id"] for item in answer.json()["features"]} == wanted


@pytest.mark.parametrize("relation", [shapely.intersects, shapely.touches])
def test_what_is_asked_of_each_footprint_is_asked_of_the_prepared_shape(
    store: JobStore, relation: Any
) -> None:
    """Of the two that a relation is asked of, shapely makes use of the first one's preparation alone."""
    asked = []

    def seen(first: Any, second: Any) -> Any:
        asked.append((bool(shapely.is_prepared(first).all()), len(second)))
        return relation(first, second)

    corner = shapely.LineString([(29.9, -17.9), (31.6, -17.9), (31.6, -17.0)])
    with store._database.read() as connection:
        products.related(connection, corner, seen)
    # all their boxes meet; nothing dear is asked of what does not
    meeting = [each for each in OUTLINES if shapely.intersects(corner, each)]
    assert asked == [(True, len(meeting))]
    assert len(meeting) < 5


def test_all_shapes_of_a_filter_have_so_many_points_together(client: TestClient) -> None:
    def answer(points: int) -> Any:
        line = [[30 + n / points, -17] for n in range(points)]
        shape = {"type": "LineString", "coordinates": line}
        one = {"op": "s_intersects", "args": [{"property": "geometry"}, shape]}
        return client.post("/stac/search", json={"filter": {"op": "or", "args": [one, one]}})

    assert answer(MAX_VERTICES // 2).status_code == 200
    refused = answer(MAX_VERTICES // 2 + 1)
    assert refused.status_code == 400
    assert f"more than {MAX_VERTICES} points" in refused.json()["detail"]


def test_the_extent_is_that_of_an_older_product_listed_again(backend: Backend) -> None:
    store = backend.open_store()
    app = FastAPI()
    add_catalog(app, Settings(service=ServiceSettings(url="http://127.0.0.1:1")), store)
    with TestClient(app) as client:

        def west() -> float:
            page = client.get("/stac/collections/crop-maps").json()
            return float(page["extent"]["spatial"]["bbox"][0][0])

        for number in range(3):
            publish(store, item_of(number))
        store.dismiss("job-0")
        assert west() == 29.0
        with store._database.write() as connection:
            products.hold(connection, "job-0")
        store.dismiss("job-1")
        assert west() == 28.0
    store.close()
