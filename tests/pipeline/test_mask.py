"""A map against a land-cover baseline: masked where that was asked for, compared wherever there is one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio

from geocrop_processes.domain.legend import NOT_CROPLAND
from geocrop_processes.errors import NoBaseline, StorageUnavailable, UnusableBaseline
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.baselines import PREFIX
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.pipeline.block import BlockResult, map_block
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.pipeline.product import Product, finish
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import BASELINES, Storage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = f"{PREFIX}DW_Zim_agreement_2022.tif"
MASKED = 14
"""The first free code above water's 13."""
RequestOf = Callable[[int], Request]
Bytes = npt.NDArray[np.uint8]
Make = Callable[..., Product]
Planned = Callable[[str], Plan]
PutBaseline = Callable[[npt.NDArray[Any]], None]


@pytest.fixture
def cover(world: Any) -> Bytes:
    """Dynamic World's classes on the small world: crops but for a band of trees, one of water, one unknown."""
    cover = np.full(world.truth.shape, 4, np.uint8)
    cover[10:20] = 1
    cover[20:30] = 0
    cover[30:40] = 255
    return cover


@pytest.fixture
def put_baseline(storage: Storage, tmp_path: Path) -> PutBaseline:
    def put(pixels: npt.NDArray[Any]) -> None:
        path = tmp_path / "baseline.tif"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=pixels.shape[0],
            width=pixels.shape[1],
            count=1,
            dtype=pixels.dtype,
            nodata=255,
            crs="EPSG:32735",
            transform=(10, 0, 839_700, 0, -10, 8_078_200),
        ) as target:
            target.write(pixels, 1)
        storage.put_file(BASELINES, KEY, path, "image/tiff")

    return put


@pytest.fixture
def make(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> Make:
    def make_(mask: str, block_px: int = 4096, job_id: str = "job") -> Product:
        return classify(
            job_id,
            replace(request_of(block_px), mask=mask),
            model,
            find=find,
            storage=storage,
            access=access,
        )

    return make_


@pytest.fixture
def planned(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> Planned:
    return lambda mask: plan(
        "job", NOW, replace(request_of(64), mask=mask), model, find, access, storage=storage
    )


def _raster(product: Product, key: str = "class-map") -> Bytes:
    with rasterio.open(product.paths[key]) as source:
        pixels: Bytes = source.read()
        return pixels


def _seen(product: Product, cover: Bytes) -> Bytes:
    """The part of the cover that a product shows."""
    with rasterio.open(product.paths["class-map"]) as source:
        row = round((8_078_200 - source.transform.f) / 10)
        col = round((source.transform.c - 839_700) / 10)
        return cover[row : row + source.height, col : col + source.width]


def test_crops_where_the_baseline_shows_none_get_a_class_of_their_own_and_all_else_stays(
    make: Make, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover)
    plain, masked = make("none", job_id="plain"), make("cropland", job_id="masked")
    before, after = _raster(plain)[0], _raster(masked)[0]
    shown = _seen(plain, cover)
    taken = np.isin(before, (1, 4)) & np.isin(shown, (0, 1))
    assert taken.any()
    assert (before[shown == 0] == 13).any(), "water that is water stays water"
    assert (after == np.where(taken, MASKED, before)).all()
    assert (_raster(plain, "confidence") == _raster(masked, "confidence")).all()


@pytest.mark.parametrize("block_px", [16, 33])
def test_blocks_of_any_size_give_the_same_masked_bytes_and_the_same_comparison(
    block_px: int, make: Make, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover)
    whole, blocks = make("cropland", job_id="whole"), make("cropland", block_px, "blocks")
    assert whole.checksums["class-map"] == blocks.checksums["class-map"]
    assert whole.summary["baseline"] == blocks.summary["baseline"]


def test_without_a_mask_a_baseline_changes_no_byte_of_the_map_and_no_digest(
    make: Make,
    planned: Planned,
    cover: Bytes,
    put_baseline: PutBaseline,
) -> None:
    without, digest = make("none", job_id="without"), planned("none").digest
    assert without.summary["baseline"] is None
    put_baseline(cover)
    beside = make("none", job_id="beside")
    for key in ("class-map", "confidence", "style", "class-names", "quicklook"):
        assert without.checksums[key] == beside.checksums[key]
    assert planned("none").digest == digest
    assert beside.summary["mask"] == "none"
    assert beside.summary["baseline"] is not None


def test_the_comparison_counts_both_before_the_mask(
    make: Make, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover)
    plain, masked = make("none", job_id="plain"), make("cropland", job_id="masked")
    told = plain.summary["baseline"]
    assert masked.summary["baseline"] == told
    classes, shown = _raster(plain)[0], _seen(plain, cover)
    compared = (classes != 0) & (shown != 255)
    in_map, in_baseline = np.isin(classes, (1, 4))[compared], (shown == 4)[compared]
    assert told == {
        "kind": "agreement",
        "keys": [KEY],
        "compared_hectares": round(compared.sum() / 100, 2),
        "agreement": round(float((in_map == in_baseline).mean()), 4),
        "map_cropland_hectares": round(in_map.sum() / 100, 2),
        "baseline_cropland_hectares": round(in_baseline.sum() / 100, 2),
    }


def test_the_class_is_in_the_products_legend_everywhere_and_never_in_the_models(
    make: Make, model: RegisteredModel, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover)
    product = make("cropland")
    row = product.summary["classes"][-1]
    assert (row["code"], row["name"]) == (MASKED, NOT_CROPLAND)
    assert row["hectares"] == round(int((_raster(product) == MASKED).sum()) / 100, 2) > 0
    assert row["mean_probability"] is None
    assert product.summary["mask"] == "cropland"
    with rasterio.open(product.paths["class-map"]) as source:
        assert source.colormap(1)[MASKED] == (0xE8, 0xDC, 0xC8, 255)
        assert source.tags(1)[f"CLASS_{MASKED}"] == NOT_CROPLAND
        assert json.loads(source.tags()["LEGEND"])[-1]["name"] == NOT_CROPLAND
        assert source.tags()["MASK"] == "cropland"
        assert source.tags()["BASELINE"] == KEY
    assert f'label="{NOT_CROPLAND}"' in Path(product.paths["style"]).read_text()
    assert NOT_CROPLAND in Path(product.paths["class-names"]).read_text()
    item = json.loads(Path(product.paths["item"]).read_text())
    classes = item["assets"]["class-map"]["classification:classes"]
    assert [c["value"] for c in classes] == [0, 1, 4, 13, MASKED]
    by_model = item["properties"]["mlm:output"][0]["classification:classes"]
    assert [c["value"] for c in by_model] == [1, 4, 13]
    assert item["properties"]["geocrop:mask"] == "cropland"
    assert list(item["properties"]["geocrop:baseline"]["files"]) == [KEY]
    assert "masked" in item["properties"]["processing:lineage"]
    assert model.card.legend.codes == (1, 4, 13)


def test_the_digest_of_a_masked_map_tells_the_mask_and_the_baselines_content(
    planned: Planned, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover)
    first = planned("cropland")
    assert planned("cropland").digest == first.digest != planned("none").digest
    assert Plan.from_json(first.to_json()) == first
    put_baseline(np.where(cover == 0, 7, cover).astype(np.uint8))
    assert planned("cropland").digest != first.digest


def test_finishing_a_masked_map_twice_gives_the_same_bytes(
    planned: Planned,
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    cover: Bytes,
    put_baseline: PutBaseline,
) -> None:
    put_baseline(cover)
    decided = planned("cropland")

    def product() -> Product:
        for block in decided.blocks:
            map_block(decided, block, model, storage, access)
        return finish(decided, model, storage)

    assert product() == product()


def test_a_mask_without_a_baseline_of_the_season_is_refused_with_the_seasons_there_are(
    make: Make, storage: Storage, cover: Bytes, put_baseline: PutBaseline
) -> None:
    with pytest.raises(NoBaseline, match=r"baseline of season 2022 here .* baseline are: none yet"):
        make("cropland")
    put_baseline(cover)
    for year in (2020, 2021):
        key = f"{PREFIX}agreement_{year}.tif"
        storage.put(BASELINES, key, storage.get(BASELINES, KEY), "image/tiff")
    storage.delete(BASELINES, KEY)
    with pytest.raises(NoBaseline, match="seasons with a baseline are: 2020, 2021"):
        make("cropland")


def test_a_baseline_that_is_no_raster_of_codes_fails_a_mask_and_nothing_else(
    planned: Planned, cover: Bytes, put_baseline: PutBaseline
) -> None:
    put_baseline(cover.astype(np.float32))
    with pytest.raises(UnusableBaseline, match="float32"):
        planned("cropland")
    assert planned("none").check is None


def test_a_baseline_that_vanishes_meanwhile_fails_the_block(
    planned: Planned,
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    cover: Bytes,
    put_baseline: PutBaseline,
) -> None:
    put_baseline(cover)
    decided = planned("cropland")
    storage.delete(BASELINES, KEY)
    with pytest.raises(StorageUnavailable, match=r"baseline .* cannot be read"):
        map_block(decided, decided.blocks[0], model, storage, access)


def test_real_land_cover_is_not_laid_on_simulated_scenes(
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: RequestOf,
    find: Find,
    cover: Bytes,
    put_baseline: PutBaseline,
) -> None:
    put_baseline(cover)

    def simulated(*asked: Any) -> Found:
        return Found(tuple(replace(s, simulated=True) for s in find(*asked).scenes), ())

    asked = replace(request_of(64), mask="cropland")
    with pytest.raises(NoBaseline, match="no simulated land-cover baseline"):
        plan("job", NOW, asked, model, simulated, access, storage=storage)


def test_an_unknown_mask_is_no_request(request_of: RequestOf) -> None:
    with pytest.raises(ValueError, match="one of none, cropland, not 'trees'"):
        replace(request_of(64), mask="trees")


def test_a_checkpoint_keeps_the_comparison() -> None:
    result = BlockResult(
        np.zeros((2, 2), np.uint8),
        np.zeros((5, 2, 2), np.uint8),
        (),
        (),
        "library: it is so",
        Comparison(1, 2, 3, 4),
    )
    again = BlockResult.from_bytes(result.to_bytes())
    assert (again.compared, again.engine) == (result.compared, result.engine)
