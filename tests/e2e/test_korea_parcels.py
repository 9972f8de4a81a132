"""Real series of 800 Korean parcels: irregular dates through all 51 features, and what a wrong offset costs.

The tables (`korea_parcels`) hold the mean digital number of each parcel, band and date. All dates carry the
+1000 of Collection 1, those before 2022-01-25 too. They have no scene classification: every date with data
counts as clear, and the features' medians meet what cloud is left in it.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS, NO_DATA_DN, harmonise
from geocrop_processes.features.compute import Features, compute
from geocrop_processes.imagery.scene import OFFSET
from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.ensemble import Ensemble

SEASONS = {"us": 2021, "yc": 2021, "nj": 2021, "nh": 2022}
"""The only season, September to May, that a region's dates cover. Winter crops grow in it, orchards and
greenhouses are there all year; of summer crops it holds the harvest, the winter field and the next sowing."""
MIN_PARCELS = 15
"""What a class needs to be judged."""
CLEAR = 4
"""The scene classification that stands for the one that the tables lack."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Region:
    """The parcels of one table in one season."""

    dn: npt.NDArray[np.uint16]
    """(time, 10, parcels), as delivered, 0 = none."""
    dates: list[date]
    crops: list[int]
    """The crop code of each parcel."""

    def features(self, offset: int) -> Features:
        scl = np.where((self.dn == NO_DATA_DN).any(axis=1), 0, CLEAR).astype(np.uint8)
        return compute(harmonise(self.dn, offset), scl, self.dates)


@dataclass(frozen=True)
class Judged:
    """What was predicted of parcels by models of others."""

    codes: npt.NDArray[np.uint8]
    ensemble: npt.NDArray[np.uint8]
    forest: npt.NDArray[np.uint8]
    wrong_offset: npt.NDArray[np.uint8]
    """By the same ensembles, from features of pixels whose offset was left in."""

    def accuracy(self, predicted: npt.NDArray[np.uint8]) -> Accuracy:
        return Accuracy.of(self.codes, predicted, np.unique(self.codes).tolist())


@pytest.fixture(scope="module")
def regions(shared: Path) -> list[Region]:
    folder = shared / "data" / "korea_parcels"
    return [_region(folder / f"sample_{name}.csv", Season(y)) for name, y in SEASONS.items()]


@pytest.fixture(scope="module")
def judged(
    regions: list[Region],
    train_on_folds: Callable[..., Iterator[tuple[npt.NDArray[np.bool_], Ensemble, Any]]],
) -> Judged:
    """Five folds over parcels. A parcel is one row; equal series, were there any, would stay together."""
    crops = np.concatenate([np.array(r.crops) for r in regions])
    codes, counts = np.unique(crops, return_counts=True)
    chosen = np.isin(crops, codes[counts >= MIN_PARCELS])
    labels = crops[chosen].astype(np.uint8)
    right, wrong = (
        np.concatenate([r.features(offset).values.T for r in regions])[chosen]
        for offset in (OFFSET, 0)
    )
    groups = np.unique(right, axis=0, return_inverse=True)[1].ravel()
    splits = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(right, labels, groups)
    folds = ((rows, np.isin(np.arange(len(labels)), held_out)) for rows, held_out in splits)
    by_ensemble, by_forest, by_wrong = (np.zeros_like(labels) for _ in range(3))
    for held_out, ensemble, forest in train_on_folds(right, labels, folds):
        by_ensemble[held_out] = ensemble.predict(right[held_out])
        by_forest[held_out] = forest.predict(right[held_out])
        by_wrong[held_out] = ensemble.predict(wrong[held_out])
    return Judged(labels, by_ensemble, by_forest, by_wrong)


def _region(path: Path, season: Season) -> Region:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    days = sorted({m[1] for name in rows[0] if (m := re.fullmatch(r"b02_(\d{8})", name))})
    dates = {day: date.fromisoformat(day) for day in days}
    used = {day: when for day, when in dates.items() if season.start <= when <= season.end}
    dn = [[_column(rows, f"{band.lower()}_{day}") for band in BANDS] for day in used]
    return Region(np.array(dn, np.uint16), list(used.values()), [int(row["CR_ID"]) for row in rows])


def _column(rows: Iterable[Mapping[str, str]], name: str) -> list[int]:
    """Digital numbers of a band and date, rounded from means; 0 where a parcel has none."""
    return [round(float(row[name] or NO_DATA_DN)) for row in rows]


def test_irregular_dates_give_all_features_of_every_parcel(regions: list[Region]) -> None:
    assert [len(r.dates) for r in regions] == [106, 54, 54, 108]
    for region in regions:
        features = region.features(OFFSET)
        assert np.isfinite(features.values).all()
        assert features.n_valid.min() >= 10


def test_parcels_that_the_ensemble_has_not_seen_are_named_as_well_as_by_a_random_forest(
    judged: Judged,
) -> None:
    ensemble, forest = judged.accuracy(judged.ensemble), judged.accuracy(judged.forest)
    assert ensemble.overall >= forest.overall - 0.02
    assert ensemble.macro_f1 >= forest.macro_f1 - 0.02


def test_an_offset_that_is_left_in_costs_a_tenth_of_all_parcels_their_class(
    judged: Judged,
) -> None:
    right, wrong = judged.accuracy(judged.ensemble), judged.accuracy(judged.wrong_offset)
    assert right.overall - wrong.overall >= 0.10


def test_pixels_of_dates_before_the_new_baseline_carry_the_offset_too(
    regions: list[Region],
) -> None:
    """So that a rule by date would be wrong here: the darkest blue is above 1000 in 2021 already."""
    for region in regions:
        early = region.dn[[d < date(2022, 1, 25) for d in region.dates], BANDS.index("B02")]
        if early.size:
            assert np.percentile(early[early != NO_DATA_DN], 1) > 1000


def test_the_document_tells_what_was_measured_on_the_parcels(
    judged: Judged, regions: list[Region], documented: Mapping[str, Mapping[str, float]]
) -> None:
    ensemble, forest = judged.accuracy(judged.ensemble), judged.accuracy(judged.forest)
    measured = {
        "dates": sum(len(r.dates) for r in regions),
        "fields or parcels": len(judged.codes),
        "classes": len(ensemble.codes),
        "ensemble OA": ensemble.overall,
        "ensemble F1": ensemble.macro_f1,
        "forest OA": forest.overall,
        "forest F1": forest.macro_f1,
        "wrong offset OA": judged.accuracy(judged.wrong_offset).overall,
    }
    assert documented["Korea 2021/22 and 2022/23"] == pytest.approx(measured, abs=0.01)
