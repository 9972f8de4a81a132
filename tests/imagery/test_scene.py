import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from geocrop_processes.errors import UnusableScene
from geocrop_processes.features.bands import BANDS, BANDS_10M, SCL
from geocrop_processes.imagery.scene import FILES, LAYOUTS, item_key, parse_item

Make = Callable[..., dict[str, Any]]

V0 = "explorer_rendered_s2_l2a_S2A_37MCQ_20220808.stac.json"
C1 = "explorer_rendered_s2_l2a_c1_S2B_T37MGP_20240710.stac.json"
C1_RAW = "deafrica_s2_l2a_c1_S2B_T37MGP_20240710.stac.json"
SOURCE = "deafrica_s2_l2a_source_S2B_35QKG_20230603.stac.json"

DOCUMENTS = {
    V0: "deafrica_s2_l2a_S2A_37MCQ_20220808.odc-metadata.yaml",
    C1: "deafrica_s2_l2a_c1_S2B_T37MGP_20240710.odc-metadata.yaml",
    C1_RAW: "deafrica_s2_l2a_c1_S2B_T37MGP_20240710.odc-metadata.yaml",
}
PRODUCTS = {"s2_l2a": "s2_l2a.odc-product.yaml", "s2_l2a_c1": "s2_l2a_c1.odc-product.yaml"}


@pytest.fixture
def real(shared: Path) -> Callable[[str], Any]:
    """Read a real item or Open Data Cube document."""

    def read(name: str) -> Any:
        text = (shared / "data" / "stac_items" / name).read_text(encoding="utf-8")
        return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)

    return read


@pytest.mark.parametrize(
    ("name", "key", "tile", "epsg", "offset", "baseline", "corner"),
    [
        (
            V0,
            "S2A_MSIL2A_20220808T072631_N0400_R049_T37MCQ_20220808T111058",
            *("37MCQ", 32737, 0, "04.00", (300_000.0, 9_500_020.0)),
        ),
        (
            C1,
            "S2B_T37MGP_20240710T073012_L2A",
            *("37MGP", 32737, -1000, "05.10", (699_960.0, 9_400_000.0)),
        ),
        (
            C1_RAW,
            "S2B_T37MGP_20240710T073012_L2A",
            *("37MGP", 32737, -1000, "05.10", (699_960.0, 9_400_000.0)),
        ),
        (
            SOURCE,
            "S2B_35QKG_20230603_0_L2A",
            *("35QKG", 32635, 0, "05.09", (199_980.0, 2_700_000.0)),
        ),
    ],
)
def test_real_items_are_scenes(
    name: str,
    key: str,
    tile: str,
    epsg: int,
    offset: int,
    baseline: str,
    corner: tuple[float, float],
    real: Callable[[str], Any],
) -> None:
    scene = parse_item(real(name))
    assert (scene.key, scene.tile, scene.epsg) == (key, tile, epsg)
    assert (scene.offset, scene.baseline) == (offset, baseline)
    assert scene.platform in {"sentinel-2a", "sentinel-2b"}
    assert scene.acquired.tzinfo is not None
    assert not scene.simulated
    assert scene.link is not None
    assert list(scene.files) == list(FILES)
    for band, file in scene.files.items():
        assert file.href.endswith(f"/{band}.tif")
        assert (file.left, file.top) == corner
        side = 10 if band in BANDS_10M else 20
        assert (file.pixel_m, file.shape) == (side, (109_800 // side, 109_800 // side))


def test_every_real_item_is_covered_here(shared: Path) -> None:
    found = {path.name for path in (shared / "data" / "stac_items").glob("*.stac.json")}
    assert found == {V0, C1, C1_RAW, SOURCE}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_grids_are_those_of_the_open_data_cube_documents(
    name: str, real: Callable[[str], Any]
) -> None:
    scene, document = parse_item(real(name)), real(DOCUMENTS[name])
    assert document["crs"].lower() == f"epsg:{scene.epsg}"
    assets = LAYOUTS[scene.collection].assets
    for band, file in scene.files.items():
        grid = document["grids"][document["measurements"][assets[band]].get("grid", "default")]
        assert list(file.shape) == grid["shape"]
        assert (file.pixel_m, file.left, file.top) == (
            *(grid["transform"][0], grid["transform"][2], grid["transform"][5]),
        )


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_offsets_are_those_of_the_product_definitions(
    name: str, real: Callable[[str], Any]
) -> None:
    """A definition without `add_offset` is of pixels that the offset was taken off."""
    scene = parse_item(real(name))
    measurements = {m["name"]: m for m in real(PRODUCTS[scene.collection])["measurements"]}
    for band in BANDS:
        measurement = measurements[LAYOUTS[scene.collection].assets[band]]
        assert measurement.get("add_offset", 0) == scene.offset
        assert measurement["nodata"] == 0
    assert "add_offset" not in measurements[LAYOUTS[scene.collection].assets[SCL]]


@pytest.mark.parametrize("name", [V0, C1, C1_RAW, SOURCE])
def test_a_real_item_without_any_one_file_is_refused_and_the_file_named(
    name: str, real: Callable[[str], Any]
) -> None:
    whole = real(name)
    for asset in LAYOUTS[whole["collection"]].assets.values():
        lacking = copy.deepcopy(whole)
        del lacking["assets"][asset]
        with pytest.raises(UnusableScene, match=f"lacks '{asset}'"):
            parse_item(lacking)


@pytest.mark.parametrize(
    ("baseline", "applied", "offset"),
    [
        ("04.00", True, 0),
        ("05.10", True, 0),
        ("04.00", False, -1000),
        ("05.11", False, -1000),
        ("04.00", None, -1000),
        ("03.01", None, 0),
        ("03.01", False, 0),
        ("02.14", True, 0),
        (None, None, 0),
        (None, True, 0),
    ],
)
def test_the_offset_follows_from_baseline_and_flag(
    baseline: str | None, applied: bool | None, offset: int, item: Make
) -> None:
    properties = {
        "sentinel:processing_baseline": baseline,
        "sentinel:boa_offset_applied": applied,
    }
    assert parse_item(item(**properties)).offset == offset


@pytest.mark.parametrize("day", ["2018-01-05", "2022-01-24", "2022-01-26", "2024-07-10"])
def test_collection_1_carries_the_offset_on_every_date(
    day: str, real: Callable[[str], Any]
) -> None:
    """It was reprocessed as a whole: the date of the acquisition says nothing."""
    raw = real(C1)
    raw["properties"]["datetime"] = f"{day}T07:41:33Z"
    assert parse_item(raw).offset == -1000


@pytest.mark.parametrize("day", ["2018-01-05", "2022-01-24", "2022-01-26", "2024-07-10"])
def test_the_date_never_decides_the_offset(day: str, item: Make) -> None:
    assert parse_item(item(datetime=f"{day}T07:41:33Z")).offset == 0


def test_the_baseline_of_either_name_is_read(item: Make) -> None:
    found = item(**{"sentinel:processing_baseline": None, "s2:processing_baseline": "05.09"})
    assert parse_item(found).baseline == "05.09"


@pytest.mark.parametrize(
    ("item_has", "asset_has"),
    [
        ({"proj:code": "EPSG:32736"}, {}),
        ({"proj:epsg": 32736}, {}),
        ({}, {"proj:code": "EPSG:32736"}),
        ({}, {"proj:epsg": 32736}),
        ({"proj:epsg": 32735}, {"proj:epsg": 32736}),
    ],
)
def test_the_zone_is_read_of_the_asset_or_the_item(
    item_has: dict[str, Any], asset_has: dict[str, Any], item: Make
) -> None:
    found = item()
    del found["properties"]["proj:code"]
    found["properties"].update(item_has)
    found["assets"]["B02"].update(asset_has)
    assert parse_item(found).epsg == 32736


def test_a_grid_at_the_item_counts_for_assets_without_one(item: Make) -> None:
    found = item()
    grid = {"proj:shape": [9, 8], "proj:transform": [10, 0, 5, 0, -10, 7, 0, 0, 1]}
    found["properties"].update(grid)
    for member in grid:
        del found["assets"]["B02"][member]
    file = parse_item(found).files["B02"]
    assert (file.left, file.top, file.shape) == (5, 7, (9, 8))
    assert parse_item(found).files["B03"].left == 300_000


@pytest.mark.parametrize(
    ("properties", "key", "tile"),
    [
        ({"odc:region_code": "36KTF"}, "any", "36KTF"),
        ({"cubedash:region_code": "36KTF"}, "any", "36KTF"),
        ({"grid:code": "MGRS-36KTF"}, "any", "36KTF"),
        ({}, "S2A_MSIL2A_20220808T072631_N0400_R049_T37MCQ_20220808T111058", "37MCQ"),
        ({}, "S2B_35QKG_20230603_0_L2A", "35QKG"),
    ],
)
def test_the_tile_is_a_property_or_part_of_the_name(
    properties: dict[str, Any], key: str, tile: str, item: Make
) -> None:
    found = item(key)
    del found["properties"]["odc:region_code"]
    found["properties"].update(properties)
    assert parse_item(found).tile == tile


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda i: i.update(collection="landsat"),
            "collection 'landsat'; known are s2_l2a, s2_l2a_c1",
        ),
        (lambda i: i.pop("collection"), "collection None"),
        (lambda i: i.pop("properties"), "lacks 'properties'"),
        (lambda i: i.update(properties=[1]), "lacks 'properties'"),
        (lambda i: i.pop("assets"), "lacks 'assets'"),
        (lambda i: i.update(assets=[]), "cannot be read"),
        (lambda i: i["properties"].pop("datetime"), "lacks 'datetime'"),
        (lambda i: i["properties"].update(datetime=None), "cannot be read: Invalid isoformat"),
        (lambda i: i["properties"].pop("platform"), "lacks 'platform'"),
        (lambda i: i["properties"].pop("proj:code"), "lacks 'proj:code'"),
        (lambda i: i["properties"].update({"proj:code": "IAU:1"}), "cannot be read"),
        (lambda i: i["properties"].pop("odc:region_code"), "which MGRS tile"),
        (
            lambda i: i["properties"].update({"sentinel:processing_baseline": "N0400"}),
            "could not convert",
        ),
        (lambda i: i["assets"]["B03"].pop("href"), "lacks 'href'"),
        (lambda i: i["assets"]["B03"].pop("proj:shape"), "lacks 'proj:shape'"),
        (lambda i: i["assets"]["B03"].pop("proj:transform"), "lacks 'proj:transform'"),
        (lambda i: i["assets"]["B03"].update({"proj:transform": [10]}), "cannot be read"),
        (lambda i: i["assets"]["B03"].update({"proj:shape": [1, 2, 3]}), "cannot be read"),
        (
            lambda i: i["assets"]["B03"].update({"proj:transform": [10, 1, 0, 1, -10, 0]}),
            "pixels of B03 are not square",
        ),
        (
            lambda i: i["assets"]["B03"].update({"proj:transform": [10, 0, 0, 0, 10, 0]}),
            "pixels of B03 are not square",
        ),
        (
            lambda i: i["assets"]["B03"].update({"proj:transform": [0, 0, 0, 0, 0, 0]}),
            "pixels of B03 are not square",
        ),
    ],
)
def test_an_item_that_lacks_what_a_scene_needs_is_refused_and_it_is_named(
    change: Callable[[dict[str, Any]], object], message: str, item: Make
) -> None:
    found = item("tile-less")
    change(found)
    with pytest.raises(UnusableScene, match=re.escape(message)) as caught:
        parse_item(found)
    named = "uuid-of-tile-less" if not isinstance(found.get("properties"), dict) else "tile-less"
    assert str(caught.value).startswith(f"Scene {named} ")
    assert str(caught.value).endswith(".")


def test_an_item_is_called_by_its_title_else_its_id(item: Make) -> None:
    assert item_key(item("title")) == "title"
    assert item_key({"id": "x", "properties": {}}) == "x"
    assert item_key({"id": "x"}) == "x"
    assert item_key({}) == "without a name"


def test_an_item_without_links_or_clouds_is_a_scene(item: Make) -> None:
    found = item()
    del found["links"]
    del found["properties"]["eo:cloud_cover"]
    scene = parse_item(found)
    assert scene.link is None
    assert scene.cloud_cover is None


def test_simulated_scenes_say_so(item: Make) -> None:
    assert parse_item(item(**{"geocrop:simulated": True})).simulated


def test_a_moment_without_a_zone_is_utc(item: Make) -> None:
    scene = parse_item(item(datetime="2022-10-15T07:55:00"))
    assert scene.acquired == datetime(2022, 10, 15, 7, 55, tzinfo=UTC)


def test_the_solar_day_is_that_of_the_longitude(item: Make) -> None:
    scene = parse_item(item(datetime="2022-10-15T22:30:00Z"))
    assert scene.solar_day(0) == date(2022, 10, 15)
    assert scene.solar_day(30) == date(2022, 10, 16)


def test_scenes_sort_by_time_then_name(item: Make) -> None:
    later, first, second = (
        parse_item(item("a", datetime="2022-10-15T08:00:01Z")),
        parse_item(item("b", datetime="2022-10-15T08:00:00Z")),
        parse_item(item("c", datetime="2022-10-15T08:00:00Z")),
    )
    assert sorted([later, second, first], key=lambda s: s.sort_key) == [first, second, later]
