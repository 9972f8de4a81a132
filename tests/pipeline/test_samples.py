"""Samples of labels are the pixels that a map would have, with the very same features."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import Point, box

from geocrop_processes.domain.aoi import Aoi, Region
from geocrop_processes.domain.as_of import dekads_of_as_of
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import (
    CatalogUnavailable,
    InvalidLabels,
    InvalidSeason,
    NoScenes,
    NothingClear,
)
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.until import known
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.pipeline import sample_plan, samples
from geocrop_processes.pipeline.features import plan_features
from geocrop_processes.pipeline.labels import GEOJSON, Labels, read_labels
from geocrop_processes.pipeline.plan import Find, Request
from geocrop_processes.pipeline.samples import (
    SampleRequest,
    Samples,
    extract_samples,
    finish_samples,
    plan_samples,
    sample_block,
)
from geocrop_processes.pipeline.sites import gather, pixels_of
from geocrop_processes.pipeline.table import Table
from geocrop_processes.pipeline.view import view
from geocrop_processes.storage import RESULTS, Storage

LEFT, TOP = 839_700, 8_078_200
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def degrees(geometry: Any) -> Any:
    to = Transformer.from_crs(32735, 4326, always_xy=True)
    return shapely.transform(geometry, to.transform, interleaved=False)


def field(col: float, row: float, width: float, height: float) -> Any:
    """A rectangle of pixels of the small world, from its upper left corner."""
    x, y = LEFT + 10 * col, TOP - 10 * row
    return degrees(box(x, y - 10 * height, x + 10 * width, y))


def pixel(col: float, row: float) -> Any:
    return degrees(Point(LEFT + 10 * col + 5, TOP - 10 * row - 5))


def labelled(*rows: tuple[Any, str, int, str]) -> Labels:
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(g)),
            "properties": {"class": name, "season": year, "field": group},
        }
        for g, name, year, group in rows
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    region = Region("the world", -180, -80, 180, 84)
    return read_labels(content, GEOJSON, region=region, today=date(2026, 1, 1))


LABELS = labelled(
    (field(2, 20, 10, 8), "maize", 2022, "a"),
    (field(18.3, 30.4, 9, 9), "soybean", 2022, "b"),
    (field(34, 50, 1, 1), "water", 2022, "c"),
    (pixel(40, 10), "water", 2022, "d"),
    (pixel(70, 75), "maize", 2022, "a"),
    (field(60, 60, 0.3, 0.3), "soybean", 2022, "e"),
)


@pytest.fixture
def extract(storage: Storage, access: Access, find: Find) -> Callable[..., tuple[Samples, Table]]:
    def extract_(
        job_id: str = "job", labels: Labels = LABELS, found: Find = find, **others: Any
    ) -> tuple[Samples, Table]:
        request = SampleRequest(labels, "small world", **others)
        made = extract_samples(job_id, request, find=found, storage=storage, access=access)
        content = storage.get(RESULTS, f"results/{job_id}/samples.parquet")
        return made, Table.from_parquet(content)

    return extract_


Extract = Callable[..., tuple[Samples, Table]]


@pytest.fixture
def mapped(storage: Storage, access: Access, find: Find) -> dict[tuple[int, int], Any]:
    """The features of each pixel of a map's cube, by the pixel's column and row in the small world."""
    request = Request(Aoi(30.2, -17.36, 560), Season(2022), "small world", 512, 6)
    planned = plan_features("map", CREATED, request, find, access)
    found: dict[tuple[int, int], Any] = {}
    for block in planned.blocks:
        grid = planned.grid.window(block)
        inside = np.ones(grid.shape, np.bool_)
        values = view(planned, block, inside, storage, access).features.values
        rows, cols = np.indices(grid.shape).reshape(2, -1)
        cols, rows = cols + (grid.left - LEFT) // 10, rows + (TOP - grid.top) // 10
        found |= dict(zip(zip(cols.tolist(), rows.tolist(), strict=True), values.T, strict=True))
    return found


def places(table: Table) -> list[tuple[int, int]]:
    to = Transformer.from_crs(4326, 32735, always_xy=True)
    x, y = to.transform(table.rows["lon"].to_numpy(), table.rows["lat"].to_numpy())
    found = zip((x - LEFT) / 10 - 0.5, (TOP - y) / 10 - 0.5, strict=True)
    return [(round(col), round(row)) for col, row in found]


def test_a_samples_features_are_those_of_its_pixel_in_a_maps_cube(
    extract: Extract, mapped: dict[tuple[int, int], Any], world: Any
) -> None:
    _, table = extract()
    values = np.stack([table.rows[name].to_numpy() for name in FEATURE_ORDER_V1], axis=1)
    assert len(values) > 40
    for place, row in zip(places(table), values, strict=True):
        assert row.tobytes() == mapped[place].tobytes()
    names = {1: "maize", 4: "soybean", 13: "water"}
    truth = [names[int(world.truth[row, col])] for col, row in places(table)]
    assert table.rows["class"].to_pylist() == truth


def test_pixels_are_those_a_pixel_inside_of_a_polygon_or_inside_at_all_or_none(
    extract: Extract,
) -> None:
    made, table = extract(per_field=100)
    rows = table.rows.to_pylist()
    found = list(zip(places(table), rows, strict=True))
    of = {c: {p for p, r in found if r["class"] == c} for c in ("maize", "soybean", "water")}
    # ten by eight pixels lose their outermost ring; a point is the pixel that it lies in
    assert of["maize"] == {(c, r) for c in range(3, 11) for r in range(21, 27)} | {(70, 75)}
    # the field begins at 18.3 and 30.4: centres from 19.5 and 31.5 lie a pixel inside
    assert of["soybean"] == {(c, r) for c in range(19, 26) for r in range(31, 38)}
    # nothing of a field of one pixel is a pixel inside: its centre counts
    assert of["water"] == {(34, 50), (40, 10)}
    assert made.report["labels_left_out"] == [{"row": 6, "reason": "no pixel's centre lies inside"}]


def test_no_more_pixels_of_a_field_than_asked_for_and_by_the_seed(extract: Extract) -> None:
    one, other, again = (
        places(extract(f"job-{i}", per_field=5, seed=seed)[1]) for i, seed in enumerate((1, 2, 1))
    )
    assert len(one) == len(other) == 5 + 5 + 1 + 1 + 1
    assert one == again != other


def test_what_is_drawn_of_a_field_does_not_depend_on_other_labels() -> None:
    (alone,) = gather(LABELS.labels[1:2])
    pixels = pixels_of(alone.labels, 32735, per_field=5, seed=1)
    whole = pixels_of(LABELS.labels, 32735, per_field=5, seed=1)
    mine = whole.labels == 2
    assert (whole.columns[mine] == pixels.columns).all()
    assert (whole.rows[mine] == pixels.rows).all()


def test_fields_keep_together_and_the_table_tells_where_it_comes_from(extract: Extract) -> None:
    made, table = extract(per_field=3)
    rows = table.rows.to_pylist()
    assert len({r["group"] for r in rows if r["class"] == "maize"}) == 1
    assert len({r["group"] for r in rows}) == 4
    assert [r["sample"] for r in rows] == list(range(len(rows)))
    assert all(len(r["scenes"]) == 40 for r in rows)
    assert {r["year"] for r in rows} == {2022}
    report = made.report
    assert report["samples"] == len(rows) == sum(c["samples"] for c in report["classes"])
    assert report["labels"] == {"sha256": LABELS.sha256, "count": 6}
    assert [s["epsg"] for s in report["sites"]] == [32735], "the zone of the tile, not of 30.2 E"
    assert report["table"]["sha256"] == made.files[0].sha256
    assert {f.key: f.file_name for f in made.files} == {
        "samples": "samples.parquet",
        "report": "report.json",
    }


def test_features_as_of_a_date_are_beside_those_of_the_whole_season(extract: Extract) -> None:
    made, table = extract(per_field=4, as_of=("01-31", "11-30"))
    assert table.as_of_dates == ("11-30", "01-31")
    assert made.report["as_of"] == ["11-30", "01-31"]
    alone = extract("alone", per_field=4)[1]
    assert np.array_equal(table.samples().features, alone.samples().features)
    cut = table.samples("01-31")
    assert (np.isfinite(cut.features) == known(15)).all()
    rows = table.rows.filter(pc.equal(table.rows["as_of"], "01-31"))
    assert max(rows["n_valid"].to_pylist()) <= 15


def test_tables_as_of_any_number_of_dekads_hold_what_their_dates_can_know(extract: Extract) -> None:
    ends = {10: 31, 11: 30, 12: 31, 1: 31, 2: 28, 3: 31, 4: 30, 5: 31}
    days = [f"{month:02}-{day}" for month in ends for day in (10, 20, ends[month])]
    _, table = extract(per_field=2, as_of=tuple(days[2:-1]))
    assert [dekads_of_as_of(as_of) for as_of in table.as_of_dates] == list(range(6, 27))
    for as_of in ("", *table.as_of_dates):
        told = np.isfinite(table.samples(as_of).features)
        assert (told == known(dekads_of_as_of(as_of))).all()


def test_steps_can_be_done_again_and_give_the_same_bytes(
    storage: Storage, access: Access, find: Find
) -> None:
    request = SampleRequest(LABELS, "small world", per_field=3, as_of=("12-31",))
    planned = plan_samples("job", CREATED, request, find, access, storage=storage)
    assert type(planned).from_json(planned.to_json()) == planned
    for site in planned.blocks:
        sample_block(planned, site, storage, access, attempt=2)
    first = finish_samples(planned, storage, attempts={s.name: 2 for s in planned.blocks})
    content = storage.get(RESULTS, "results/job/samples.parquet")
    for site in planned.blocks:
        sample_block(planned, site, storage, access)
    assert finish_samples(planned, storage) == first
    assert storage.get(RESULTS, "results/job/samples.parquet") == content
    again = plan_samples("job", CREATED, request, find, access, storage=storage)
    assert again.digest == planned.digest
    other = plan_samples("job", CREATED, replace(request, seed=2), find, access, storage=storage)
    assert other.digest != planned.digest


def test_more_rows_than_a_table_may_have_are_refused_before_any_pixel_is_read(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = extract("counted", per_field=3, as_of=("12-31",))[1].rows.num_rows
    monkeypatch.setattr(sample_plan, "MAX_ROWS", planned - 1)
    monkeypatch.setattr(samples, "sample_block", None)
    with pytest.raises(
        InvalidLabels, match=rf"give {planned} rows.* At most {planned - 1} .*per_f"
    ):
        extract(per_field=3, as_of=("12-31",))


def test_a_season_that_has_not_ended_gives_no_samples(
    storage: Storage, access: Access, find: Find
) -> None:
    request, last = SampleRequest(LABELS, "small world"), datetime(2023, 5, 31, tzinfo=UTC)
    with pytest.raises(InvalidLabels, match=r"of season 2022, which ends on 2023-05-31"):
        plan_samples("job", last, request, find, access, storage=storage)


def test_nothing_but_the_table_and_the_report_is_left(extract: Extract, storage: Storage) -> None:
    extract(per_field=1)
    names = {key.rpartition("/")[2] for key in storage.list(RESULTS, "results/job/")}
    assert names == {"samples.parquet", "report.json"}


def test_a_pixel_of_two_classes_is_no_sample_and_one_that_is_told_twice_is_one(
    extract: Extract,
) -> None:
    labels = labelled(
        (pixel(5, 5), "maize", 2022, ""),
        (pixel(5.2, 5.2), "maize", 2022, ""),
        (pixel(7, 7), "maize", 2022, ""),
        (pixel(7.2, 7.2), "soybean", 2022, ""),
    )
    made, table = extract(labels=labels)
    assert places(table) == [(5, 5)]
    assert [
        (x["row"], x["reason"].split(" another")[0]) for x in made.report["labels_left_out"]
    ] == [
        (2, "all of its pixels are those of"),
        (3, "its pixels are labelled otherwise by"),
        (4, "its pixels are labelled otherwise by"),
    ]


def test_a_season_or_a_place_without_scenes_is_left_out_and_told(
    extract: Extract, find: Find
) -> None:
    def sparse(aoi: Aoi, season: Season) -> Found:
        if season.year == 2021:
            raise InvalidSeason("There is no imagery of season 2021.")
        found = find(aoi, season)
        return Found((), ()) if aoi.lon > 31 else found

    far = (Point(31.5, -17.4), "maize", 2022, "")
    labels = labelled((pixel(5, 5), "maize", 2022, ""), (pixel(5, 5), "maize", 2021, ""), far)
    made, table = extract(labels=labels, found=sparse)
    assert table.rows.num_rows == 1
    assert {x["row"]: x["reason"][:40] for x in made.report["labels_left_out"]} == {
        2: "There is no imagery of season 2021.",
        3: "None of the 0 items found is a usable sc",
    }
    with pytest.raises(NoScenes, match="None of the 0 items"):
        extract("none", labels=labelled(far), found=sparse)


def test_labels_that_were_never_seen_clearly_are_told(extract: Extract, find: Find) -> None:
    def early(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:7], ())

    with pytest.raises(NothingClear, match=r"None of the \d+ labelled pixels was seen clearly"):
        extract(found=early)


def test_a_catalogue_that_does_not_answer_fails_the_job_for_another_try(extract: Extract) -> None:
    def silent(_aoi: Aoi, _season: Season) -> Found:
        raise CatalogUnavailable("The catalogue does not answer.")

    with pytest.raises(CatalogUnavailable):
        extract(found=silent)


def test_a_request_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidSeason, match="07-01"):
        SampleRequest(LABELS, "", as_of=("07-01",))
    with pytest.raises(ValueError, match="per_field"):
        SampleRequest(LABELS, "", per_field=0)
