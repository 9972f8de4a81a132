import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NothingClear, StorageUnavailable, TooFewScenes
from geocrop_processes.features import bands
from geocrop_processes.imagery import cube
from geocrop_processes.imagery.access import Access, read_window
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import BandFile, Scene
from geocrop_processes.pipeline.block import map_block
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Find, Request, plan
from geocrop_processes.pipeline.product import Product, finish
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import RESULTS, Storage

RequestOf = Callable[[int], Request]
Make = Callable[..., Product]


@pytest.fixture
def make(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> Make:
    def make_(
        block_px: int = 64, job_id: str = "job", found: Find = find, threads: int = 1
    ) -> Product:
        return classify(
            job_id,
            request_of(block_px),
            model,
            find=found,
            storage=storage,
            access=access,
            threads=threads,
        )

    return make_


def _rasters(product: Product) -> tuple[bytes, bytes]:
    return Path(product.paths["class-map"]).read_bytes(), Path(
        product.paths["confidence"]
    ).read_bytes()


def test_the_map_is_a_valid_cog_that_meets_the_truth_inside_the_circle(
    make: Make, world: Any
) -> None:
    product = make()
    assert cog_validate(product.paths["class-map"], strict=True)[0]
    assert cog_validate(product.paths["confidence"], strict=True)[0]
    with rasterio.open(product.paths["class-map"]) as source:
        classes = source.read(1)
        left, top = source.transform.c, source.transform.f
    row, col = round((8_078_200 - top) / 10), round((left - 839_700) / 10)
    truth = world.truth[row : row + classes.shape[0], col : col + classes.shape[1]]
    mapped = classes != 0
    assert (classes[mapped] == truth[mapped]).mean() > 0.95
    y, x = np.indices(classes.shape)
    assert mapped.sum() == pytest.approx(np.pi * 30**2, rel=0.02)
    assert not mapped[(x < 2) & (y < 2)].any()


@pytest.mark.parametrize("block_px", [16, 33, 100])
def test_blocks_of_any_size_give_the_same_bytes_as_the_map_at_once(
    block_px: int, make: Make
) -> None:
    assert _rasters(make(block_px, "blocks", threads=2)) == _rasters(make(4096, "whole"))


def test_shuffled_scenes_give_the_same_bytes(make: Make, find: Find) -> None:
    def shuffled(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found(
            tuple(scenes[i] for i in np.random.default_rng(5).permutation(len(scenes))), ()
        )

    assert _rasters(make(64, "shuffled", shuffled)) == _rasters(make())


def test_the_product_is_whole_and_its_item_names_what_it_came_from(
    make: Make, storage: Storage
) -> None:
    product = make()
    keys = storage.list(RESULTS, "results/job/")
    assert {k.rpartition("/")[2] for k in keys} >= {
        "class-map.tif",
        "confidence.tif",
        "class-map.qml",
        "summary.json",
        "quicklook.png",
        "item.json",
    }
    assert not [k for k in keys if "/blocks/" in k]
    item = json.loads(storage.get(RESULTS, "results/job/item.json"))
    assert len(item["properties"]["geocrop:source_scenes"]) == 40
    assert item["assets"]["class-map"]["file:checksum"] == "1220" + product.checksums["class-map"]
    summary = json.loads(storage.get(RESULTS, "results/job/summary.json"))
    assert summary == product.summary
    assert sum(row["hectares"] for row in summary["classes"]) == pytest.approx(
        np.pi * 0.3**2 * 100, rel=0.02
    )


def test_progress_rises_from_0_to_1(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> None:
    told: list[float] = []
    classify(
        "job",
        request_of(33),
        model,
        find=find,
        storage=storage,
        access=access,
        progress=lambda share, _message: told.append(share),
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(told) > 5


def test_blocks_and_finish_can_be_done_again_and_give_the_same_bytes(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> None:
    planned = plan(
        "job",
        datetime(2026, 1, 1, tzinfo=UTC),
        request_of(64),
        model,
        find,
        access,
        storage=storage,
    )

    def stored() -> dict[str, bytes]:
        return {key: storage.get(RESULTS, key) for key in storage.list(RESULTS, "results/job/")}

    for block in planned.blocks:
        map_block(planned, block, model, storage, access)
    product = finish(planned, model, storage)
    first = stored()
    assert finish(planned, model, storage) == product
    assert stored() == first
    map_block(planned, planned.blocks[0], model, storage, access)
    assert stored() == first


def test_a_job_that_fails_leaves_nothing_behind(make: Make, storage: Storage, find: Find) -> None:
    def early(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:7], ())

    with pytest.raises(NothingClear):
        make(64, "early", early)
    assert storage.list(RESULTS, "results/early/") == []


def test_a_scene_without_a_clear_view_of_the_place_is_not_called_used(
    make: Make, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudy = find(Aoi(30.2, -17.36, 300), Season(2022)).scenes[3]
    classes = cloudy.files["SCL"]
    real = read_window

    def all_cloud(file: BandFile, window: tuple[slice, slice]) -> Any:
        pixels = real(file, window)
        if file == classes:
            pixels[:] = 9
        return pixels

    monkeypatch.setattr(cube, "read_window", all_cloud)
    summary = make().summary
    assert cloudy.key not in summary["scenes_used"]
    (reason,) = (s["reason"] for s in summary["scenes_left_out"] if s["title"] == cloudy.key)
    assert "Nothing clear of the place" in reason


def test_a_missing_block_is_no_product(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> None:
    planned = plan(
        "job",
        datetime(2026, 1, 1, tzinfo=UTC),
        request_of(64),
        model,
        find,
        access,
        storage=storage,
    )
    with pytest.raises(StorageUnavailable, match="blocks"):
        finish(planned, model, storage)


def _broken(scene: Scene, band: str) -> Scene:
    file = scene.files[band]
    absent = BandFile(file.href + ".absent", file.pixel_m, file.left, file.top, file.shape)
    return replace(scene, files={**scene.files, band: absent})


@pytest.mark.usefixtures("_no_waiting")
def test_a_scene_that_cannot_be_read_is_left_out_and_named(make: Make, find: Find) -> None:
    def one_broken(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found((*scenes[:-1], _broken(scenes[-1], "B11")), ())

    def without_it(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:-1], ())

    product = make(4096, "broken", one_broken)
    (left_out,) = product.summary["scenes_left_out"]
    assert left_out["title"] == "S2A_35KRA_20230522_39_L2A"
    assert "B11.tif.absent" in left_out["reason"]
    assert "(in 1 of 1 blocks)" in left_out["reason"]
    assert left_out["title"] not in product.summary["scenes_used"]
    with (
        rasterio.open(product.paths["class-map"]) as broken,
        rasterio.open(make(64, "without", without_it).paths["class-map"]) as without,
    ):
        assert (broken.read() == without.read()).all()


@pytest.mark.usefixtures("_no_waiting")
def test_too_many_unreadable_scenes_fail_the_job(make: Make, find: Find) -> None:
    def most_broken(aoi: Aoi, season: Season) -> Found:
        scenes = find(aoi, season).scenes
        return Found((*scenes[:5], *(_broken(s, "B11") for s in scenes[5:])), ())

    with pytest.raises(
        TooFewScenes, match=r"Only \d+ acquisitions can be used, a map needs 6. .*B11.tif.absent"
    ):
        make(4096, "broken", most_broken)


def test_a_sky_without_a_clear_view_gives_no_map_but_a_reason(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "_IS_CLEAR", np.zeros(256, bool))
    with pytest.raises(
        NothingClear, match=r"None of the \d+ pixels was seen clearly in at least 6 dekads"
    ):
        make()


def test_a_season_that_has_just_begun_gives_no_map_but_a_reason(make: Make, find: Find) -> None:
    def early(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:7], ())

    with pytest.raises(NothingClear, match=r"2022-09-01\.\.2023-05-31"):
        make(64, "early", early)
