import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.features.bands import BANDS
from geocrop_processes.simulation import NOTICE, archive
from geocrop_processes.simulation.archive import MANIFEST, Extent, build_archive
from geocrop_processes.simulation.layout import TILES

Items = list[dict[str, Any]]


def _silent(_: float, __: str) -> None:
    """Progress that nobody watches."""


def test_every_file_is_a_valid_cog_of_its_band(archive: Path, items: Items) -> None:
    for item in items:
        assert list(item["assets"]) == [*BANDS, "SCL"]
        for name, asset in item["assets"].items():
            path = archive / asset["href"]
            valid, errors, warnings = cog_validate(path, strict=True)
            assert (valid, errors, warnings) == (True, [], [])
            with rasterio.open(path) as source:
                assert source.nodata == 0
                assert source.dtypes == ("uint8" if name == "SCL" else "uint16",)
                assert list(source.shape) == asset["proj:shape"]
                assert list(source.transform) == asset["proj:transform"]
                assert source.overviews(1) == [2, 4]


def test_keys_are_those_of_the_bucket(items: Items) -> None:
    for item in items:
        day = item["properties"]["datetime"][:10]
        year, month, _ = day.split("-")
        tile = item["properties"]["odc:region_code"]
        satellite = item["properties"]["platform"][-1].upper()
        folder = f"sentinel-s2-l2a-cogs/{tile[:2]}/K/{tile[3:]}/{year}/{int(month)}"
        name = f"S2{satellite}_{tile}_{day.replace('-', '')}_0_L2A"
        assert item["assets"]["B04"]["href"] == f"{folder}/{name}/B04.tif"


def test_both_tiles_hold_each_acquisition(items: Items) -> None:
    by_tile = {
        tile.name: [
            (i["properties"]["datetime"], i["properties"]["platform"])
            for i in items
            if i["properties"]["odc:region_code"] == tile.name
        ]
        for tile in TILES
    }
    one, other = by_tile.values()
    assert sorted(one) == sorted(other)
    assert len(one) > 8


def test_one_scene_alone_has_a_wrong_flag(archive: Path, items: Items) -> None:
    wrong = [i for i in items if not i["properties"]["sentinel:boa_offset_applied"]]
    assert len(wrong) == 1
    assert wrong[0]["properties"]["eo:cloud_cover"] < 50
    with rasterio.open(archive / wrong[0]["assets"]["B02"]["href"]) as source:
        blue = source.read(1)
    # with an offset in its pixels no clear blue would be under 1000
    assert np.percentile(blue[blue > 0], 1) < 700


def test_the_crs_is_given_in_all_the_ways_of_the_wild(items: Items) -> None:
    ways = {
        (
            "proj:code" in i["properties"],
            "proj:epsg" in i["properties"],
            "proj:code" in i["assets"]["B04"],
            "proj:epsg" in i["assets"]["B04"],
        )
        for i in items
    }
    assert ways == {
        (True, True, True, False),
        (False, True, False, False),
        (False, False, False, True),
    }


def test_items_look_as_the_explorer_renders_them(items: Items, shared: Path) -> None:
    path = shared / "data/stac_items/explorer_rendered_s2_l2a_S2A_37MCQ_20220808.stac.json"
    real = json.loads(path.read_text())
    ours = next(i for i in items if "proj:code" in i["properties"])
    assert set(ours) - {"collection"} == set(real) - {"collection"}
    assert set(ours["properties"]) - {"geocrop:simulated"} == set(real["properties"])
    assert set(ours["assets"]["B04"]) == set(real["assets"]["B04"])
    assert ours["assets"]["B04"]["type"] == real["assets"]["B04"]["type"]
    assert not any("raster:bands" in a for a in ours["assets"].values())


def test_a_second_call_returns_at_once(archive: Path, extent: Extent) -> None:
    said: list[float] = []
    build_archive(archive, lambda share, _: said.append(share), extent)
    assert said == []
    assert json.loads((archive / MANIFEST).read_text())["notice"] == NOTICE


TINY = Extent(size_m=240, every=40)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_an_outdated_archive_is_built_anew_with_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    said: list[float] = []
    build_archive(folder, lambda share, _: said.append(share), TINY)
    assert said[-1] == 1.0
    assert said == sorted(said)
    first = _digests(folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": "older"}))
    build_archive(folder, _silent, TINY)
    assert _digests(folder) == first
    (folder / MANIFEST).write_text("not json")
    build_archive(folder, _silent, TINY)
    assert _digests(folder) == first


def test_an_interrupted_build_leaves_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"

    def stop(share: float, _: str) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_archive(folder, stop, TINY)
    assert not folder.exists()
    monkeypatch.setattr(archive, "_THREADS", 1)
    build_archive(folder, _silent, TINY)
    assert (folder / MANIFEST).is_file()
    assert not list(tmp_path.glob("*.part-*")) + list(tmp_path.glob(".*.part-*"))


def test_of_two_builders_at_once_one_builds(tmp_path: Path) -> None:
    said: list[str] = []

    def build(name: str) -> None:
        build_archive(tmp_path / "a", lambda _, __: said.append(name), TINY)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(build, ("one", "other")))
    assert len(set(said)) == 1
    assert (tmp_path / "a" / MANIFEST).is_file()
