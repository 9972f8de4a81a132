"""What a member of an ensemble is: one forest, in its library's own booster and format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]
Probabilities = npt.NDArray[np.float64]

ROUNDS = 160
"""Boosting rounds of each member; CatBoost, whose trees are simpler, does twice as many."""
LEARNING_RATE = 0.1
"""Shrinkage of each round."""
DEPTH = 6
"""Depth of trees; LightGBM's leaves are limited to match."""


@dataclass(frozen=True)
class Course:
    """How a member is trained, where it is not as ever."""

    weights: npt.NDArray[np.float64] | None = None
    """(n,) how much each row counts; None is all alike."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The library's own parameters that replace the usual ones."""
    watched: tuple[Features, Labels] | None = None
    """Rows that are not learnt, whose log loss is told after each round; their labels occur in training."""
    patience: int = 0
    """The rounds after which a training stops that has not made the watched rows' loss less; 0 is never."""


AS_EVER = Course()
"""Every row counts alike, and nothing is watched."""


class Member(ABC):
    """One forest: rows of features in, rows of class probabilities out."""

    name: ClassVar[str]
    """The library's name, as it stands in cards and products."""
    suffix: ClassVar[str]
    """The suffix of its native format."""

    losses: npt.NDArray[np.float64] = np.empty(0)
    """(rounds,) the log loss of the watched rows after each round; empty where none were watched."""

    @classmethod
    @abstractmethod
    def train(
        cls,
        features: Features,
        labels: Labels,
        *,
        seed: int,
        threads: int,
        rounds: int = ROUNDS,
        course: Course = AS_EVER,
    ) -> Self:
        """Fit to rows of features.

        Args:
            features: float32 (n, features); a column may be NaN throughout.
            labels: (n,) columns 0..classes-1; each occurs.
            seed: of everything that is drawn; the same seed and threads give the same forest.
            threads: used for the fit.
            rounds: of boosting; a few hundred rows need fewer than many thousands.
            course: weights, other parameters, rows to watch.
        """

    @abstractmethod
    def predict_proba(self, features: Features) -> Probabilities:
        """Probabilities, float64 (n, classes); each row depends on its own features alone.

        Runs on the calling thread: whoever calls decides how many there are.
        """

    @abstractmethod
    def shortened(self, rounds: int) -> Self:
        """The forest as it was after so many rounds; all of them, where there were no more."""

    @abstractmethod
    def importances(self, features: int) -> npt.NDArray[np.float64]:
        """What each feature did for the forest, (features,), from 0 up and of sum 1; all 0 where there is no split.

        The loss that its splits took away (gain); of CatBoost, how much its splits change the answer.
        """

    @abstractmethod
    def to_bytes(self) -> bytes:
        """The forest in its library's native format."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The inverse of `to_bytes`.

        Raises:
            UnusableModel: the library cannot read the content.
        """


def shares(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Values from 0 up as shares of their sum; 0 where that is."""
    found = np.asarray(values, np.float64)
    total = float(found.sum())
    return found / total if total else found
