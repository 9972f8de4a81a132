"""The STAC item: valid by the schemas, readable by pystac's extensions, complete in where it comes from."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pystac
import pystac.validation
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.mlm import MLMExtension
from pystac.extensions.processing import ProcessingExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.publish.assets import KINDS, ProductAsset
from geocrop_processes.publish.record import SIMULATED_NOTICE, MapRecord
from geocrop_processes.publish.stac import EXTENSIONS, build_item
from geocrop_processes.publish.summary import summarise

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY.parent / "shared" / "data" / "stac_schemas"
SITE = "https://stac-extensions.github.io/"
REFERRED_TO = (f"{SITE}processing/v1.1.0/schema.json",)
"""What the mlm extension's schema points to beside those of `EXTENSIONS`."""

ASSETS = tuple(ProductAsset(key, f"{n:02x}" * 32, 100 + n) for n, key in enumerate(KINDS))


@pytest.fixture(scope="session")
def item(record: MapRecord) -> pystac.Item:
    return build_item(record, ASSETS)


@pytest.fixture(scope="session")
def core() -> JsonSchemaSTACValidator:
    """STAC's own schemas as pystac bundles them."""
    return JsonSchemaSTACValidator()


@pytest.fixture(scope="session")
def extended() -> JsonSchemaSTACValidator:
    """With the schemas of the item's extensions, so that nothing is asked of a network."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"the extensions' schemas are not here: {SCHEMAS}")
    validator = JsonSchemaSTACValidator()
    for uri in (*EXTENSIONS, *REFERRED_TO):
        text = (SCHEMAS / uri.removeprefix(SITE)).read_text(encoding="utf-8")
        validator.schema_cache[uri] = json.loads(text)
    return validator


def test_the_item_holds_by_the_core_schema(
    item: pystac.Item, core: JsonSchemaSTACValidator
) -> None:
    core.validate_core(item.to_dict(), pystac.STACObjectType.ITEM, "1.1.0")


def test_the_item_holds_by_every_extension_that_it_names(
    item: pystac.Item, extended: JsonSchemaSTACValidator
) -> None:
    validated = pystac.validation.validate_dict(item.to_dict(), validator=extended)
    assert set(EXTENSIONS) <= set(validated)
    assert len(validated) == len(EXTENSIONS) + 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["properties"].pop("mlm:architecture"),
        lambda d: [d["assets"].pop(f"model-{m}") for m in ("xgboost", "lightgbm", "catboost")],
        lambda d: d["assets"]["class-map"]["classification:classes"][1].pop("value"),
        lambda d: d["assets"]["confidence"]["raster:bands"][0].update(data_type="byte"),
        lambda d: d["properties"].update({"proj:shape": [1]}),
        lambda d: d["assets"]["summary"].update({"file:checksum": "no hash"}),
        lambda d: d["properties"].update({"processing:software": "GDAL"}),
    ],
)
def test_the_validation_would_see_what_is_wrong(
    item: pystac.Item, extended: JsonSchemaSTACValidator, spoil: Any
) -> None:
    values = json.loads(json.dumps(item.to_dict()))
    spoil(values)
    with pytest.raises(pystac.STACValidationError):
        pystac.validation.validate_dict(values, validator=extended)


_NAMES = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1)


@settings(max_examples=15, deadline=None)
@given(names=st.lists(_NAMES, min_size=1, max_size=4, unique=True), model=st.text())
def test_any_names_of_classes_and_models_make_a_valid_item(
    record: MapRecord, extended: JsonSchemaSTACValidator, names: list[str], model: str
) -> None:
    legend = Legend(tuple(CropClass(n, name, "#00ff00") for n, name in enumerate(names, 1)))
    renamed = replace(record, card=replace(record.card, name=model, legend=legend))
    values = build_item(renamed, ASSETS).to_dict()
    pystac.validation.validate_dict(values, validator=extended)
    classes = values["assets"]["class-map"]["classification:classes"]
    assert [c["title"] for c in classes[1:]] == names


def test_the_same_record_gives_the_same_json_in_any_order_of_files(record: MapRecord) -> None:
    first = json.dumps(build_item(record, ASSETS).to_dict())
    assert json.dumps(build_item(record, ASSETS[::-1]).to_dict()) == first


def test_it_reads_back_from_its_json(item: pystac.Item) -> None:
    values = json.loads(json.dumps(item.to_dict()))
    assert pystac.Item.from_dict(values, migrate=False).to_dict() == item.to_dict()


def test_projection_raster_and_file_are_read_by_pystacs_extensions(
    item: pystac.Item, record: MapRecord
) -> None:
    projection = ProjectionExtension.ext(item)
    assert projection.code == "EPSG:32736"
    assert projection.shape == list(record.grid.shape)
    assert projection.transform == [10.0, 0.0, record.grid.left, 0.0, -10.0, record.grid.top]
    assert projection.bbox == list(record.grid.bounds)
    bands = RasterExtension.ext(item.assets["confidence"]).bands
    assert bands is not None
    assert [b.scale for b in bands] == [0.005, 0.005, 0.005, 1.0, 1.0, 0.005, 0.01]
    assert {b.nodata for b in bands} == {255}
    file = FileExtension.ext(item.assets["class-map"])
    assert (file.checksum, file.size) == ("1220" + "00" * 32, 100)


def test_processing_and_model_are_read_by_pystacs_extensions(item: pystac.Item) -> None:
    processing = ProcessingExtension.ext(item)
    assert processing.software == {"GDAL": "3.12.2", "geocrop": "0.1.0"}
    assert processing.lineage is not None
    model = MLMExtension.ext(item)
    assert model.mlm_name == "zimbabwe-demo"
    assert model.input[0].input.shape == [-1, 2]
    assert model.output[0].result.shape == [-1, 4]
    member = item.assets["model-xgboost"]
    assert member.href == "models:/zimbabwe-demo/3/xgboost.ubj"
    assert member.roles == ["mlm:model"]
    assert member.extra_fields["file:checksum"] == "1220" + "11" * 32


def test_classes_have_value_name_colour_and_share(item: pystac.Item, record: MapRecord) -> None:
    classes = ClassificationExtension.ext(item.assets["class-map"]).classes
    assert classes is not None
    assert [c.value for c in classes] == [0, 1, 2, 5, 200]
    assert [c.color_hint for c in classes] == [None, "FFD300", "00AF4B", "397D49", "419BDF"]
    assert [c.name for c in classes] == ["no-data", "maize", "tobacco-others", "for-t", "water"]
    assert [c.to_dict()["title"] for c in classes[1:]] == [c.name for c in record.card.legend]
    assert sum(c.to_dict()["percentage"] for c in classes[1:]) == pytest.approx(100, abs=1e-3)


def test_it_names_every_scene_and_links_those_with_an_address(item: pystac.Item) -> None:
    assert item.properties["geocrop:source_scenes"] == [
        "S2A_36KTF_20221112_0_L2A",
        "S2B_36KTF_20221117_0_L2A",
    ]
    links = [(link.href, link.title) for link in item.get_links("derived_from")]
    assert links == [
        ("http://127.0.0.1:8000/collections/s2_l2a/items/one", "S2A_36KTF_20221112_0_L2A")
    ]
    assert item.properties["geocrop:left_out_scenes"] == [
        {"title": "S2A_36KTF_20221122_0_L2A", "reason": "its pixels cannot be read"}
    ]


def test_it_says_where_when_and_by_what_it_was_made(item: pystac.Item, record: MapRecord) -> None:
    values = item.to_dict()
    properties = values["properties"]
    assert values["geometry"] == record.aoi.polygon()
    assert values["bbox"] == list(record.aoi.bbox())
    assert properties["datetime"] is None
    assert properties["start_datetime"] == "2022-09-01T00:00:00Z"
    assert properties["end_datetime"] == "2023-05-31T23:59:59Z"
    assert properties["created"] == "2026-11-23T06:00:00Z"
    assert properties["geocrop:model"] == {"name": "zimbabwe-demo", "version": "3"}
    assert properties["geocrop:feature_fingerprint"] == record.card.fingerprint
    assert properties["geocrop:digest"] == record.digest
    assert properties["geocrop:aoi"] == {"lon": 30.2, "lat": -17.36, "radius_m": 600.0}


def test_simulated_data_are_said_first(record: MapRecord, real_record: MapRecord) -> None:
    simulated, real = (build_item(r, ()).properties for r in (record, real_record))
    assert simulated["geocrop:simulated"] is True
    assert simulated["description"].startswith(SIMULATED_NOTICE)
    assert real["geocrop:simulated"] is False
    assert real["description"].startswith("Crop types within 600 m of 17.36° S, 30.2° E")


def test_links_to_files_are_relative_so_that_a_product_can_be_moved(item: pystac.Item) -> None:
    hrefs = {key: item.assets[key].href for key in KINDS}
    assert hrefs == {key: f"./{kind.file_name}" for key, kind in KINDS.items()}
    assert item.get_self_href() is None


def test_rasters_name_their_bands(item: pystac.Item) -> None:
    names = {
        key: [b["name"] for b in item.assets[key].extra_fields["bands"]]
        for key in ("class-map", "confidence", "probabilities")
    }
    assert names == {
        "class-map": ["class"],
        "confidence": [
            *("top", "margin", "entropy", "n_valid", "max_gap_days"),
            *("disagreement", "dissimilarity"),
        ],
        "probabilities": ["maize", "tobacco & <others>", "forêt", "water"],
    }


def test_a_file_that_no_product_has_is_refused(record: MapRecord) -> None:
    with pytest.raises(KeyError):
        build_item(record, [ProductAsset("map", "00" * 32, 1)])


def test_a_masked_map_says_so_and_holds_by_every_extension(
    masked_record: MapRecord, extended: JsonSchemaSTACValidator
) -> None:
    values = build_item(masked_record, ASSETS).to_dict()
    pystac.validation.validate_dict(values, validator=extended)
    properties = values["properties"]
    assert properties["geocrop:mask"] == "cropland"
    assert properties["geocrop:baseline"]["kind"] == "agreement"
    assert list(properties["geocrop:baseline"]["files"]) == ["dw/zim/summer/agreement_2022.tif"]
    assert "Dynamic World" in properties["processing:lineage"]
    mapped = values["assets"]["class-map"]["classification:classes"]
    assert [c["value"] for c in mapped] == [0, 1, 2, 5, 200, 201]
    by_model = properties["mlm:output"][0]["classification:classes"]
    assert [c["value"] for c in by_model] == [1, 2, 5, 200]


def test_a_map_without_a_mask_says_that_too(item: pystac.Item) -> None:
    assert item.properties["geocrop:mask"] == "none"
    assert "geocrop:baseline" not in item.properties
    assert "Dynamic World" not in item.properties["processing:lineage"]


def test_it_links_the_card_of_its_model_and_says_where_it_applies(
    item: pystac.Item, record: MapRecord
) -> None:
    links = [(link.href, link.media_type, link.title) for link in item.get_links("describedby")]
    assert links == [
        ("./model-card.json", "application/json", "Model card: zimbabwe-demo@3"),
        ("./model-card.html", "text/html", "Model card as a page: zimbabwe-demo@3"),
    ]
    told = item.properties["geocrop:applicability"]
    assert told == {
        "threshold": 0.25,
        "inside_share": summarise(record)["applicability"]["inside_share"],
    }
    without = build_item(replace(record, applicability_threshold=None), ASSETS)
    assert without.properties["geocrop:applicability"] is None


def test_mlm_tells_how_votes_are_counted_and_of_which_date(
    item: pystac.Item, record: MapRecord, extended: JsonSchemaSTACValidator
) -> None:
    assert item.properties["mlm:hyperparameters"] == {"seed": 7, "applicability_threshold": 0.25}
    model = MLMExtension.ext(item)
    assert (model.pretrained, model.accelerator, model.batch_size_suggestion) == (False, None, 8192)
    card = replace(
        record.card,
        weights={"xgboost": 0.6, "catboost": 0.4},
        calibration={"xgboost": 1.5, "vote": 0.9},
        as_of=("12-31",),
    )
    early = replace(record, card=card, season=Season(2022, date(2022, 12, 31)))
    values = build_item(early, ASSETS).to_dict()
    pystac.validation.validate_dict(values, validator=extended)
    assert values["properties"]["mlm:hyperparameters"] == {
        "seed": 7,
        "weights": {"xgboost": 0.6, "catboost": 0.4},
        "calibration": {"xgboost": 1.5, "vote": 0.9},
        "applicability_threshold": 0.25,
        "as_of": "12-31",
    }
    assert values["properties"]["geocrop:model"]["as_of"] == "12-31"
    assert values["properties"]["mlm:input"][0]["description"].endswith("after 2022-12-31")
