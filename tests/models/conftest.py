"""Forests that are small enough to be trained while tests run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.models import members
from geocrop_processes.models.ensemble import Ensemble

SEED = 20_221_101


@dataclass(frozen=True)
class Table:
    """Labelled rows."""

    features: npt.NDArray[np.float32]
    """(200, 6)."""
    labels: npt.NDArray[np.int64]
    """(200,), 0..2."""
    codes: npt.NDArray[np.uint8]
    """(200,): the class codes 1, 4 and 13."""


@pytest.fixture(scope="session")
def table() -> Table:
    random = np.random.default_rng(7)
    features = random.normal(size=(200, 6)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64) + (features[:, 1] + features[:, 2] > 0.5)
    return Table(features, labels, np.array([1, 4, 13], np.uint8)[labels])


@pytest.fixture(scope="session")
def forests(table: Table) -> dict[str, members.Member]:
    return {
        name: kind.train(table.features, table.labels, seed=SEED, threads=2, rounds=5)
        for name, kind in members.MEMBERS.items()
    }


@pytest.fixture(scope="session")
def ensemble(forests: dict[str, members.Member]) -> Ensemble:
    return Ensemble((1, 4, 13), forests)
