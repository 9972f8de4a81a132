"""How a set is judged: five folds, five seeds, our ensemble beside its members and a random forest."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks.accuracy.data import RealSet
from geocrop_processes.models.folds import spatial_folds
from geocrop_processes.models.options import Options
from geocrop_processes.models.reliability import Labels, Probabilities, Reliability
from geocrop_processes.models.training import train
from geocrop_processes.models.validation import validate

SEEDS = (1, 2, 3, 4, 5)
"""Of folds, members and forest."""
TREES = 200
"""Of the random forest; its other settings are scikit-learn's."""
_DRAWS = 200


@dataclass(frozen=True)
class Figures:
    """How good one learner was, over all folds of one seed."""

    overall: float
    """Overall accuracy."""
    balanced: float
    """Balanced accuracy: the mean of the classes' recalls."""
    f1: float
    """F1 of crop where there are two classes, else the mean over the classes."""

    @classmethod
    def of(cls, labels: Labels, predicted: Labels) -> "Figures":
        """By scikit-learn, which the published figures are made with too."""
        average = "binary" if labels.max() == 1 else "macro"
        return cls(
            float((labels == predicted).mean()),
            float(balanced_accuracy_score(labels, predicted)),
            float(f1_score(labels, predicted, average=average)),
        )


def judge(chosen: RealSet, seed: int) -> dict[str, Any]:
    """All figures of one seed, as JSON values: by learner, and the calibration error.

    The ensemble is the one that `train` registers by default: boosting rounds, temperatures and weights of each fold
    are those that the other folds teach.
    """
    samples = chosen.samples
    found = validate(samples, Options(seed=seed))
    labels = found.labels
    forest = np.zeros_like(labels)
    for fold in np.unique(found.folds):
        test = found.folds == fold
        learner = RandomForestClassifier(TREES, random_state=seed, n_jobs=1)
        learner.fit(samples.features[~test], labels[~test])
        forest[test] = learner.predict(samples.features[test])
    vote = found.evaluation.probabilities
    learners = {
        "ensemble": vote.argmax(axis=1),
        **{name: c.probabilities.argmax(axis=1) for name, c in found.crossed.items()},
        "random forest": forest,
    }
    return {
        "rows": len(labels),
        "rounds": {name: c.rounds for name, c in found.crossed.items()},
        "learners": {name: asdict(Figures.of(labels, p)) for name, p in learners.items()},
        "ece": {
            "before": found.evaluation.before.expected_error,
            "after": found.evaluation.after.expected_error,
            "perfect": perfect(vote, seed),
        },
    }


def nested(chosen: RealSet, seed: int) -> dict[str, float]:
    """The ensemble's figures where the whole of `train` is done anew without each fold: slower, and as honest as can be."""
    samples = chosen.samples
    codes, labels = np.unique(samples.codes, return_inverse=True)
    folds = spatial_folds(samples.codes, samples.groups, seed=seed)
    found = np.zeros_like(labels)
    for fold in np.unique(folds):
        test = folds == fold
        trained = train(samples.take(~test), Options(seed=seed, compare=False))
        found[test] = np.searchsorted(codes, trained.ensemble.predict(samples.features[test]))
    return asdict(Figures.of(labels, found))


def perfect(probabilities: Probabilities, seed: int) -> float:
    """The mean calibration error that these probabilities would show were they exactly right.

    With few samples the bins' shares scatter, and the error is above 0 for that alone.
    """
    random = np.random.default_rng(seed)
    below: npt.NDArray[np.float64] = probabilities.cumsum(axis=1)[:, :-1]
    errors = []
    for _ in range(_DRAWS):
        drawn = (below < random.random((len(below), 1))).sum(axis=1)
        errors.append(Reliability.of(probabilities, drawn).expected_error)
    return float(np.mean(errors))
