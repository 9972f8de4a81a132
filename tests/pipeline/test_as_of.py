"""Maps within a season: what comes after the as-of date is not seen, and the map says so."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import TooFewScenes, UnusableModel
from geocrop_processes.features.plain import compute_plain
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.pipeline.product import Product
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

AS_OF = date(2023, 3, 5)
"""Eighteen dekads have ended by it: to the end of February."""
WITHIN = Season(2022, AS_OF)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)

Make = Callable[..., Product]


@pytest.fixture
def make(
    model_within: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: Callable[[int], Request],
    find: Find,
) -> Make:
    def make_(job_id: str, block_px: int = 64, found: Find = find, **options: Any) -> Product:
        asked = replace(request_of(block_px), season=WITHIN, **options)
        return classify(job_id, asked, model_within, find=found, storage=storage, access=access)

    return make_


def _rasters(product: Product) -> list[bytes]:
    return [Path(product.paths[key]).read_bytes() for key in ("class-map", "confidence")]


def _read(product: Product, key: str) -> Any:
    with rasterio.open(product.paths[key]) as source:
        return source.read()


def test_the_map_is_that_of_the_dekads_that_have_ended_and_meets_the_truth(
    make: Make,
    model_within: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: Callable[[int], Request],
    find: Find,
    world: Any,
) -> None:
    product = make("within")

    planned = _planned(model_within, storage, access, request_of(64), find)
    inside = planned.grid.inside(planned.request.aoi)
    every = _planned(
        replace(model_within, as_of=""), storage, access, request_of(64), find, whole=True
    )
    seen = read_cube(every.acquisitions, planned.grid, inside, access).cube.values
    days = [a.day for a in every.acquisitions]
    plain = compute_plain(seen[:, :-1], seen[:, -1].astype(np.uint8), days, 18)
    known = inside & (plain.n_valid >= 6)
    expected = np.zeros(inside.shape, np.uint8)
    expected[known] = model_within.ensemble.predict(np.ascontiguousarray(plain.values[:, known].T))
    classes = _read(product, "class-map")[0]
    np.testing.assert_array_equal(classes, expected)
    confidence = _read(product, "confidence")
    np.testing.assert_array_equal(confidence[3][inside], plain.n_valid[inside])
    assert confidence[3][inside].max() <= 18
    np.testing.assert_array_equal(confidence[4][inside], plain.max_gap_days[inside])
    assert (confidence[:, ~inside] == 255).all()
    assert (classes[~inside] == 0).all()
    row, col = (
        round((8_078_200 - planned.grid.top) / 10),
        round((planned.grid.left - 839_700) / 10),
    )
    height, width = classes.shape
    truth = world.truth[row : row + height, col : col + width]
    assert (classes[known] == truth[known]).mean() > 0.95


def _planned(
    model_within: RegisteredModel,
    storage: Storage,
    access: Access,
    asked: Request,
    find: Find,
    *,
    whole: bool = False,
) -> Plan:
    asked = asked if whole else replace(asked, season=WITHIN)
    return plan("job", CREATED, asked, model_within, find, access, storage=storage)


def test_blocks_of_any_size_give_the_same_bytes(make: Make) -> None:
    whole = _rasters(make("whole", 4096))

    assert _rasters(make("small", 33)) == whole
    assert _rasters(make("kept", 33, keep_features=True)) == whole
    assert _rasters(make("kept again", 33, keep_features=True)) == whole


def test_a_scene_after_the_date_or_of_an_unfinished_dekad_changes_nothing(
    make: Make, find: Find
) -> None:
    def without(aoi: Aoi, season: Season) -> Found:
        counted = [s for s in find(aoi, season).scenes if s.solar_day(aoi.lon) <= date(2023, 2, 28)]
        return Found(tuple(counted), ())

    product = make("all")
    alone = make("alone", found=without)

    assert len(product.summary["scenes_left_out"]) == 13
    assert alone.summary["scenes_left_out"] == []
    assert _rasters(alone) == _rasters(product)
    reasons = [scene["reason"] for scene in product.summary["scenes_left_out"]]
    assert "has not ended by 2023-03-05" in reasons[0]
    assert all("outside the season" in reason for reason in reasons[1:])


def test_the_product_says_as_of_which_date_it_is(make: Make) -> None:
    product = make("told")

    item = json.loads(Path(product.paths["item"]).read_text())
    expected = {
        "year": 2022,
        "start": "2022-09-01",
        "end": "2023-03-05",
        "as_of": "2023-03-05",
        "dekads": 18,
    }
    assert item["properties"]["geocrop:season"] == product.summary["season"] == expected
    assert item["properties"]["title"] == "Crop map 2022/23 as of 2023-03-05"
    assert item["properties"]["end_datetime"] == "2023-03-05T23:59:59Z"
    for key in ("class-map", "confidence"):
        with rasterio.open(product.paths[key]) as source:
            assert source.tags()["AS_OF"] == "2023-03-05"


def test_a_map_of_the_whole_season_is_told_apart_from_one_within_it(
    model_within: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: Callable[[int], Request],
    find: Find,
) -> None:
    whole = replace(model_within, as_of="")
    planned = _planned(model_within, storage, access, request_of(64), find)

    assert Plan.from_json(planned.to_json()) == planned
    assert (
        planned.digest != _planned(whole, storage, access, request_of(64), find, whole=True).digest
    )


@pytest.mark.parametrize(
    ("loaded", "asked"), [("", WITHIN), ("02-28", WITHIN), ("03-05", Season(2022))]
)
def test_a_model_of_another_date_is_refused(
    loaded: str,
    asked: Season,
    model_within: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: Callable[[int], Request],
    find: Find,
) -> None:
    request = replace(request_of(64), season=asked)

    with pytest.raises(UnusableModel, match="was loaded for"):
        plan(
            "job",
            CREATED,
            request,
            replace(model_within, as_of=loaded),
            find,
            access,
            storage=storage,
        )


def test_a_date_by_which_too_little_was_seen_is_told(make: Make, find: Find) -> None:
    def late(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[24:], ())

    with pytest.raises(TooFewScenes, match=r"a map needs 6.*has not ended by"):
        make("late", found=late)
