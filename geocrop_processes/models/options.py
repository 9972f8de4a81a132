"""What whoever trains a model may choose."""

from dataclasses import dataclass

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.balancing import POWER
from geocrop_processes.models.folds import FOLDS

MAX_ROUNDS = 300
"""Boosting rounds of a member, at most: cross-validation finds how many."""
PATIENCE = 25
"""Rounds without a gain after which a fit stops."""
BLOCK_M = 10_000.0
"""The side of a block of the ground in metres: the least of what is advised for crops, 10 to 50 km."""


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


USUAL = Options()
"""What is chosen where nobody says otherwise."""
