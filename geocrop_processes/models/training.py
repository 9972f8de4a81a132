"""From labelled samples to an ensemble that says how sure it is, how good it is, and where it applies.

Each kind of member is cross-validated in space: no block of the ground, and no field, is in training and test. That
says how many boosting rounds are best, how far probabilities can be believed (`counting`), what the ensemble is worth
(`evaluation`) and what is unlike everything that it has seen (`applicability`). Then all samples are learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.balancing import MOST
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.evaluation import Evaluation
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.options import BLOCK_M, MAX_ROUNDS, PATIENCE, USUAL, Options
from geocrop_processes.models.validation import Validated, compared, validate

__all__ = [
    "BLOCK_M",
    "MAX_ROUNDS",
    "PATIENCE",
    "POINTS",
    "Options",
    "Trained",
    "Validated",
    "train",
    "validate",
]

POINTS = 4000
"""Samples that the area of applicability knows at most: a map's time grows with them."""


@dataclass(frozen=True)
class Trained:
    """What a training gives."""

    ensemble: Ensemble
    """It has learnt all samples."""
    applicability: Applicability
    """What the samples are like, in the features that count."""
    spatial: Evaluation
    """By the spatial cross-validation: what to expect on places that it has not seen."""
    random: Evaluation | None
    """By a random one: looks better than it is wherever neighbours are alike; None where it was not asked for."""
    importances: npt.NDArray[np.float64]
    """(features,) the mean of the members' shares; the sum is 1."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """What the training was done with, as JSON values."""

    @property
    def gap(self) -> float:
        """How much better the overall accuracy looks by the random cross-validation; NaN without one."""
        if self.random is None:
            return float("nan")
        return self.random.accuracy.overall - self.spatial.accuracy.overall


def train(
    samples: LabelledSamples,
    options: Options = USUAL,
    *,
    tell: Progress = lambda _share, _message: None,
) -> Trained:
    """Train an ensemble of all kinds of member.

    Args:
        samples: to learn from; all of one as-of date.
        options: how.
        tell: is told the share that is done, and what is being done.

    Raises:
        InvalidSample: there are fewer than two classes, or fewer blocks and fields than folds, or one holds all
            samples but those of one class.
    """
    found = validate(samples, options, tell=part_of(tell, 0.0, 0.5))
    random = compared(samples, found, options, part_of(tell, 0.5, 0.7))
    members = {}
    for number, (name, c) in enumerate(found.crossed.items()):
        tell(0.7 + 0.08 * number, f"Training {name}")
        members[name] = found.recipe.fit(name, samples.features, found.labels, c.rounds)
    importances = np.mean(
        [m.importances(samples.features.shape[1]) for m in members.values()], axis=0
    )
    tell(0.95, "Describing where the model applies")
    counting = found.counting
    return Trained(
        ensemble=Ensemble(
            found.codes, members, counting.calibration, counting.weights, counting.temperature
        ),
        applicability=_applicability(samples, importances, found.folds, options.seed),
        spatial=found.evaluation,
        random=random,
        importances=importances,
        hyperparameters=_hyperparameters(options, found),
    )


def _applicability(
    samples: LabelledSamples,
    importances: npt.NDArray[np.float64],
    folds: npt.NDArray[np.integer],
    seed: int,
) -> Applicability:
    """Of at most `POINTS` samples, drawn at random."""
    rows = np.arange(len(samples))
    if len(rows) > POINTS:
        rows = np.sort(np.random.default_rng([seed, 51]).choice(rows, POINTS, replace=False))
    features = samples.features[rows].T
    # a feature that has one value only in these cannot say how unlike them anything is
    varies = np.isfinite(features).all(axis=1) & (features.min(axis=1) < features.max(axis=1))
    return Applicability.fit(features, np.where(varies, importances, 0), folds[rows])


def _hyperparameters(options: Options, found: Validated) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "threads": options.threads,
        "folds": options.folds,
        "block_m": options.block_m,
        "max_rounds": options.max_rounds,
        "patience": options.patience,
        "class_weights": {"power": options.balance, "most": MOST},
        "trials": options.trials,
        "members": {
            name: {"rounds": c.rounds, **found.recipe.parameters.get(name, {})}
            for name, c in found.crossed.items()
        },
    }
