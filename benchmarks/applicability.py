"""The dissimilarity index of 512 x 512 pixels against 10,000 training samples with 51 features.

Ours is `Applicability.index`. The others find the nearest sample in the same weighted space, where the pixels already
lie: scikit-learn by brute force, SciPy by `cdist` (some hundred pixels at a time) and by its k-d tree. They see fewer
pixels, since they take long. Compared is processor time per pixel; beside it is what the forests of 8 classes x 300
rounds take for the same pixels. Samples and pixels are rows like those of crops, which need not lie beside each other
in a picture; the weights are XGBoost's gains.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xgboost
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from benchmarks.inference import CACHE, CLASSES, FEATURES, LARGE, samples, trained
from benchmarks.measure import Figure, show, side_by_side
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.ensemble import Ensemble

SAMPLES = 10_000
PIXELS = 512 * 512
FEW = 4000
"""Pixels that the others see."""
REPETITIONS = 3
_STEP = 200
"""Pixels at a time of `cdist`: 16 MB of distances."""
_GOALS = {"scikit-learn, brute force": 2.0, "SciPy, cdist": 6.0, "SciPy, k-d tree": 3.0}

Places = npt.NDArray[np.float64]


def figures() -> list[Figure]:
    """Speed beside others and beside the forests, and how exact it is."""
    known = applicability()
    pixels = np.ascontiguousarray(samples(PIXELS, 3)[0].T)
    places = np.ascontiguousarray(
        ((pixels[:, :FEW] - known.mean[:, None]) * known.weight[:, None]).T
    )
    points = np.ascontiguousarray(known.points.T)
    others = _others(points, places)
    members = {name: trained(name, *size) for name, size in LARGE.items()}
    votes = Ensemble(tuple(range(CLASSES)), members).votes
    # what is made or compiled once is made before
    known.index(pixels[:, :100])
    votes.decide(pixels[:, :600])
    works = {"ours": lambda: known.index(pixels), "forests": lambda: votes.decide(pixels)}
    costs = side_by_side(works | others, REPETITIONS)
    ours = 1e6 * costs["ours"].cpu_s / PIXELS
    label, unit = f"nearest of {SAMPLES:,} samples", "cpu-s per Mpx"
    return [
        *(
            Figure(label, ours, 1e6 * costs[name].cpu_s / FEW, unit, goal, name)
            for name, goal in _GOALS.items()
        ),
        Figure(
            f"{label} beside the votes",
            ours,
            1e6 * costs["forests"].cpu_s / PIXELS,
            unit,
            None,
            f"the forests, {votes.engine}",
        ),
        _exactness(known, pixels[:, :FEW], cdist(places, points).min(axis=1)),
    ]


def applicability() -> Applicability:
    """That of the samples, from the cache where it was learned before."""
    path = Path(CACHE) / f"applicability-{SAMPLES}.npz"
    if not path.exists():
        rows, _ = samples(SAMPLES, 1)
        booster = xgboost.Booster()
        member = trained("xgboost", *LARGE["xgboost"])
        booster.load_model(bytearray(member.to_bytes()))
        gains = booster.get_score(importance_type="total_gain")
        importance = np.array([gains.get(f"f{n}", 0.0) for n in range(FEATURES)])
        learned = Applicability.fit(
            np.ascontiguousarray(rows.T), importance, np.arange(SAMPLES) % 5
        )
        path.write_bytes(learned.to_bytes())
    return Applicability.from_bytes(path.read_bytes())


def _others(points: Places, places: Places) -> dict[str, Callable[[], object]]:
    brute = NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=1).fit(points)
    tree = cKDTree(points)

    def by_cdist() -> list[npt.NDArray[np.float64]]:
        parts = range(0, len(places), _STEP)
        return [cdist(places[start : start + _STEP], points).min(axis=1) for start in parts]

    return {
        "scikit-learn, brute force": lambda: brute.kneighbors(places),
        "SciPy, cdist": by_cdist,
        "SciPy, k-d tree": lambda: tree.query(places),
    }


def _exactness(
    known: Applicability, pixels: npt.NDArray[np.float32], distances: npt.NDArray[np.float64]
) -> Figure:
    """The largest difference, as a share of the index: float32 is what is stored."""
    expected = distances / known.mean_distance
    difference = float((np.abs(known.index(pixels) - expected) / expected).max())
    return Figure("largest difference of an index", max(difference, 1e-17), 1e-6, "1", 1, "allowed")


if __name__ == "__main__":
    show(figures())
