"""The archive in the layout of Collection 1: other names and +1000 in every pixel, the same ground and sky."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pystac_client
import pytest
import rasterio

from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import InvalidSetting
from geocrop_processes.features.bands import BANDS, SCL
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import acquisitions, read_cube
from geocrop_processes.imagery.scene import LAYOUTS, OFFSET, Scene, parse_item
from geocrop_processes.simulation import DEMO_AOI, demonstration, serve
from geocrop_processes.simulation.archive import (
    Extent,
    build_archive,
    is_current,
    simulator_version,
)
from geocrop_processes.simulation.demonstration import prepare_archive
from geocrop_processes.simulation.layout import S2_L2A, S2_L2A_C1, Layout, layout_of

Items = list[dict[str, Any]]


@pytest.fixture(scope="session")
def archive_c1(tmp_path_factory: pytest.TempPathFactory, extent: Extent) -> Path:
    folder = tmp_path_factory.mktemp("simulation") / "archive-c1"
    build_archive(folder, lambda _share, _message: None, extent, S2_L2A_C1)
    return folder


@pytest.fixture(scope="session")
def items_c1(archive_c1: Path) -> Items:
    return [json.loads(p.read_text()) for p in sorted(archive_c1.rglob("S2*.json"))]


def _scenes(folder: Path, items: Items) -> dict[tuple[str, object], Scene]:
    """Scenes by tile and time, their files where they are on disk."""
    here = [
        {
            **i,
            "assets": {k: {**a, "href": str(folder / a["href"])} for k, a in i["assets"].items()},
        }
        for i in items
    ]
    return {(s.tile, s.acquired): s for s in map(parse_item, here)}


def test_every_scene_of_the_one_layout_has_its_twin_in_the_other(
    archive: Path, items: Items, archive_c1: Path, items_c1: Items
) -> None:
    one, other = _scenes(archive, items), _scenes(archive_c1, items_c1)
    assert set(one) == set(other)
    assert {s.collection for s in other.values()} == {"s2_l2a_c1"}
    assert {s.offset for s in other.values()} == {OFFSET}


def test_pixels_carry_a_thousand_more_and_no_data_stays_0(
    archive: Path, items: Items, archive_c1: Path, items_c1: Items
) -> None:
    one, other = _scenes(archive, items), _scenes(archive_c1, items_c1)
    for key in list(one)[:6]:
        for name in (*BANDS, SCL):
            with (
                rasterio.open(one[key].files[name].href) as v0,
                rasterio.open(other[key].files[name].href) as c1,
            ):
                plain, added = v0.read(1), c1.read(1)
            expected = plain if name == SCL else np.where(plain == 0, 0, plain + 1000)
            assert (added == expected).all()


def test_harmonised_both_are_the_same_but_for_the_scene_whose_flag_is_wrong(
    archive: Path, items: Items, archive_c1: Path, items_c1: Items
) -> None:
    wrong = {
        parse_item(i).acquired for i in items if not i["properties"]["sentinel:boa_offset_applied"]
    }
    grid = Grid.of_aoi(DEMO_AOI, 32735)
    grid = Grid(32735, grid.left + 1300, grid.top - 1300, 60, 60)

    def cube(scenes: Mapping[Any, Scene]) -> Any:
        right = [s for s in scenes.values() if s.acquired not in wrong]
        steps = acquisitions(right, grid.epsg, DEMO_AOI.lon)
        return read_cube(steps, grid, np.ones(grid.shape, bool), Access(threads=2)).cube

    one, other = cube(_scenes(archive, items)), cube(_scenes(archive_c1, items_c1))
    assert (one.values == other.values).all()
    assert one.values.any()
    assert len(wrong) == 1


def test_items_look_as_the_explorer_renders_them(items_c1: Items, shared: Path) -> None:
    path = shared / "data/stac_items/explorer_rendered_s2_l2a_c1_S2B_T37MGP_20240710.stac.json"
    real = json.loads(path.read_text())
    ours = next(i for i in items_c1 if "proj:code" in i["properties"])
    assert set(ours) - {"collection"} == set(real) - {"collection"}
    assert set(ours["properties"]) - {"geocrop:simulated"} == set(real["properties"])
    for name, value in ours["properties"].items():
        if name != "geocrop:simulated":
            assert isinstance(value, type(real["properties"][name])), name
    assert set(ours["assets"]) <= set(real["assets"])
    for name, asset in ours["assets"].items():
        assert set(asset) == set(real["assets"][name])
        assert asset["title"] == real["assets"][name]["title"]
        assert Path(asset["href"]).name == Path(real["assets"][name]["href"]).name


def test_keys_are_those_of_the_bucket(items_c1: Items) -> None:
    for item in items_c1:
        properties = item["properties"]
        tile, when = properties["odc:region_code"], properties["datetime"]
        year, month = when[:4], int(when[5:7])
        second = when.replace("-", "").replace(":", "").rstrip("Z")
        satellite = "S2" + properties["platform"][-1].upper()
        title = f"{satellite}_T{tile}_{second}_L2A"
        assert properties["title"] == title
        folder = f"sentinel-2-c1-l2a/{tile[:2]}/K/{tile[3:]}/{year}/{month}/{title}"
        assert item["assets"]["red"]["href"] == f"{folder}/B04.tif"


def test_asset_names_are_those_that_scenes_are_read_by() -> None:
    for layout in (S2_L2A, S2_L2A_C1):
        assert dict(layout.assets) == dict(LAYOUTS[layout.collection].assets)


def test_the_app_serves_the_collection_that_the_folder_holds(
    archive_c1: Path, items_c1: Items
) -> None:
    with serve(archive_c1) as url:
        catalog = pystac_client.Client.open(url)
        assert [c.id for c in catalog.get_collections()] == ["s2_l2a_c1"]
        found = list(catalog.search(collections=["s2_l2a_c1"], bbox=DEMO_AOI.bbox()).items())
        assert len(found) == len(items_c1)
        assert list(catalog.search(collections=["s2_l2a"]).items()) == []


def test_an_archive_of_one_layout_is_none_of_the_other(archive_c1: Path, extent: Extent) -> None:
    assert is_current(archive_c1, simulator_version(extent, S2_L2A_C1))
    assert not is_current(archive_c1, simulator_version(extent, S2_L2A))


def test_an_unknown_layout_is_refused_and_the_known_ones_are_told() -> None:
    assert layout_of("s2_l2a_c1") is S2_L2A_C1
    with pytest.raises(
        InvalidSetting, match="no collection 's2_l1c'; it can have s2_l2a or s2_l2a_c1"
    ):
        layout_of("s2_l1c")


def test_each_collection_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[str, str]] = []

    def build(folder: Path, _progress: object, *, layout: Layout) -> None:
        built.append((folder.name, layout.collection))

    monkeypatch.setattr(demonstration, "build_archive", build)
    for collection in ("s2_l2a", "s2_l2a_c1"):
        prepare_archive(tmp_path, collection, lambda _share, _message: None)
    assert built == [("simulation", "s2_l2a"), ("simulation-s2_l2a_c1", "s2_l2a_c1")]
