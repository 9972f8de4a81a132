"""Baselines in storage: found by season, read at exact pixel centres, in a folder and on S3's terms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.warp import reproject

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import StorageUnavailable, UnusableBaseline
from geocrop_processes.imagery.baselines import (
    PREFIX,
    UNKNOWN,
    Baseline,
    BaselineFile,
    find_baseline,
    read_baseline,
    seasons,
)
from geocrop_processes.storage import BASELINES, Storage

GRID = Grid(32736, 203_000, 8_078_000, 40, 30)
SEASON = Season(2022)
DEGREES = Affine(0.0001, 0, 30.195, 0, -0.0001, -17.35)
"""About 11 m, as Earth Engine exports in degrees have."""
Put = Callable[..., str]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    store = Storage(str(tmp_path / "store"))
    store.ensure_buckets()
    return store


@pytest.fixture
def put(storage: Storage, tmp_path: Path) -> Put:
    """Stores a raster under a name; its key."""

    def put_(name: str, pixels: npt.NDArray[Any], **profile: Any) -> str:
        path = tmp_path / "raster.tif"
        about: dict[str, Any] = {
            "crs": f"EPSG:{GRID.epsg}",
            "transform": GRID.transform,
            "nodata": 255,
            **profile,
        }
        tags = about.pop("tags", {})
        height, width = pixels.shape
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=height,
            width=width,
            count=1,
            dtype=pixels.dtype,
            **about,
        ) as target:
            target.write(pixels, 1)
            target.update_tags(**tags)
        storage.put_file(BASELINES, PREFIX + name, path, "image/tiff")
        return PREFIX + name

    return put_


def _cover(shape: tuple[int, int] = GRID.shape, seed: int = 1) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 9, shape).astype(np.uint8)


def _of(*keys: str) -> Baseline:
    return Baseline("agreement", tuple(BaselineFile(key, "any") for key in keys))


def _found(storage: Storage, year: int = 2022) -> Baseline | None:
    return find_baseline(storage, Season(year), GRID, simulated=False)


@pytest.mark.parametrize(
    ("name", "year", "kind"),
    [
        ("agreement_2022.tif", 2022, "agreement"),
        ("DW_Zim_Agreement_2022_2023.tif", 2022, "agreement"),
        ("2021/dw-highest_conf.tiff", 2021, "highest_conf"),
        ("HighestConf-2023-0000000000-0000000512.tif", 2023, "highest_conf"),
    ],
)
def test_season_and_composite_are_told_by_the_name(
    name: str, year: int, kind: str, put: Put, storage: Storage
) -> None:
    key = put(name, _cover())
    assert seasons(storage) == [year]
    found = _found(storage, year)
    assert found is not None
    assert (found.kind, [f.key for f in found.files]) == (kind, [key])
    assert found.files[0].version == storage.version(BASELINES, key)
    assert _found(storage, year + 1) is None


@pytest.mark.parametrize(
    "name", ["agreement.tif", "mode_2022.tif", "agreement_2022.txt", "agreement_12022.tif"]
)
def test_other_files_are_no_baselines(name: str, put: Put, storage: Storage) -> None:
    put(name, _cover())
    assert seasons(storage) == []
    assert _found(storage) is None


def test_agreement_goes_before_the_highest_confidence(put: Put, storage: Storage) -> None:
    put("a_highest_conf_2022.tif", _cover())
    key = put("b_agreement_2022.tif", _cover())
    found = _found(storage)
    assert found is not None
    assert [f.key for f in found.files] == [key]


def test_a_file_of_another_place_is_passed_over(put: Put, storage: Storage) -> None:
    put("agreement_2022_south.tif", _cover(), transform=Affine(10, 0, 203_000, 0, -10, 8_000_000))
    assert _found(storage) is None
    key = put("highest_conf_2022.tif", _cover())
    found = _found(storage)
    assert found is not None
    assert [f.key for f in found.files] == [key]


def test_simulated_and_real_baselines_never_meet(put: Put, storage: Storage) -> None:
    put("agreement_2022.tif", _cover(), tags={"GEOCROP_SIMULATED": "YES"})
    assert _found(storage) is None
    assert find_baseline(storage, SEASON, GRID, simulated=True) is not None


def test_water_is_a_class_and_no_data_is_what_the_tag_says(put: Put, storage: Storage) -> None:
    cover = _cover()
    cover[0, :4] = (0, 255, 9, 7)
    for nodata, expected in (
        (255, [0, 255, 255, 7]),
        (7, [0, 255, 255, 255]),
        (None, [0, 255, 255, 7]),
    ):
        key = put("agreement_2022.tif", cover, nodata=nodata)
        assert read_baseline(_of(key), GRID, storage)[0, :4].tolist() == expected
    key = put("agreement_2022.tif", cover, nodata=0)
    assert (read_baseline(_of(key), GRID, storage)[cover == 0] == UNKNOWN).all()


def test_aligned_pixels_are_read_as_they_are(put: Put, storage: Storage) -> None:
    cover = _cover()
    assert (read_baseline(_of(put("agreement_2022.tif", cover)), GRID, storage) == cover).all()


def test_beyond_the_file_nothing_is_known(put: Put, storage: Storage) -> None:
    key = put("agreement_2022.tif", _cover((10, 10)))
    read = read_baseline(_of(key), GRID, storage)
    assert (read[:10, :10] != UNKNOWN).all()
    assert (read[10:] == UNKNOWN).all()
    elsewhere = Grid(GRID.epsg, GRID.left + 1000, GRID.top, 8, 8)
    assert (read_baseline(_of(key), elsewhere, storage) == UNKNOWN).all()


def test_tiles_of_one_composite_fill_each_other(put: Put, storage: Storage) -> None:
    cover = _cover()
    east = GRID.transform @ Affine.translation(20, 0)
    put("agreement_2022-0000000000-0000000000.tif", cover[:, :20])
    put("agreement_2022-0000000000-0000000020.tif", cover[:, 20:], transform=east)
    found = _found(storage)
    assert found is not None
    assert len(found.files) == 2
    assert (read_baseline(found, GRID, storage) == cover).all()


def test_pixels_in_degrees_are_those_that_gdal_warps_to_by_nearest(
    put: Put, storage: Storage
) -> None:
    key = put("agreement_2022.tif", _cover((400, 400)), crs="EPSG:4326", transform=DEGREES)
    ours = read_baseline(_of(key), GRID, storage)
    assert (ours != UNKNOWN).all()
    warped = np.full(GRID.shape, UNKNOWN, np.uint8)
    with rasterio.open(storage.url(BASELINES, key)) as source:
        reproject(
            rasterio.band(source, 1),
            warped,
            dst_crs=f"EPSG:{GRID.epsg}",
            dst_transform=GRID.transform,
            resampling=Resampling.nearest,
            tolerance=0,
        )
    assert (ours == warped).mean() > 0.995


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(row=st.integers(0, 29), col=st.integers(0, 39), data=st.data())
def test_a_block_has_the_pixels_of_the_whole(
    row: int, col: int, data: st.DataObject, put: Put, storage: Storage
) -> None:
    height = data.draw(st.integers(1, GRID.height - row))
    width = data.draw(st.integers(1, GRID.width - col))
    key = put("agreement_2022.tif", _cover((400, 400)), crs="EPSG:4326", transform=DEGREES)
    block = Block(row, col, height, width)
    part = read_baseline(_of(key), GRID.window(block), storage)
    assert (part == read_baseline(_of(key), GRID, storage)[block.slices]).all()


def test_numbers_that_are_no_class_codes_are_refused(put: Put, storage: Storage) -> None:
    put("agreement_2022.tif", _cover().astype(np.float32))
    with pytest.raises(
        UnusableBaseline, match=r"agreement_2022.tif must hold class codes .* float32"
    ):
        _found(storage)


def test_a_file_without_a_place_is_refused(put: Put, storage: Storage) -> None:
    put("agreement_2022.tif", _cover(), crs=None)
    with pytest.raises(UnusableBaseline, match="without a CRS"):
        _found(storage)


def test_what_is_no_raster_cannot_be_read(storage: Storage) -> None:
    storage.put(BASELINES, f"{PREFIX}agreement_2022.tif", b"no raster", "image/tiff")
    with pytest.raises(StorageUnavailable, match=r"agreement_2022.tif cannot be read: "):
        _found(storage)
