"""docs/accuracy.md tells what was measured, and what was measured is good enough."""

import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from benchmarks.accuracy.protocol import SEEDS
from benchmarks.accuracy.report import (
    DOCUMENT,
    LEARNERS,
    NESTED,
    calibration_table,
    kept_figures,
    learners_table,
    sets_list,
    spread,
    write_report,
)

MEMBERS = ("xgboost", "lightgbm", "catboost")
KEPT = kept_figures()


def of(name: str, learner: str, measure: str) -> float:
    return float(mean(s["learners"][learner][measure] for s in KEPT[name]["seeds"].values()))


def test_the_document_tells_the_figures_that_were_kept() -> None:
    text = DOCUMENT.read_text()
    for table in (learners_table(KEPT), sets_list(KEPT), calibration_table(KEPT)):
        assert table in text


def test_every_set_was_judged_with_every_seed_and_learner() -> None:
    assert list(KEPT) == ["south-east", "southern", "korea", "bavaria"]
    for one in KEPT.values():
        assert list(one["seeds"]) == [str(seed) for seed in SEEDS]
        assert all(list(s["learners"]) == list(LEARNERS) for s in one["seeds"].values())


@pytest.mark.parametrize(
    ("name", "balanced", "f1"), [("south-east", 0.77, 0.74), ("southern", 0.78, 0.73)]
)
def test_the_ensemble_passes_the_published_figures(name: str, balanced: float, f1: float) -> None:
    """Digital Earth Africa's nested cross-validation of a random forest."""
    assert of(name, "ensemble", "balanced") >= balanced
    assert of(name, "ensemble", "f1") >= f1
    nested = json.loads(NESTED.read_text())[name]
    assert nested["balanced"] >= balanced
    assert nested["f1"] >= f1
    for measure in ("balanced", "f1"):
        assert f"{nested[measure] + 1e-9:.3f}".lstrip("0") in DOCUMENT.read_text()


@pytest.mark.parametrize("name", list(KEPT))
def test_the_ensemble_is_not_below_its_best_member_by_more_than_a_hundredth(name: str) -> None:
    best = max(of(name, member, "overall") for member in MEMBERS)
    assert of(name, "ensemble", "overall") >= best - 0.01


def test_calibrated_probabilities_are_nearly_as_right_as_exact_ones_would_look() -> None:
    for one in KEPT.values():
        after, exact = (
            mean(s["ece"][m] for s in one["seeds"].values()) for m in ("after", "perfect")
        )
        assert after <= exact + 0.02


def test_means_are_told_with_their_spread() -> None:
    assert spread([0.1, 0.2, 0.3]) == "0.200 ± 0.100"


def test_a_document_without_a_place_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "accuracy.md"
    copy.write_text("nothing")
    figures: dict[str, Any] = {}
    with pytest.raises(ValueError, match="no marker"):
        write_report(figures, copy)
