"""How the members' votes are counted: each calibrated, weighed, summed, and the sum calibrated once more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.calibration import (
    TEMPERATURES,
    Temperature,
    choose,
    fit_temperature,
    from_json,
)
from geocrop_processes.models.reliability import Probabilities
from geocrop_processes.models.weighting import vote_weights


@dataclass(frozen=True)
class Counting:
    """A soft vote: `sum_m w_m softmax(z_m / T_m) / sum_m w_m`, and then that to the power of 1/T.

    Raises:
        UnusableModel: a weight is not a number from 0 up, no weight is above 0, or a temperature is out of its range.
    """

    calibration: Mapping[str, Temperature] = field(default_factory=dict)
    """By member, what corrects its probabilities; a member that is not named is believed as it is."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By member, how much its vote counts; empty is all alike."""
    temperature: float = 1.0
    """Of the vote: what it is corrected with at last; 1 changes nothing."""

    def __post_init__(self) -> None:
        weights = list(self.weights.values())
        if not all(np.isfinite(w) and w >= 0 for w in weights) or (weights and not any(weights)):
            raise UnusableModel(
                f"Weights of members are numbers from 0 up, not all 0, unlike {weights}."
            )
        low, high = TEMPERATURES
        for t in (self.temperature, *(c.temperature for c in self.calibration.values())):
            if not low <= t <= high:
                raise UnusableModel(f"A temperature is within {TEMPERATURES}, not {t}.")

    def temperature_of(self, member: str) -> float:
        """The temperature that a member is corrected with."""
        return self.calibration[member].temperature if member in self.calibration else 1.0

    def weight_of(self, member: str) -> float:
        """How much a member's vote counts."""
        return self.weights.get(member, 0.0) if self.weights else 1.0

    def to_json(self) -> dict[str, Any]:
        """The counting as JSON values; `from_json` is the inverse."""
        return {
            "calibration": {name: c.to_json() for name, c in self.calibration.items()},
            "weights": dict(self.weights),
            "temperature": self.temperature,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            UnusableModel: it is no counting, or one that no engine evaluates.
        """
        try:
            calibration = {name: from_json(c) for name, c in values["calibration"].items()}
            weights = {str(name): float(w) for name, w in values["weights"].items()}
            temperature = float(values["temperature"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnusableModel(f"The calibration cannot be read: {error}.") from error
        temperatures = {n: c for n, c in calibration.items() if isinstance(c, Temperature)}
        if len(temperatures) < len(calibration):
            raise UnusableModel("Members of a registered ensemble are calibrated by temperatures.")
        return cls(temperatures, weights, temperature)

    def count(
        self, said: Mapping[str, Probabilities]
    ) -> tuple[Probabilities, npt.NDArray[np.float64]]:
        """The vote, float64 (n, classes), and how far the members disagree, float64 (n,).

        Disagreement is the weighted mean of the members' total variation distances to the mean of them all, half the
        sum over classes of |p_m - p|: 0 where all say the same, 1 at most. It is taken before the last temperature.

        Args:
            said: by member, probabilities (n, classes) as they say them; summed in this order.

        Raises:
            UnusableModel: no member's vote counts.
        """
        whole = sum(self.weight_of(name) for name in said)
        if not whole:
            raise UnusableModel(f"The votes of the members {sorted(said)} count nothing.")
        meant = {name: Temperature(self.temperature_of(name)).apply(p) for name, p in said.items()}
        total = np.zeros(next(iter(meant.values())).shape)
        for name, p in meant.items():
            total += self.weight_of(name) * p
        total /= whole
        gap = np.zeros(len(total))
        for name, p in meant.items():
            gap += self.weight_of(name) / (2 * whole) * np.abs(p - total).sum(axis=1)
        return Temperature(self.temperature).apply(total), gap


AS_THEY_ARE = Counting()
"""The mean of what the members say."""


CALIBRATIONS = ("none", "temperature")
"""The ways to calibrate of `calibration.METHODS` that every engine evaluates."""
EQUALITY = 0.5
"""How far weights are moved from those of the least log loss to equal ones: the least log loss alone favours one
member on few samples, and cost rare classes their share (docs/accuracy.md)."""


def fit_counting(
    said: Mapping[str, Probabilities],
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
) -> Counting:
    """Calibrate each member, weigh them by what they were worth, and calibrate their vote.

    Args:
        said: by member, probabilities (n, classes), out of fold.
        labels: (n,) columns.
        folds: (n,) the fold of each sample; two or more.

    Raises:
        InvalidSample: as `calibration.choose`.
    """
    choices = {name: choose(p, labels, folds, CALIBRATIONS) for name, p in said.items()}
    calibration = {name: choice.calibrator for name, choice in choices.items()}
    found = vote_weights([choice.calibrated for choice in choices.values()], labels)
    moved = (1 - EQUALITY) * found + EQUALITY / len(said)
    weights = dict(zip(said, moved.tolist(), strict=True))
    temperatures = {n: c for n, c in calibration.items() if isinstance(c, Temperature)}
    vote, _ = Counting(temperatures, weights).count(said)
    return Counting(temperatures, weights, fit_temperature(vote, labels).temperature)


def count_held_out(
    said: Mapping[str, Probabilities],
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
) -> Probabilities:
    """The vote (n, classes) on each fold, counted as the other folds teach: what a counting is judged by.

    Args:
        said: as in `fit_counting`.
        labels: as in `fit_counting`.
        folds: as in `fit_counting`; of two, each is counted by temperatures of the other and equal weights.

    Raises:
        InvalidSample: as `fit_counting`.
    """
    found = np.empty(next(iter(said.values())).shape)
    few = len(np.unique(folds)) < 3
    for fold in np.unique(folds):
        test = folds == fold
        others = {name: p[~test] for name, p in said.items()}
        fit = _fit_temperatures if few else fit_counting
        found[test] = fit(others, labels[~test], folds[~test]).count(
            {name: p[test] for name, p in said.items()}
        )[0]
    return found


def _fit_temperatures(
    said: Mapping[str, Probabilities],
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],  # noqa: ARG001 - as fit_counting
) -> Counting:
    """Calibrate each member and their mean."""
    temperatures = {name: fit_temperature(p, labels) for name, p in said.items()}
    vote, _ = Counting(temperatures).count(said)
    return Counting(temperatures, {}, fit_temperature(vote, labels).temperature)
