"""Real labelled data: what each set is, and where it is read from.

Of sets without coordinates every group is a place of its own, 1,000 km from the next, so that blocks join none.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS, NO_DATA_DN, harmonise
from geocrop_processes.features.compute import compute
from geocrop_processes.imagery.scene import OFFSET
from geocrop_processes.models.labelled import LabelledSamples

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Beside the checkout."""
_APART_M = 1e6
_KOREA = {"us": 2021, "yc": 2021, "nj": 2021, "nh": 2022}
_BAVARIA_MIN, _KOREA_MIN = 10, 15


@dataclass(frozen=True)
class RealSet:
    """One set of labelled data and how it is judged."""

    name: str
    """As it stands in the document."""
    samples: LabelledSamples
    """Its rows."""
    about: str
    """Classes, rows, features and what a group is, in a sentence."""
    published: str
    """What others have published of it; empty where nothing was found."""


def read(name: str) -> RealSet:
    """A set by its name in `SETS`."""
    return SETS[name]()


def _samples(
    features: npt.NDArray[np.float32],
    codes: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
) -> LabelledSamples:
    place = groups.astype(np.float64)
    return LabelledSamples(
        features=np.ascontiguousarray(features, np.float32),
        codes=codes.astype(np.int64),
        groups=groups.astype(np.int64),
        x=place * _APART_M,
        y=np.zeros(len(codes)),
        lon=np.zeros(len(codes)),
        lat=np.zeros(len(codes)),
        seasons=np.full(len(codes), 2019),
    )


def _cropmask(region: str, name: str, published: str) -> RealSet:
    table = np.loadtxt(DATA / "deafrica_cropmask" / f"{region}_training_data.txt")
    features = table[:, 1:].astype(np.float32)
    # equal rows, were there any, stay together
    groups = np.unique(features, axis=0, return_inverse=True)[1].ravel()
    return RealSet(
        name,
        _samples(features, table[:, 0].astype(np.int64) + 1, groups),
        f"crop and non-crop, {len(table):,} rows of 33 features of Sentinel-2 geomedians, no coordinates: rows at"
        " random",
        published,
    )


def south_east() -> RealSet:
    """Digital Earth Africa's cropland training data of Zimbabwe, Zambia, Malawi and Mozambique."""
    return _cropmask(
        "south_eastern", "DE Africa South-East", "balanced accuracy .77 ± .02, F1 .74 ± .03"
    )


def southern() -> RealSet:
    """Digital Earth Africa's cropland training data of southern Africa."""
    return _cropmask("southern", "DE Africa Southern", "balanced accuracy .78, F1 .73")


def korea() -> RealSet:
    """Parcels in Korea, with our own 51 features."""
    parts = [_korean(DATA / "korea_parcels" / f"sample_{r}.csv", y) for r, y in _KOREA.items()]
    features = np.concatenate([f for f, _ in parts])
    crops = np.concatenate([c for _, c in parts])
    known, counts = np.unique(crops, return_counts=True)
    chosen = np.isin(crops, known[counts >= _KOREA_MIN]) & np.isfinite(features).all(axis=1)
    groups = np.unique(features[chosen], axis=0, return_inverse=True)[1].ravel()
    return RealSet(
        "Korea",
        _samples(features[chosen], crops[chosen], groups),
        f"{len(np.unique(crops[chosen]))} crops, {chosen.sum()} parcels of 2021/22 and 2022/23, our 51 features;"
        " grouped by parcel",
        "",
    )


def _korean(path: Path, year: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    season = Season(year)
    found = (re.fullmatch(r"b02_(\d{8})", name) for name in rows[0])
    days = sorted({m[1] for m in found if m})
    used = [d for d in days if season.start <= date.fromisoformat(d) <= season.end]
    dn = np.array(
        [[_column(rows, f"{band.lower()}_{day}") for band in BANDS] for day in used], np.uint16
    )
    # the tables have no scene classification: every date with data counts as clear
    scl = np.where((dn == NO_DATA_DN).any(axis=1), 0, 4).astype(np.uint8)
    values = compute(harmonise(dn, OFFSET), scl, [date.fromisoformat(d) for d in used]).values
    return values.T, np.array([int(row["CR_ID"]) for row in rows])


def _column(rows: list[dict[str, str]], name: str) -> list[int]:
    return [round(float(row[name] or NO_DATA_DN)) for row in rows]


def bavaria() -> RealSet:
    """Fields in Bavaria: the three indices that our monthly features are of, on 14 half-months."""
    path = DATA / "bavaria" / "Test_bavaria.xlsx"
    table = pyogrio.read_dataframe(path, layer="Sheet1", read_geometry=False).to_numpy()
    rows = table[1:, 1:].astype(str)
    _, field = np.unique(rows[:, 0].astype(np.int64), return_inverse=True)
    _, step = np.unique(rows[:, 1], return_inverse=True)
    band = {name: rows[:, i - 1].astype(np.float64) for i, name in enumerate(table[0]) if i > 4}
    narrow, swir = band["B8A_mean"], band["B11_mean"]
    indices = (band["NDVI_mean"], band["NDRE_mean"], (narrow - swir) / (narrow + swir))
    values = np.full((field.max() + 1, step.max() + 1, len(indices)), np.nan, np.float32)
    values[field, step] = np.stack(indices, axis=1)
    crops = np.zeros(len(values), np.int64)
    crops[field] = rows[:, 3].astype(np.int64)
    known, counts = np.unique(crops, return_counts=True)
    kept = known[counts >= _BAVARIA_MIN]
    chosen = np.isin(crops, kept) & np.isfinite(values).all(axis=(1, 2))
    # codes of the state's own list are above 255
    codes = 1 + np.searchsorted(kept, crops[chosen])
    features = values[chosen].reshape(chosen.sum(), -1)
    return RealSet(
        "Bavaria",
        _samples(features, codes, np.flatnonzero(chosen)),
        f"{len(kept)} crops, {chosen.sum()} fields of 2018, NDVI, NDRE and LSWI of 14 half-months at the top of the"
        " atmosphere; a row is a field",
        "",
    )


SETS: Mapping[str, Callable[[], RealSet]] = {
    "south-east": south_east,
    "southern": southern,
    "korea": korea,
    "bavaria": bavaria,
}
"""The sets by name."""
