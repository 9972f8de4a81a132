"""What the simulated place's surveyor brings home is the truth, and training and reference do not meet."""

import csv
import json
from datetime import date
from io import StringIO

import numpy as np
import pytest
import shapely

from geocrop_processes.domain.aoi import Region
from geocrop_processes.errors import InvalidSample
from geocrop_processes.pipeline.labels import GEOJSON, read_labels
from geocrop_processes.pipeline.sites import pixels_of
from geocrop_processes.simulation.demo import truth
from geocrop_processes.simulation.labels import answer, field_labels, point_labels
from geocrop_processes.simulation.legend import LEGEND

ZIMBABWE = Region("Zimbabwe", 25.2, -22.5, 33.1, -15.6)


def test_fields_are_labels_that_pass_and_their_pixels_are_of_their_class() -> None:
    found = read_labels(
        field_labels(), GEOJSON, region=ZIMBABWE, today=date(2026, 1, 1), legend=LEGEND
    )
    assert {at.code for at in found.labels} == set(LEGEND.codes)
    pixels = pixels_of(found.labels, 32735, per_field=100, seed=1)
    grid = pixels.grid
    code = {at.row: at.code for at in found.labels}
    rows, columns = pixels.within(grid)
    same = truth(grid)[rows, columns] == [code[n] for n in pixels.labels.tolist()]
    # a pixel's class is what most of it shows: narrow tracks between fields are not surveyed
    assert same.mean() > 0.97


def test_reference_points_lie_in_no_training_field_and_know_the_truth() -> None:
    fields = [shapely.geometry.shape(f["geometry"]) for f in json.loads(field_labels())["features"]]
    points = json.loads(point_labels(count=150))["features"]
    tree = shapely.STRtree(fields)
    places = [shapely.geometry.shape(f["geometry"]) for f in points]
    assert len(places) == 150
    assert not tree.query(places, predicate="within").size
    document = json.dumps({"type": "FeatureCollection", "features": points}).encode()
    again = json.loads(answer(document))["features"]
    assert [f["properties"]["class"] for f in again] == [f["properties"]["class"] for f in points]


def test_a_seed_decides_which_fields_are_for_training() -> None:
    assert field_labels(1) == field_labels(1) != field_labels(2)
    assert point_labels(1, 20) == point_labels(1, 20) != point_labels(2, 20)


def test_a_designs_points_are_answered_in_the_form_that_they_came_in() -> None:
    text = "id,lon,lat,season,class\n1,30.2,-17.36,2022,\n2,30.201,-17.362,2022,\n"
    rows = list(csv.DictReader(StringIO(answer(text.encode()).decode())))
    assert [r["id"] for r in rows] == ["1", "2"]
    assert {r["class"] for r in rows} <= {c.name for c in LEGEND}
    assert np.unique([r["season"] for r in rows]).tolist() == ["2022"]


@pytest.mark.parametrize(
    "points", [b"", b"\xff", b"{}", b"lon,lat\nx,y\n", b"lon,lat\n31,-18\n", b'{"features": [{}]}']
)
def test_points_that_are_none_or_far_away_are_refused(points: bytes) -> None:
    with pytest.raises(InvalidSample, match=r"none of a sample's design|beyond the demo's place"):
        answer(points)
