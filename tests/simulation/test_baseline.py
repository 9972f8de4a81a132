"""The simulated baseline: Dynamic World's words for the truth, with mistakes."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.domain.grid import Grid
from geocrop_processes.imagery.baselines import CROPS, find_baseline, read_baseline, seasons
from geocrop_processes.simulation import DEMO_AOI, DEMO_SEASON, truth
from geocrop_processes.simulation import baseline as simulated
from geocrop_processes.simulation.baseline import BASELINE_KEY, MISTAKEN, write_baseline
from geocrop_processes.storage import BASELINES, Storage

GRID = Grid.of_aoi(DEMO_AOI, 32735)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    storage = Storage(str(tmp_path_factory.mktemp("storage")))
    storage.ensure_buckets()
    write_baseline(storage)
    return storage


def test_it_is_a_cog_of_class_codes_with_names_and_colours(storage: Storage) -> None:
    path = storage.url(BASELINES, BASELINE_KEY)
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as source:
        assert (source.dtypes, source.nodata) == (("uint8",), 255)
        assert source.colormap(1)[CROPS] == (0xE4, 0x96, 0x35, 255)
        assert source.tags(1)["CLASS_4"] == "crops"
        assert source.tags()["NOTICE"].startswith("Simulated data")
        assert set(np.unique(source.read(1))) == set(range(9))


def test_it_is_found_for_the_season_by_those_who_look_for_simulated_ones_only(
    storage: Storage,
) -> None:
    assert seasons(storage) == [DEMO_SEASON.year]
    found = find_baseline(storage, DEMO_SEASON, GRID, simulated=True)
    assert found is not None
    assert [f.key for f in found.files] == [BASELINE_KEY]
    assert find_baseline(storage, DEMO_SEASON, GRID, simulated=False) is None


def test_it_meets_the_truth_but_for_the_mistaken_patches(storage: Storage) -> None:
    found = find_baseline(storage, DEMO_SEASON, GRID, simulated=True)
    assert found is not None
    cover, real = read_baseline(found, GRID, storage), truth(GRID)
    for code, shown in {1: 4, 9: 4, 10: 2, 11: 1, 12: 7, 13: 0, 14: 6}.items():
        share = (cover[real == code] == shown).mean()
        assert share == pytest.approx(1 - MISTAKEN, abs=0.08)
    crops = np.isin(real, range(1, 10))
    assert 0.9 < ((cover == CROPS) == crops).mean() < 0.99


def test_a_current_one_is_not_written_again_and_an_outdated_one_is_written_with_the_same_bytes(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(storage.url(BASELINES, BASELINE_KEY))
    before, content = path.stat().st_mtime_ns, path.read_bytes()
    write_baseline(storage)
    assert path.stat().st_mtime_ns == before
    with monkeypatch.context() as patch:
        patch.setattr(simulated, "simulator_version", lambda: "newer")
        write_baseline(storage)
    assert path.stat().st_mtime_ns != before
    write_baseline(storage)
    assert path.read_bytes() == content
