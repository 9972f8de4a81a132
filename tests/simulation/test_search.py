from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.simulation.search import BadSearch, parse

WHEN = "2022-11-12T08:17:00Z"
SQUARE = [[30.0, -18.0], [31.0, -18.0], [31.0, -17.0], [30.0, -17.0], [30.0, -18.0]]
ITEM: dict[str, Any] = {
    "id": "a",
    "collection": "s2_l2a",
    "properties": {"datetime": WHEN},
    "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
}


@given(
    west=st.floats(28, 33),
    south=st.floats(-20, -15),
    width=st.floats(0.001, 3),
    height=st.floats(0.001, 3),
)
def test_a_box_finds_what_it_overlaps(
    west: float, south: float, width: float, height: float
) -> None:
    box = [west, south, west + width, south + height]
    overlaps = box[0] <= 31 and box[2] >= 30 and box[1] <= -17 and box[3] >= -18
    touches = {box[0], box[2]} & {30.0, 31.0} or {box[1], box[3]} & {-17.0, -18.0}
    if not touches:
        assert parse({"bbox": box}).finds(ITEM) == overlaps


@pytest.mark.parametrize(
    ("geometry", "found"),
    [
        ({"type": "Point", "coordinates": [30.5, -17.5]}, True),
        ({"type": "Point", "coordinates": [29.5, -17.5]}, False),
        # its box overlaps, the triangle itself does not
        (
            {
                "type": "Polygon",
                "coordinates": [[[29.0, -17.5], [29.9, -16.0], [31.0, -16.0], [29.0, -17.5]]],
            },
            False,
        ),
        # a cross: no corner of one lies in the other
        (
            {
                "type": "Polygon",
                "coordinates": [
                    [[29, -17.6], [32, -17.6], [32, -17.4], [29, -17.4], [29, -17.6]],
                ],
            },
            True,
        ),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [
                    [[[20, 0], [21, 0], [21, 1], [20, 0]]],
                    [[[29, -19], [32, -19], [32, -16], [29, -16], [29, -19]]],
                ],
            },
            True,
        ),
    ],
)
def test_a_geometry_finds_what_it_meets(geometry: dict[str, Any], found: bool) -> None:
    assert parse({"intersects": geometry}).finds(ITEM) == found


@pytest.mark.parametrize(
    ("interval", "found"),
    [
        ("2022-09-01T00:00:00Z/2023-05-31T23:59:59Z", True),
        ("2022-11-12", True),
        ("2022-11-12/2022-11-12", True),
        ("2022-11-12T08:17:00Z", True),
        ("2022-11-12T10:17:00+02:00", True),
        ("../2022-11-12", True),
        ("/2022-11-11", False),
        ("2022-11-13/..", False),
        ("2022-11-12/", True),
        ("../..", True),
    ],
)
def test_intervals_include_their_ends_and_may_be_open(interval: str, found: bool) -> None:
    assert parse({"datetime": interval}).finds(ITEM) == found


def test_ids_and_collections_are_any_of_those_given() -> None:
    assert parse({"ids": ["b", "a"]}).finds(ITEM)
    assert not parse({"ids": ["b"]}).finds(ITEM)
    assert parse({"collections": ["s2_l2a"]}).finds(ITEM)
    assert not parse({"collections": ["s2_l2a_c1"]}).finds(ITEM)


def test_without_parameters_everything_is_found_twenty_at_a_time() -> None:
    search = parse({})
    assert search.finds(ITEM)
    assert (search.limit, search.offset) == (20, 0)
    assert search.interval[0] == datetime.min.replace(tzinfo=UTC)
    assert parse({"limit": 100_000}).limit == 1000
    assert parse({"bbox": [29, -19, 0, 32, -16, 100]}).finds(ITEM)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"query": {"eo:cloud_cover": {"lt": 10}}}, "query"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": [1, 2, 3, 4, 5]}, "bbox"),
        ({"bbox": ["a", 2, 3, 4]}, "bbox"),
        ({"bbox": [31, -18, 30, -17]}, "bbox"),
        ({"bbox": 7}, "bbox"),
        ({"bbox": [1, 2, 3, 4], "intersects": {"type": "Point"}}, "bbox"),
        ({"intersects": {"type": "Point"}}, "intersects"),
        ({"intersects": {"type": "LineString", "coordinates": []}}, "intersects"),
        ({"intersects": {"type": "Polygon", "coordinates": []}}, "intersects"),
        ({"intersects": {"type": "Polygon", "coordinates": [[]]}}, "intersects"),
        ({"datetime": "yesterday"}, "datetime"),
        ({"datetime": "2022-01-01/2022-02-01/2022-03-01"}, "datetime"),
        ({"datetime": "2023-01-01/2022-01-01"}, "datetime"),
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"_o": -1}, "_o"),
        ({"ids": "a"}, "ids"),
        ({"collections": 3}, "collections"),
    ],
)
def test_what_cannot_be_understood_is_named(values: dict[str, Any], name: str) -> None:
    with pytest.raises(BadSearch, match=name):
        parse(values)
