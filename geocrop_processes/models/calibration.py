"""Probabilities that mean what they say: one member's, corrected by what it said of samples it had not seen.

A calibrator is fitted to out-of-fold probabilities, best of spatial folds: a member is surer of samples whose
neighbours it has seen. It is applied to one member's probabilities before the vote.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize_scalar
from scipy.special import log_softmax

from geocrop_processes.errors import InvalidSample, UnusableModel
from geocrop_processes.models.reliability import Labels, Probabilities, check, log_loss

LEAST = 1e-12
"""The least probability whose logarithm is taken, as a share of the highest one of its row."""
TEMPERATURES = (0.05, 20.0)
"""Between these a temperature is looked for."""


class Calibrator(Protocol):
    """Corrects one member's probabilities."""

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Corrected probabilities (n, classes); each row depends on itself alone, and sums to 1."""

    def to_json(self) -> dict[str, Any]:
        """The calibrator as JSON values; `from_json` is the inverse."""


@dataclass(frozen=True)
class Temperature:
    """Divides margins by one number: softmax(z / T), which keeps the order of the classes.

    Guo et al. 2017 (ICML, PMLR 70: 1321-1330), section 4.2. The logarithm of a softmax is its margins up to
    a constant, so it is the same to divide the margins before the softmax, as an engine may.
    """

    temperature: float = 1.0
    """Above 1 it makes the member less sure; 1 changes nothing."""

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """See `Calibrator.apply`."""
        if self.temperature == 1:
            return probabilities
        margins = _margins(probabilities) / self.temperature
        return np.asarray(np.exp(log_softmax(margins, axis=1)))

    def to_json(self) -> dict[str, Any]:
        """See `Calibrator.to_json`."""
        return {"method": "temperature", "temperature": self.temperature}


@dataclass(frozen=True)
class Isotonic:
    """A rising curve for each class, then the row is divided by its sum.

    One class against the others, by isotonic regression: Zadrozny & Elkan 2002 (KDD, 694-699). The order of
    the classes of a sample may change.
    """

    said: tuple[tuple[float, ...], ...]
    """Per class, probabilities that the member says, ascending."""
    meant: tuple[tuple[float, ...], ...]
    """Per class, what they mean: above 0, so that every row has a sum. Between them it is a straight line."""

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """See `Calibrator.apply`."""
        found = np.stack(
            [
                np.interp(column, x, y)
                for column, x, y in zip(probabilities.T, self.said, self.meant, strict=True)
            ],
            axis=1,
        )
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """See `Calibrator.to_json`."""
        return {
            "method": "isotonic",
            "said": [list(x) for x in self.said],
            "meant": [list(y) for y in self.meant],
        }


def fit_nothing(probabilities: Probabilities, labels: Labels) -> Temperature:
    """The calibrator that changes nothing."""
    check(probabilities, labels)
    return Temperature()


def fit_temperature(probabilities: Probabilities, labels: Labels) -> Temperature:
    """The temperature of the least log loss, which has one minimum over 1/T.

    Raises:
        InvalidSample: as `reliability.check`.
    """
    check(probabilities, labels)
    margins = _margins(probabilities)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        own = log_softmax(margins / np.exp(log_temperature), axis=1)[rows, labels]
        return float(-own.mean())

    found = minimize_scalar(
        loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6}
    )
    return Temperature(float(np.exp(found.x)))


def _margins(probabilities: Probabilities) -> Probabilities:
    """What a softmax makes these probabilities of; those of `LEAST` of the highest and less are held alike."""
    highest = probabilities.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.maximum(probabilities, LEAST * highest)))


def fit_isotonic(probabilities: Probabilities, labels: Labels) -> Isotonic:
    """A curve for each class; its ends stay 1 / (n + 2) away from 0 and 1, as Laplace's rule of succession.

    Raises:
        InvalidSample: as `reliability.check`.
    """
    check(probabilities, labels)
    away = 1 / (len(labels) + 2)
    said, meant = [], []
    for code in range(probabilities.shape[1]):
        x, which = np.unique(probabilities[:, code], return_inverse=True)
        n = np.bincount(which)
        hits = np.bincount(which, weights=labels == code)
        y = np.clip(isotonic_regression(hits / n, weights=n).x, away, 1 - away)
        # of a level stretch its two ends say all
        same = np.zeros(len(y), bool)
        same[1:-1] = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
        said.append(tuple(x[~same].tolist()))
        meant.append(tuple(y[~same].tolist()))
    return Isotonic(tuple(said), tuple(meant))


METHODS: Mapping[str, Callable[[Probabilities, Labels], Calibrator]] = {
    "none": fit_nothing,
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}
"""Ways to calibrate by name, the simplest first."""


@dataclass(frozen=True)
class Choice:
    """The way to calibrate that did best on samples it had not seen."""

    method: str
    """Its name in `METHODS`; the simplest of equal ones."""
    calibrator: Calibrator
    """Fitted to all samples."""
    losses: Mapping[str, float]
    """By method, the log loss of each sample's fold by a calibrator fitted to the other folds."""
    calibrated: Probabilities
    """The best method's probabilities of each sample, likewise (n, classes): what to judge it by."""


def choose(
    probabilities: Probabilities,
    labels: Labels,
    folds: npt.NDArray[np.integer],
    methods: Sequence[str] = tuple(METHODS),
) -> Choice:
    """Try methods by cross-validation and fit the one of the least log loss to all samples.

    Args:
        probabilities: (n, classes) of one member, out of fold.
        labels: (n,).
        folds: (n,) the fold of each sample, best the same as of the probabilities.
        methods: names in `METHODS`.

    Raises:
        InvalidSample: as `reliability.check`, or there is only one fold.
    """
    check(probabilities, labels)
    if folds.shape != labels.shape or len(np.unique(folds)) < 2:
        raise InvalidSample("Calibration is judged on samples of two folds or more.")
    found = {name: held_out(METHODS[name], probabilities, labels, folds) for name in methods}
    losses = {name: log_loss(p, labels) for name, p in found.items()}
    best = min(losses, key=lambda name: losses[name])
    return Choice(best, METHODS[best](probabilities, labels), losses, found[best])


def held_out(
    fit: Callable[[Probabilities, Labels], Calibrator],
    probabilities: Probabilities,
    labels: Labels,
    folds: npt.NDArray[np.integer],
) -> Probabilities:
    """Probabilities (n, classes) of each fold by a calibrator that was fitted to the others."""
    found = np.empty_like(probabilities)
    for fold in np.unique(folds):
        test = folds == fold
        found[test] = fit(probabilities[~test], labels[~test]).apply(probabilities[test])
    return found


def from_json(values: Mapping[str, Any]) -> Calibrator:
    """The inverse of `Calibrator.to_json`.

    Raises:
        UnusableModel: it is no calibrator.
    """
    try:
        if values["method"] == "temperature":
            temperature = float(values["temperature"])
            if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:
                raise ValueError(f"a temperature is within {TEMPERATURES}, not {temperature}")  # noqa: TRY301 - told below
            return Temperature(temperature)
        if values["method"] == "isotonic":
            return _isotonic(values["said"], values["meant"])
        raise ValueError(f"there is no method {values['method']!r}")  # noqa: TRY301 - told below
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableModel(f"The calibration cannot be read: {error}.") from error


def _isotonic(said: Sequence[Sequence[float]], meant: Sequence[Sequence[float]]) -> Isotonic:
    """Raises: ValueError: the curves do not rise, or leave what is a probability."""
    xs, ys = (tuple(tuple(float(v) for v in curve) for curve in curves) for curves in (said, meant))
    for x, y in zip(xs, ys, strict=True):
        if not x or len(x) != len(y):
            raise ValueError("a curve has as many abscissas as ordinates")
        rises = np.diff(x) > 0, np.diff(y) >= 0
        if not (
            all(r.all() for r in rises) and 0 <= x[0] <= x[-1] <= 1.001 and 0 < y[0] <= y[-1] <= 1
        ):
            raise ValueError("a curve rises from above 0 to 1 at most")
    return Isotonic(xs, ys)
