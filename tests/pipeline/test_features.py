"""A raster of features: the bands are the features, the same for any cut into blocks, with where they come from."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NothingClear, StorageUnavailable
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.plain import compute_plain
from geocrop_processes.features.until import known
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.pipeline.features import (
    FeatureRaster,
    extract_features,
    features_block,
    finish_features,
    plan_features,
)
from geocrop_processes.pipeline.plan import Find, Request
from geocrop_processes.publish.feature_cog import write_features
from geocrop_processes.publish.feature_item import EXTENSIONS
from geocrop_processes.storage import RESULTS, Storage

SITE = "https://stac-extensions.github.io/"
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
Make = Callable[..., FeatureRaster]


@pytest.fixture
def make(
    storage: Storage, access: Access, request_of: Callable[[int], Request], find: Find
) -> Make:
    def make_(block_px: int = 64, job_id: str = "job", found: Find = find) -> FeatureRaster:
        return extract_features(
            job_id, request_of(block_px), find=found, storage=storage, access=access, threads=2
        )

    return make_


def test_the_bands_are_the_features_of_the_pixels_in_the_circle(
    make: Make, find: Find, access: Access, request_of: Callable[[int], Request]
) -> None:
    """Against the plain functions, at some pixels."""
    made = make()
    assert cog_validate(made.paths["features"], strict=True) == (True, [], [])
    planned = plan_features("plan", CREATED, request_of(64), find, access)
    inside = planned.grid.inside(planned.request.aoi)
    with rasterio.open(made.paths["features"]) as source:
        assert source.descriptions == FEATURE_ORDER_V1
        assert set(source.dtypes) == {"float32"}
        assert np.isnan(source.nodata)
        assert source.profile["compress"] == "deflate"
        assert source.tags()["FEATURES"] == FINGERPRINT
        assert source.crs.to_epsg() == planned.grid.epsg
        assert source.transform == planned.grid.transform
        values = source.read()
    assert np.isfinite(values[0]).sum() > 0.95 * inside.sum()
    assert np.isnan(values[:, ~inside]).all()
    cube = read_cube(planned.acquisitions, planned.grid, inside, access).cube.values
    rows, cols = (index[::97] for index in np.nonzero(inside))
    pixels = cube[:, :, rows, cols]
    days = [a.day for a in planned.acquisitions]
    plain = compute_plain(pixels[:, :-1], pixels[:, -1].astype(np.uint8), days)
    assert np.array_equal(values[:, rows, cols], plain.values, equal_nan=True)


def test_blocks_of_any_size_give_the_same_bytes(make: Make) -> None:
    one, other = (Path(make(px, f"job-{px}").paths["features"]).read_bytes() for px in (33, 4096))
    assert one == other


def test_steps_can_be_done_again_and_give_the_same_bytes(
    storage: Storage, access: Access, request_of: Callable[[int], Request], find: Find
) -> None:
    planned = plan_features("job", CREATED, request_of(64), find, access)
    with pytest.raises(StorageUnavailable, match="blocks"):
        finish_features(planned, storage)
    for block in planned.blocks:
        features_block(planned, block, storage, access, attempt=3)
    attempts = {block.name: 3 for block in planned.blocks}
    first = finish_features(planned, storage, attempts=attempts)
    content = {
        file.key: storage.get(RESULTS, f"results/job/{file.file_name}") for file in first.files
    }
    assert finish_features(planned, storage, attempts=attempts) == first
    assert content == {
        file.key: storage.get(RESULTS, f"results/job/{file.file_name}") for file in first.files
    }


def test_the_item_is_valid_and_tells_bands_and_scenes(
    make: Make, storage: Storage, shared: Path
) -> None:
    made = make()
    document = json.loads(storage.get(RESULTS, "results/job/item.json"))
    validator = JsonSchemaSTACValidator()
    for uri in EXTENSIONS:
        path = shared / "data" / "stac_schemas" / uri.removeprefix(SITE)
        validator.schema_cache[uri] = json.loads(path.read_text(encoding="utf-8"))
    pystac.validation.validate_dict(document, validator=validator)
    asset = document["assets"]["features"]
    assert [band["name"] for band in asset["bands"]] == list(FEATURE_ORDER_V1)
    assert len(asset["raster:bands"]) == 51
    assert asset["file:checksum"] == "1220" + made.files[0].sha256
    properties = document["properties"]
    assert properties["geocrop:feature_fingerprint"] == FINGERPRINT
    assert len(properties["geocrop:source_scenes"]) == 40
    assert properties["geocrop:simulated"] is False
    assert pystac.Item.from_dict(document).id == "job"


def test_as_of_a_date_no_feature_tells_of_days_after_it(
    storage: Storage, access: Access, request_of: Callable[[int], Request], find: Find
) -> None:
    within = replace(request_of(4096), season=Season(2022, date(2023, 1, 31)))
    made = extract_features("within", within, find=find, storage=storage, access=access)
    with rasterio.open(made.paths["features"]) as source:
        told = np.isfinite(source.read()).any(axis=(1, 2))
    assert (told == known(15)).all()
    season = json.loads(storage.get(RESULTS, "results/within/item.json"))["properties"]
    assert season["geocrop:season"]["as_of"] == "01-31"


def test_nothing_clear_is_no_raster_and_leaves_nothing(
    make: Make, find: Find, storage: Storage
) -> None:
    def early(aoi: Aoi, season: Season) -> Found:
        return Found(find(aoi, season).scenes[:7], ())

    with pytest.raises(NothingClear, match="No pixel was seen clearly in at least 6 dekads"):
        make(64, "early", early)
    assert storage.list(RESULTS, "results/early/") == []


def test_pixels_of_another_shape_are_no_features(
    tmp_path: Path, request_of: Any, find: Find, access: Access
) -> None:
    planned = plan_features("job", CREATED, request_of(64), find, access)
    block = planned.blocks[0]
    wrong = np.zeros((51, 1, 1), np.float32)
    with pytest.raises(ValueError, match=r"float32 \(51, 1, 1\)"):
        write_features(tmp_path / "x.tif", planned.grid, [(block, wrong)], {})
    assert not (tmp_path / "x.tif").exists()
