"""The cross-validations of a training: in space, and at random beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.counting import Counting, fit_counting
from geocrop_processes.models.crossing import Crossed, Recipe, cross
from geocrop_processes.models.evaluation import Evaluation, known_outside
from geocrop_processes.models.folds import ground, lacking, random_folds, spatial_folds
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import MEMBERS
from geocrop_processes.models.options import USUAL, Options


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
    options: Options = USUAL,
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
    if options.trials:
        recipe = replace(
            recipe,
            parameters=_searched(samples, labels, folds, recipe, options, part_of(tell, 0.0, 0.6)),
        )
        tell = part_of(tell, 0.6, 1.0)
    crossed = _cross_all(samples, labels, folds, recipe, tell)
    said = {name: c.probabilities for name, c in crossed.items()}
    known = tuple(int(c) for c in codes)
    told = _told(options, labels, groups, folds, rule)
    evaluation = Evaluation.of(told, said, labels, folds, known)
    return Validated(known, labels.astype(np.int64), folds, recipe, crossed, evaluation)


def _searched(
    samples: LabelledSamples,
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    recipe: Recipe,
    options: Options,
    tell: Progress,
) -> dict[str, dict[str, Any]]:
    """By member, the parameters that a search found."""
    # it takes a second to import, and few trainings search
    from geocrop_processes.models.search import search  # noqa: PLC0415 - as said

    found = {}
    for number, name in enumerate(MEMBERS):
        tell(number / len(MEMBERS), f"Searching parameters of {name}")
        found[name] = search(
            name,
            samples.features,
            labels,
            folds,
            recipe,
            trials=options.trials,
            budget_s=options.budget_s / len(MEMBERS),
        )
    return found


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


def compared(
    samples: LabelledSamples, found: Validated, options: Options, tell: Progress
) -> Evaluation | None:
    """The random cross-validation beside a spatial one, with the same rounds; None where it is not asked for.

    Args:
        samples: as in `validate`.
        found: of the spatial one.
        options: as in `validate`.
        tell: as in `validate`.
    """
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
    searched = (
        f" Hyperparameters were searched on these folds ({options.trials} trials a member): a little too good."
        if options.trials
        else ""
    )
    return (
        f"{options.folds} folds of {len(np.unique(groups))} groups: blocks of {options.block_m / 1000:g} km,"
        f" {rule}; no group in training and test.{lack}{searched}"
    )
