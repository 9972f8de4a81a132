"""From labelled samples to an ensemble that says how sure it is, how good it is, and where it applies.

Each kind of member is cross-validated in space: no block of the ground, and no field, is in training and test. That
says how many boosting rounds are best, how far probabilities can be believed (`counting`), what the ensemble is worth
(`evaluation`) and what is unlike everything that it has seen (`applicability`). Then all samples are learnt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.balancing import MOST, POWER
from geocrop_processes.models.counting import Counting, fit_counting
from geocrop_processes.models.crossing import Crossed, Progress, Recipe, cross
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.evaluation import Evaluation, known_outside
from geocrop_processes.models.folds import FOLDS, ground, lacking, random_folds, spatial_folds
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import MEMBERS

MAX_ROUNDS = 300
"""Boosting rounds of a member, at most: cross-validation finds how many."""
PATIENCE = 25
"""Rounds without a gain after which a fit stops."""
BLOCK_M = 10_000.0
"""The side of a block of the ground in metres: the least of what is advised for crops, 10 to 50 km."""
POINTS = 4000
"""Samples that the area of applicability knows at most: a map's time grows with them."""


@dataclass(frozen=True)
class Options:
    """What whoever trains may choose.

    Raises:
        InvalidSample: a number is out of its range.
    """

    seed: int = 1
    """Of everything that is drawn: the same seed and threads on one CPU family give the same ensemble."""
    threads: int = 2
    """Used for each fit."""
    folds: int = FOLDS
    """Of the cross-validations, 2 or more."""
    block_m: float = BLOCK_M
    """The side of a block of the ground in metres: the samples of a block are in one fold."""
    max_rounds: int = MAX_ROUNDS
    """Boosting rounds of a member, at most."""
    patience: int = PATIENCE
    """Rounds without a gain after which a fit stops; 0 makes all members do all rounds."""
    balance: float = POWER
    """How much rare classes are favoured in training, 0..1: the power of the inverse frequency."""
    compare: bool = True
    """Whether there is a random cross-validation beside the spatial one."""
    trials: int = 0
    """Of a search for hyperparameters, for each member; 0 takes the usual ones."""
    budget_s: float = 600.0
    """Seconds that such a search may take at most, for all members; where it ends it, the result depends on the
    machine."""

    def __post_init__(self) -> None:
        ranges = {
            "folds": (2, 50),
            "max_rounds": (1, 5000),
            "patience": (0, 1000),
            "balance": (0, 1),
            "trials": (0, 1000),
            "threads": (1, 256),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise InvalidSample(
                    f"The option {name} is from {low} to {high}, not {getattr(self, name)}."
                )
        if not self.block_m > 0 or not self.budget_s > 0:
            raise InvalidSample(
                f"The options block_m and budget_s are above 0, not {self.block_m} and {self.budget_s}."
            )


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
    options: Options = Options(),
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
    found = validate(samples, options, tell=_part(tell, 0.0, 0.5))
    random = _compared(samples, found, options, _part(tell, 0.5, 0.7))
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


@dataclass(frozen=True)
class Validated:
    """What a spatial cross-validation of all kinds of member gives."""

    codes: tuple[int, ...]
    """The class codes, ascending."""
    labels: npt.NDArray[np.int64]
    """(n,) columns of the codes."""
    folds: npt.NDArray[np.int64]
    """(n,) of blocks of the ground, joined with fields."""
    recipe: Recipe
    """How members are trained."""
    crossed: Mapping[str, Crossed]
    """By member, what it said out of fold, and the rounds that are best for all samples."""
    evaluation: Evaluation
    """What the ensemble is worth."""

    @property
    def counting(self) -> Counting:
        """How votes are to be counted, by all folds."""
        known = known_outside(self.labels, self.folds)
        said = {name: c.probabilities[known] for name, c in self.crossed.items()}
        return fit_counting(said, self.labels[known], self.folds[known])


def validate(
    samples: LabelledSamples,
    options: Options = Options(),
    *,
    tell: Progress = lambda _share, _message: None,
) -> Validated:
    """Cross-validate all kinds of member in space.

    Args:
        samples: as in `train`.
        options: as in `train`.
        tell: as in `train`.

    Raises:
        InvalidSample: as `train`.
    """
    codes, labels = np.unique(samples.codes, return_inverse=True)
    if len(codes) < 2:
        raise InvalidSample(
            f"A model tells two classes or more apart; all {len(samples)} samples are of class {codes[0]}."
        )
    where = samples.x, samples.y, samples.groups
    groups, rule = ground(*where, block_m=options.block_m, folds=options.folds)
    folds = spatial_folds(samples.codes, groups, folds=options.folds, seed=options.seed)
    recipe = Recipe(
        options.seed, options.threads, options.max_rounds, options.patience, options.balance
    )
    crossed = _cross_all(samples, labels, folds, recipe, tell)
    said = {name: c.probabilities for name, c in crossed.items()}
    known = tuple(int(c) for c in codes)
    told = _told(options, labels, groups, folds, rule)
    evaluation = Evaluation.of(told, said, labels, folds, known)
    return Validated(known, labels.astype(np.int64), folds, recipe, crossed, evaluation)


def _cross_all(
    samples: LabelledSamples,
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    recipe: Recipe,
    tell: Progress,
) -> dict[str, Crossed]:
    """The spatial cross-validation of every kind of member."""
    found = {}
    for number, name in enumerate(MEMBERS):
        tell(number / len(MEMBERS), f"Cross-validating {name} in space")
        rounds = None if recipe.patience else recipe.max_rounds
        found[name] = cross(name, samples.features, labels, folds, recipe, rounds)
    return found


def _compared(
    samples: LabelledSamples, found: Validated, options: Options, tell: Progress
) -> Evaluation | None:
    """The random cross-validation beside it, with the same rounds."""
    if not options.compare:
        return None
    folds = random_folds(samples.codes, folds=options.folds, seed=options.seed)
    said = {}
    for number, (name, c) in enumerate(found.crossed.items()):
        tell(number / len(found.crossed), f"Cross-validating {name} at random")
        crossed = cross(name, samples.features, found.labels, folds, found.recipe, c.rounds)
        said[name] = crossed.probabilities
    sentence = (
        f"{options.folds} folds at random within each class, neighbours in training and test: too good wherever they"
        " are alike."
    )
    return Evaluation.of(sentence, said, found.labels, folds, found.codes)


def _told(
    options: Options,
    labels: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    rule: str,
) -> str:
    """The spatial protocol in words."""
    missing = sum(map(len, lacking(labels, folds).values()))
    lack = f" {missing} times a class has no sample in a fold." if missing else ""
    return (
        f"{options.folds} folds of {len(np.unique(groups))} groups: blocks of {options.block_m / 1000:g} km,"
        f" {rule}; no group in training and test.{lack}"
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


def _part(tell: Progress, start: float, end: float) -> Callable[[float, str], None]:
    """Progress of a part as progress of the whole."""
    return lambda share, message: tell(start + share * (end - start), message)
