"""Cross-validation of the members: what each says of samples of a fold when it has learnt the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.balancing import class_weights
from geocrop_processes.models.members import MEMBERS, Course, Features, Labels, Member
from geocrop_processes.models.reliability import Probabilities

FEW_ROWS = 5000
"""Up to so many rows are learnt on one thread: more would wait for each other most of the time."""


@dataclass(frozen=True)
class Recipe:
    """How members are trained, whatever they are trained on."""

    seed: int
    """Of everything that is drawn."""
    threads: int
    """Used for each fit of more than `FEW_ROWS` rows."""
    max_rounds: int
    """Of boosting, at most."""
    patience: int
    """Rounds without a gain after which a fit stops; 0 is never."""
    balance: float
    """The power of `class_weights`."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By member, the library's own parameters that replace the usual ones."""

    def fit(
        self,
        name: str,
        features: Features,
        labels: Labels,
        rounds: int,
        watched: tuple[Features, Labels] | None = None,
    ) -> Member:
        """Train one member.

        Args:
            name: of its kind.
            features: (n, features).
            labels: (n,) columns 0..classes-1; each occurs.
            rounds: of boosting.
            watched: rows that are held out, to see when to stop.
        """
        weights = class_weights(labels, power=self.balance) if self.balance else None
        return MEMBERS[name].train(
            features,
            labels,
            seed=self.seed,
            threads=self.threads if len(labels) > FEW_ROWS else 1,
            rounds=rounds,
            course=Course(weights, self.parameters.get(name, {}), watched, self.patience),
        )


@dataclass(frozen=True)
class Crossed:
    """A member's cross-validation."""

    probabilities: Probabilities
    """(n, classes), out of fold; 0 for classes that the other folds have no sample of."""
    rounds: int
    """How many are best for all of the samples: the least mean log loss over the folds."""
    loss: float
    """That log loss; NaN where the rounds were given."""


def cross(
    name: str,
    features: Features,
    labels: Labels,
    folds: npt.NDArray[np.integer],
    recipe: Recipe,
    rounds: int | None = None,
) -> Crossed:
    """Cross-validate one kind of member.

    Where the rounds are not given, each fold's own are those of the least mean log loss over the *other* folds: its
    labels do not say when it is best to stop. A fit that its fold stopped before that is done again.

    Args:
        name: of its kind.
        features: (n, features).
        labels: (n,) columns 0..classes-1.
        folds: (n,).
        recipe: how to train.
        rounds: of every fold.

    Raises:
        InvalidSample: outside a fold there is only one class.
    """
    watch = rounds is None
    fits = [
        _Fold.of(name, features, labels, folds == fold, recipe, rounds) for fold in np.unique(folds)
    ]
    found = np.zeros((len(labels), int(labels.max()) + 1))
    for number, fit in enumerate(fits):
        answer = fit.member
        if watch:
            own = best(fits[:number] + fits[number + 1 :])[0]
            if 0 < len(answer.losses) < own:
                answer = _Fold.of(name, features, labels, fit.test, recipe, own).member
            answer = answer.shortened(own)
        found[np.ix_(fit.test, fit.classes)] = answer.predict_proba(features[fit.test])
    if rounds is not None:
        return Crossed(found, rounds, float("nan"))
    return Crossed(found, *best(fits))


@dataclass(frozen=True)
class _Fold:
    """A member that has not seen some samples."""

    member: Member
    test: npt.NDArray[np.bool_]
    classes: npt.NDArray[np.int64]
    """The columns of the samples that it was trained on."""
    watched: int
    """How many it was watched on."""

    @classmethod
    def of(
        cls,
        name: str,
        features: Features,
        labels: Labels,
        test: npt.NDArray[np.bool_],
        recipe: Recipe,
        rounds: int | None,
    ) -> "_Fold":
        classes, own = np.unique(labels[~test], return_inverse=True)
        if len(classes) < 2:
            raise InvalidSample(
                "Outside one of the folds all samples are of one class: take smaller blocks, or fewer folds."
            )
        watch = test & np.isin(labels, classes)
        watched = (features[watch], np.searchsorted(classes, labels[watch]))
        member = recipe.fit(
            name,
            features[~test],
            own,
            rounds or recipe.max_rounds,
            watched if rounds is None and watch.any() else None,
        )
        return cls(member, test, classes.astype(np.int64), int(watch.sum()))


def best(fits: "list[_Fold]") -> tuple[int, float]:
    """The rounds of the least mean log loss over some folds, and that loss; of a fold that stopped, its last counts."""
    told = [f for f in fits if len(f.member.losses)]
    length = max(len(f.member.losses) for f in told)
    total = np.zeros(length)
    for f in told:
        losses = f.member.losses
        total += f.watched * np.concatenate([losses, np.full(length - len(losses), losses[-1])])
    total /= sum(f.watched for f in told)
    return int(total.argmin()) + 1, float(total.min())
