"""The summary: areas that add up, and what they rest on."""

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.publish.record import SIMULATED_NOTICE, MapRecord
from geocrop_processes.publish.summary import summarise
from geocrop_processes.publish.tally import Tally


def test_areas_of_classes_and_the_unmapped_sum_to_that_of_the_aoi(record: MapRecord) -> None:
    summary = summarise(record)
    mapped = sum(c["hectares"] for c in summary["classes"])
    assert mapped == pytest.approx(summary["mapped_hectares"])
    assert mapped + summary["unmapped_hectares"] == pytest.approx(summary["aoi"]["hectares"])
    assert sum(c["share"] for c in summary["classes"]) == pytest.approx(1, abs=1e-5)


def test_the_area_of_the_aoi_is_that_of_the_circle_but_for_its_edge(
    record: MapRecord, aoi: Aoi
) -> None:
    circle = np.pi * aoi.radius_m**2 / 10_000
    assert summarise(record)["aoi"]["hectares"] == pytest.approx(circle, rel=0.005)


def test_hectares_are_hundredths_of_pixels(
    record: MapRecord, classes: npt.NDArray[np.uint8]
) -> None:
    by_name = {c["name"]: c["hectares"] for c in summarise(record)["classes"]}
    assert by_name["maize"] == round(int((classes == 1).sum()) / 100, 2)
    assert by_name["water"] == 0.0


def test_it_names_place_season_model_and_scenes(record: MapRecord) -> None:
    summary = summarise(record)
    assert summary["season"] == {"year": 2022, "start": "2022-09-01", "end": "2023-05-31"}
    assert summary["model"] == {"name": "zimbabwe-demo", "version": "3"}
    assert summary["scenes_used"] == ["S2A_36KTF_20221112_0_L2A", "S2B_36KTF_20221117_0_L2A"]
    assert summary["scenes_left_out"] == [
        {"title": "S2A_36KTF_20221122_0_L2A", "reason": "its pixels cannot be read"}
    ]


def test_it_is_plain_json_and_the_same_each_time(record: MapRecord) -> None:
    assert json.loads(json.dumps(summarise(record))) == summarise(record)


def test_simulated_imagery_or_a_model_of_it_is_said(
    record: MapRecord, real_record: MapRecord
) -> None:
    assert summarise(record)["notice"] == SIMULATED_NOTICE
    assert summarise(record)["simulated"] is True
    of_model = summarise(replace(record, simulated=False))
    assert of_model["simulated"] is True
    assert (summarise(real_record)["simulated"], summarise(real_record)["notice"]) == (False, None)


def test_a_map_of_nothing_has_no_means(record: MapRecord) -> None:
    empty = summarise(replace(record, tally=Tally()))
    assert empty["clear_dekads"] == dict.fromkeys(("mean", "p05", "p25", "p50", "p75", "p95"))
    assert {c["mean_probability"] for c in empty["classes"]} == {None}


def test_without_a_baseline_there_is_no_comparison(record: MapRecord) -> None:
    assert (summarise(record)["mask"], summarise(record)["baseline"]) == ("none", None)


def test_a_comparison_tells_agreement_and_hectares_of_both(masked_record: MapRecord) -> None:
    assert summarise(masked_record)["baseline"] == {
        "kind": "agreement",
        "keys": ["dw/zim/summer/agreement_2022.tif"],
        "compared_hectares": 10.0,
        "agreement": 0.85,
        "map_cropland_hectares": 7.0,
        "baseline_cropland_hectares": 6.5,
    }


def test_a_masked_map_has_one_class_more_than_its_model(masked_record: MapRecord) -> None:
    summary = summarise(masked_record)
    assert summary["mask"] == "cropland"
    assert [c["code"] for c in summary["classes"]] == [1, 2, 5, 200, 201]
    assert summary["classes"][-1]["name"] == "not cropland (baseline)"
    assert summary["classes"][-1]["mean_probability"] is None


def test_a_comparison_of_nothing_has_no_agreement(masked_record: MapRecord) -> None:
    assert masked_record.baseline is not None
    nothing = replace(masked_record.baseline, comparison=Comparison())
    assert summarise(replace(masked_record, baseline=nothing))["baseline"]["agreement"] is None


def test_the_area_of_applicability_is_summed_whole_and_by_class(
    record: MapRecord, classes: npt.NDArray[np.uint8], confidence: npt.NDArray[np.uint8]
) -> None:
    summary = summarise(record)
    told = summary["applicability"]
    outside = (classes > 0) & (confidence[6] > 100)
    assert told["threshold"] == 0.25
    assert told["outside_hectares"] == round(int(outside.sum()) / 100, 2)
    assert told["inside_hectares"] + told["outside_hectares"] == pytest.approx(
        summary["mapped_hectares"]
    )
    assert sum(c["outside_applicability_hectares"] for c in summary["classes"]) == pytest.approx(
        told["outside_hectares"]
    )
    by_name = {c["name"]: c["outside_applicability_share"] for c in summary["classes"]}
    assert by_name["maize"] == pytest.approx(outside[classes == 1].mean(), abs=1e-4)
    assert by_name["water"] is None
    assert summary["mean_disagreement"] == pytest.approx(
        0.005 * confidence[5][classes > 0].mean(), abs=1e-4
    )


def test_a_model_without_an_area_of_applicability_says_nothing_of_it(record: MapRecord) -> None:
    summary = summarise(replace(record, applicability_threshold=None))
    assert summary["applicability"] is None
    assert {c["outside_applicability_hectares"] for c in summary["classes"]} == {None}
