from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NoScenes, TooFewScenes, UnusableModel
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import BandFile, LeftOut, Scene
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RequestOf = Callable[[int], Request]


@pytest.fixture
def planned(
    request_of: RequestOf, model: RegisteredModel, find: Find, access: Access, storage: Storage
) -> Plan:
    return plan("job", NOW, request_of(64), model, find, access, storage=storage)


def test_a_plan_travels_as_json(planned: Plan) -> None:
    assert Plan.from_json(planned.to_json()) == planned


def test_the_grid_lies_in_the_zone_of_the_tile_and_blocks_along_its_lines(planned: Plan) -> None:
    assert planned.grid.epsg == 32735
    assert planned.anchor == (839_700, 8_078_200)
    for block in planned.blocks:
        assert block.row == 0 or (planned.grid.window(block).top - planned.anchor[1]) % 640 == 0


def test_the_digest_tells_what_decides_the_pixels_and_nothing_else(
    planned: Plan,
    request_of: RequestOf,
    model: RegisteredModel,
    find: Find,
    access: Access,
    storage: Storage,
) -> None:
    def digest(request: Request, chosen: RegisteredModel, found: Find) -> str:
        return plan("other", NOW, request, chosen, found, access, storage=storage).digest

    def shuffled(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found(
            tuple(scenes[i] for i in np.random.default_rng(1).permutation(len(scenes))), ()
        )

    def fewer(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[1:], ())

    assert digest(request_of(64), model, find) == planned.digest
    assert digest(request_of(100), model, find) == planned.digest
    assert digest(replace(request_of(64), catalog_url="elsewhere"), model, find) == planned.digest
    same = replace(request_of(64), aoi=replace(request_of(64).aoi, radius_m=300.0))
    assert digest(same, model, find) == planned.digest
    assert digest(request_of(64), model, shuffled) == planned.digest
    assert digest(request_of(64), model, fewer) != planned.digest
    assert digest(request_of(64), replace(model, version="2"), find) != planned.digest
    smaller = replace(request_of(64), aoi=replace(request_of(64).aoi, radius_m=200))
    assert digest(smaller, model, find) != planned.digest


def test_a_model_of_other_features_is_refused(
    request_of: RequestOf, model: RegisteredModel, find: Find, access: Access, storage: Storage
) -> None:
    other = replace(model, card=replace(model.card, fingerprint="sha256:0"))
    with pytest.raises(UnusableModel, match="stripes@1 was trained on features sha256:0"):
        plan("job", NOW, request_of(64), other, find, access, storage=storage)


def test_too_few_acquisitions_fail_with_the_reasons(
    request_of: RequestOf, model: RegisteredModel, find: Find, access: Access, storage: Storage
) -> None:
    def few(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:4], (LeftOut("S2A_X", "It has no B04."),))

    with pytest.raises(
        TooFewScenes, match=r"Only 4 acquisitions can be used, a map needs 6. S2A_X: It has no B04"
    ):
        plan("job", NOW, request_of(64), model, few, access, storage=storage)


def test_items_that_are_all_unusable_are_no_scenes(
    request_of: RequestOf, model: RegisteredModel, access: Access, storage: Storage
) -> None:
    with pytest.raises(NoScenes, match="None of the 1 items found is a usable scene"):
        plan(
            "job",
            NOW,
            request_of(64),
            model,
            lambda _a, _s: Found((), (LeftOut("x", "y"),)),
            access,
            storage=storage,
        )


def test_a_scene_whose_solar_day_lies_beyond_the_season_is_left_out_and_named(
    request_of: RequestOf,
    model: RegisteredModel,
    find: Find,
    access: Access,
    storage: Storage,
) -> None:
    """In UTC it is still the last of May; by the sun it is June where the place lies."""
    late = datetime(2023, 5, 31, 23, 0, tzinfo=UTC)

    def with_late(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found((*scenes, replace(scenes[0], key="S2A_LATE", acquired=late)), ())

    planned = plan("job", NOW, request_of(64), model, with_late, access, storage=storage)
    assert [s.key for s in planned.left_out] == ["S2A_LATE"]
    assert "outside the season" in planned.left_out[0].reason


def _in_tile(scene: Scene, tile: str, epsg: int, left: float, top: float) -> Scene:
    file = BandFile("absent.tif", 10, left, top, (1000, 1000))
    return replace(
        scene,
        key=f"{scene.key}-{tile}",
        tile=tile,
        epsg=epsg,
        files=dict.fromkeys(scene.files, file),
    )


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize(
    ("left_36", "top_36", "epsg"),
    [(199_980, 8_083_000, 32735), (198_000, 8_083_000, 32735), (202_500, 8_083_000, 32735)],
)
def test_the_zone_is_that_of_the_tile_that_covers_most_and_of_the_first_by_name_in_a_tie(
    left_36: float,
    top_36: float,
    epsg: int,
    request_of: RequestOf,
    model: RegisteredModel,
    find: Find,
    access: Access,
    storage: Storage,
) -> None:
    def two_tiles(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found((*(_in_tile(s, "36KTF", 32736, left_36, top_36) for s in scenes), *scenes), ())

    assert (
        plan("job", NOW, request_of(64), model, two_tiles, access, storage=storage).grid.epsg
        == epsg
    )


@pytest.mark.usefixtures("_no_waiting")
def test_a_tile_that_reaches_farther_wins_over_the_first_by_name(
    request_of: RequestOf, model: RegisteredModel, find: Find, access: Access, storage: Storage
) -> None:
    wide = replace(request_of(64), aoi=Aoi(30.2, -17.36, 900))

    def two_tiles(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found(
            (*(_in_tile(s, "36KTF", 32736, 199_980, 8_083_000) for s in scenes), *scenes), ()
        )

    planned = plan("job", NOW, wide, model, two_tiles, access, storage=storage)
    assert planned.grid.epsg == 32736
    assert {s.key.partition("-")[2] for s in planned.scenes} == {""}, (
        "unreadable copies are left out"
    )
