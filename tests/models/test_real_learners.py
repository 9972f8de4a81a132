"""The training on real rows: one fold of Digital Earth Africa's cropland data of south-east Africa."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.reliability import Reliability
from geocrop_processes.models.training import Options, train

pytestmark = pytest.mark.slow


def test_cropland_that_it_has_not_seen_is_found_as_well_as_is_published(shared: Path) -> None:
    """Balanced accuracy .77 and F1 .74, each with a spread of .02 and .03 (docs/accuracy.md)."""
    path = shared / "data" / "deafrica_cropmask" / "south_eastern_training_data.txt"
    table = np.loadtxt(path)
    n = len(table)
    samples = LabelledSamples(
        features=np.ascontiguousarray(table[:, 1:], np.float32),
        codes=table[:, 0].astype(np.int64) + 1,
        groups=np.arange(n),
        x=np.arange(n, dtype=np.float64) * 1e6,
        y=np.zeros(n),
        lon=np.zeros(n),
        lat=np.zeros(n),
        seasons=np.full(n, 2019),
    )
    test = np.arange(n) % 3 == 0
    # fewer rounds than by default: a test does not wait
    options = Options(folds=3, max_rounds=60, patience=0, compare=False)
    trained = train(samples.take(~test), options)
    probabilities = trained.ensemble.predict_proba(samples.features[test])
    labels, found = samples.codes[test] - 1, probabilities.argmax(axis=1)
    assert balanced_accuracy_score(labels, found) >= 0.75
    assert f1_score(labels, found) >= 0.71
    assert Reliability.of(probabilities, labels).expected_error < 0.05
    inside = trained.applicability.inside(np.ascontiguousarray(samples.features[test].T))
    assert inside.mean() > 0.9
