"""The model that the whole pipeline is measured with: 8 classes, 300 rounds of each library, trees of depth 7 to 8."""

from pathlib import Path

import catboost
import lightgbm
import numpy as np
import xgboost

from benchmarks.landscape import CLASSES, SEASON, Landscape
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.features.bands import BANDS, BANDS_10M, SCL
from geocrop_processes.features.compute import compute
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery.access import read_window
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import (
    MEMBERS,
    CatBoost,
    Features,
    Labels,
    LightGBM,
    XGBoost,
)
from geocrop_processes.registry import RegisteredModel

ROUNDS = 300
"""Of each library: 2,400 trees of XGBoost and of LightGBM, 300 oblivious ones of CatBoost."""
_SAMPLES = 20_000
_ROWS = 256
"""Samples are drawn from the upper rows only, so that most of the map was not trained on."""

LEGEND = Legend(
    tuple(
        CropClass(code, f"kind {code}", f"#{30 * code:02x}8060", cropland=True)
        for code in range(1, CLASSES + 1)
    )
)
"""The landscape's classes."""


def model(folder: Path, seen: Landscape) -> RegisteredModel:
    """Train the model on the landscape, or load it from a folder where it was trained before."""
    paths = {name: folder / f"{name}.{kind.suffix}" for name, kind in MEMBERS.items()}
    if not all(path.exists() for path in paths.values()):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in _train(*samples(seen)).items():
            paths[name].write_bytes(content)
    members = {name: MEMBERS[name].from_bytes(path.read_bytes()) for name, path in paths.items()}
    card = ModelCard(
        name="benchmark",
        description="Trained on the benchmarks' landscape.",
        legend=LEGEND,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=True,
        seasons=(SEASON.year,),
        samples={},
        accuracy={},
        software={},
        seed=0,
    )
    return RegisteredModel(card, "1", {}, Ensemble(LEGEND.codes, members))


def samples(seen: Landscape) -> tuple[Features, Labels]:
    """Features (n, 51) and columns 0..7 (n,) of pixels of the upper rows."""
    width = seen.truth.shape[1]
    dn = np.empty((len(seen.items), len(BANDS), _ROWS, width), np.uint16)
    scl = np.empty((len(seen.items), _ROWS, width), np.uint8)
    for step, scene in enumerate(seen.scenes):
        for place, band in enumerate((*BANDS, SCL)):
            factor = 1 if band in BANDS_10M else 2
            window = (slice(0, _ROWS // factor), slice(0, width // factor))
            pixels = read_window(scene.files[band], window).repeat(factor, 0).repeat(factor, 1)
            if band == SCL:
                scl[step] = pixels
            else:
                dn[step, place] = pixels
    found = compute(dn, scl, [s.solar_day(31.0) for s in seen.scenes]).values.reshape(51, -1).T
    usable = np.flatnonzero(np.isfinite(found).all(axis=1))
    chosen = np.random.default_rng(3).choice(usable, _SAMPLES, replace=False)
    return np.ascontiguousarray(found[chosen]), seen.truth[:_ROWS].ravel()[chosen].astype(int) - 1


def _train(features: Features, labels: Labels) -> dict[str, bytes]:
    """The members in their native formats."""
    boosted = xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": CLASSES,
            "tree_method": "hist",
            "max_depth": 7,
            "eta": 0.05,
            "nthread": 2,
        },
        xgboost.DMatrix(features, label=labels),
        ROUNDS,
    )
    light = lightgbm.train(
        {
            "objective": "multiclass",
            "num_class": CLASSES,
            "num_leaves": 127,
            "max_depth": 8,
            "learning_rate": 0.05,
            "num_threads": 2,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        },
        lightgbm.Dataset(features, label=labels),
        ROUNDS,
    )
    oblivious = catboost.CatBoostClassifier(
        loss_function="MultiClass",
        iterations=ROUNDS,
        depth=8,
        thread_count=2,
        allow_writing_files=False,
        verbose=False,
    )
    oblivious.fit(features, labels)
    members = (XGBoost(boosted), LightGBM(light), CatBoost(oblivious))
    return {member.name: member.to_bytes() for member in members}
