"""Places are found alike on SQLite, by shapely, and on PostgreSQL, by PostGIS and its indices."""

from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from shapely.geometry import box, mapping
from sqlalchemy import create_engine, event, select

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.errors import UnusableStore
from geocrop_processes.service import products
from geocrop_processes.service.database import Database
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.schema import published
from tests.servers import postgresql
from tests.service.asking import Api

RELATIONS = (
    shapely.intersects,
    shapely.contains,
    shapely.within,
    shapely.touches,
    shapely.crosses,
    shapely.overlaps,
    shapely.equals,
)
CORNER = -3, -2
"""Footprints and shapes lie on whole degrees from here on: sides and corners meet often, and exactly."""


def squares() -> list[Any]:
    """Footprints: squares side by side, one over four of them, a diamond, one with a hole, a circle."""
    west, south = CORNER
    found = [box(west + x, south + y, west + x + 2, south + y + 2) for x in (0, 2) for y in (0, 2)]
    found += [box(west + 1, south + 1, west + 3, south + 3)]
    found += [shapely.Polygon([(west, south + 2), (west + 2, south), (west + 4, south + 2)])]
    found += [box(west, south, west + 6, south + 6) - box(west + 1, south + 1, west + 5, south + 5)]
    return [*found, shapely.geometry.shape(Aoi(30.2, -17.36, 5000).polygon())]


def item_of(number: int, footprint: Any) -> dict[str, Any]:
    return {
        "id": f"job-{number}",
        "bbox": list(footprint.bounds),
        "geometry": mapping(footprint),
        "properties": {
            "start_datetime": "2022-09-01T00:00:00Z",
            "end_datetime": "2023-05-31T23:59:59Z",
        },
    }


def filled(url: str) -> JobStore:
    store = JobStore(url, lease_s=60, attempts=3)
    for number, footprint in enumerate(squares()):
        store.add(f"job-{number}", "echo", {}, {})
        step = store.claim(["run"])
        assert step is not None
        result = {"job_id": step.job_id, "outputs": {}}
        assert store.finished(step, result, item_of(number, footprint))
    for name, lon, radius in (("west", 30.0, 1000), ("east", 30.1, 5000), ("none", None, 0)):
        aoi = {} if lon is None else {"aoi": [lon, -17.4, radius]}
        store.add(name, "crop-classification", {"year": 2022, **aoi}, {})
    return store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("server"), "geocrop") as address:
        yield address


@pytest.fixture(scope="module", params=["sqlite", pytest.param("pg", marks=pytest.mark.system)])
def places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobStore]:
    if request.param == "sqlite":
        store = filled(f"sqlite:///{tmp_path_factory.mktemp('places') / 'jobs.db'}")
    else:
        store = filled(f"{request.getfixturevalue('server')}/geocrop")
    yield store
    store.close()


whole = st.tuples(st.integers(-4, 5), st.integers(-3, 6))
between = st.tuples(st.floats(-4, 5, width=32), st.floats(-3, 6, width=32))
corners = st.lists(whole, min_size=3, max_size=7) | st.lists(between, min_size=3, max_size=7)
# some cross themselves, and some have no area
polygons = corners.map(shapely.Polygon)
shapes = st.one_of(
    polygons,
    polygons.map(lambda each: each.convex_hull),
    corners.map(shapely.MultiPoint),
    corners.map(shapely.LineString),
    whole.map(shapely.Point),
    st.tuples(polygons, whole.map(shapely.Point)).map(shapely.GeometryCollection),
    st.tuples(whole, whole).map(lambda ends: shapely.MultiPoint(ends).envelope),
)


@given(shape=shapes, relation=st.sampled_from(RELATIONS))
@example(shape=box(-180, -90, 180, 90), relation=shapely.contains)
@example(shape=shapely.Polygon([(0.0, 0), (0, 1), (1, 1), (-0.0, 0)]), relation=shapely.crosses)
@example(shape=shapely.Point(-1, 0), relation=shapely.touches)
@example(
    shape=shapely.Polygon([(4, 1), (-1, 0), (-2, -1), (4, -1), (-2, -2)]), relation=shapely.touches
)
def test_a_relation_of_shapes_is_the_one_of_shapely(
    places: JobStore, shape: Any, relation: Any
) -> None:
    with places.database.read() as connection:
        clause = products.related(connection, shape, relation)
        found = set(connection.execute(select(published.c.job_id).where(clause)).scalars())
    holds = [relation(shape, each) and shapely.intersects(shape, each) for each in squares()]
    assert found == {f"job-{number}" for number, yes in enumerate(holds) if yes}


@given(low=whole | between, high=whole | between)
@example(low=(-180, -90), high=(180, 90))
def test_a_box_is_met_by_those_whose_boxes_touch_it(places: JobStore, low: Any, high: Any) -> None:
    west, east = sorted((low[0], high[0]))
    south, north = sorted((low[1], high[1]))
    found = {item["id"] for item in places.items(bbox=(west, south, east, north))[0]}
    met = []
    for number, each in enumerate(squares()):
        w, s, e, n = each.bounds
        if w <= east and e >= west and s <= north and n >= south:
            met.append(f"job-{number}")
    assert found == set(met)


def test_boxes_are_compared_to_the_last_digit(places: JobStore) -> None:
    """An index of PostGIS holds boxes in single precision."""
    west, south, east, north = squares()[-1].bounds
    step = 1e-9
    for sides, is_met in (
        ((east, south, east + 1, north), True),
        ((east + step, south, east + 1, north), False),
        ((west - 1, south, west - step, north), False),
        ((west, north + step, east, north + 1), False),
        ((west, south - 1, east, south - step), False),
    ):
        found = [item["id"] for item in places.items(bbox=sides)[0]]
        assert ("job-7" in found) == is_met


def listed(store: JobStore, place: Any, **filters: Any) -> list[str]:
    return [entry.id for entry in store.list(place=place, **filters)[0]]


def test_jobs_are_found_by_the_place_that_they_work_on(places: JobStore) -> None:
    assert listed(places, box(29, -18, 31, -17)) == ["east", "west"]
    assert listed(places, box(29, -18, 30.005, -17)) == ["west"]
    assert listed(places, shapely.Point(30.1, -17.4)) == ["east"]
    assert listed(places, box(29, -18, 31, -17), process="echo") == []
    # the box of the circle is met, and the circle is not
    west, south, _, _ = Aoi(30.1, -17.4, 5000).bbox()
    assert listed(places, box(west, south, west + 0.005, south + 0.005)) == []
    assert places.list(place=box(29, -18, 31, -17), limit=1)[1] == 2


@pytest.mark.system
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"bbox": (0.5, 0.5, 0.6, 0.6)}, "published_by_box"),
        ({"area": box(0.5, 0.5, 0.6, 0.6)}, "footprints_by_shape"),
        ({"place": box(30, -17.5, 30.1, -17.4)}, "jobs_by_area"),
    ],
)
def test_postgis_finds_places_by_an_index(places: JobStore, query: Any, index: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    engine = places.database._reader
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no such index")
    event.listen(engine, "before_cursor_execute", note)
    (places.list if "place" in query else places.items)(**query)
    event.remove(engine, "before_cursor_execute", note)
    with places.database.write() as connection:
        # so few rows are read as fast without
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans = [
            "".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
            for statement, parameters in asked
        ]
    assert any(index in plan for plan in plans), plans


def test_a_list_of_jobs_takes_a_box(api: Api) -> None:
    api.store.add("here", "crop-classification", {"aoi": [30.2, -17.36, 1500]}, {})
    api.store.add("nowhere", "echo", {}, {})

    def ids(bbox: str) -> list[str]:
        answer = api.get("/jobs", params={"bbox": bbox})
        assert answer.status_code == 200, answer.text
        return [job["jobID"] for job in answer.json()["jobs"]]

    assert (
        ids("30,-18,31,-17")
        == ids("30,-18,0,31,-17,900")
        == ids("30.2,-17.36,30.2,-17.36")
        == ["here"]
    )
    assert ids("170,-18,31,-17") == ["here"]
    assert ids("30.3,-18,31,-17") == ids("170,-18,-170,-17") == []
    for wrong in ("", "1,2,3", "a,b,c,d", "30,-17,31,-18", "nan,0,1,1"):
        answer = api.get("/jobs", params={"bbox": wrong})
        assert (answer.status_code, "'bbox'" in answer.json()["detail"]) == (400, True), wrong


@pytest.mark.system
def test_a_database_where_postgis_is_missing_and_not_to_be_had_is_refused(server: str) -> None:
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE without")
    engine.dispose()
    engine = create_engine(f"{server}/without", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE nobody LOGIN")
        connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO nobody")
    mine = f"{server}/without".replace("postgres@", "nobody@")
    with pytest.raises(UnusableStore, match=r"superuser run `CREATE EXTENSION postgis`"):
        Database(mine)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE EXTENSION postgis")
    engine.dispose()
    Database(mine).close()
