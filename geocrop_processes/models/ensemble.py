"""Soft vote: the members' probabilities, calibrated and weighed, as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.counting import Counting
from geocrop_processes.models.forest.votes import Votes
from geocrop_processes.models.members import (
    MEMBERS,
    REFUSALS,
    ROUNDS,
    Features,
    Member,
    Probabilities,
)


@dataclass(frozen=True)
class Ensemble:
    """Members that were trained on the same classes.

    Raises:
        UnusableModel: there is no member, the codes are fewer than two or not ascending, or there is a calibration or
            a weight of a member that there is not.
    """

    codes: tuple[int, ...]
    """Class codes, ascending: one per column of the probabilities."""
    members: Mapping[str, Member]
    """The members by name; they vote in the order of `MEMBERS`."""
    calibration: Mapping[str, Temperature] = field(default_factory=dict)
    """By member, what corrects its probabilities; a member that is not named is believed as it is."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By member, how much its vote counts; empty is all alike."""
    temperature: float = 1.0
    """What the vote is corrected with at last; 1 changes nothing."""

    def __post_init__(self) -> None:
        if not self.members or not set(self.members) <= set(MEMBERS):
            raise UnusableModel(
                f"An ensemble has members of {sorted(MEMBERS)}, not {sorted(self.members)}."
            )
        _check_codes(self.codes)
        named = {*self.calibration, *self.weights}
        if not named <= set(self.members):
            raise UnusableModel(
                f"The ensemble counts votes of {sorted(named)}, its members are {sorted(self.members)}."
            )
        _ = self.counting

    @classmethod
    def train(
        cls,
        features: Features,
        codes: npt.NDArray[np.integer],
        *,
        seed: int,
        threads: int = 2,
        rounds: int = ROUNDS,
    ) -> "Ensemble":
        """Fit all three kinds of member to labelled rows.

        Args:
            features: float32 (n, features), finite.
            codes: (n,) class codes.
            seed: the same seed and threads on one CPU family give the same ensemble.
            threads: used by each fit.
            rounds: of boosting, for each member.

        Raises:
            UnusableModel: there are fewer than two classes.
        """
        classes, labels = np.unique(codes, return_inverse=True)
        _check_codes(classes.tolist())
        members = {
            name: kind.train(features, labels, seed=seed, threads=threads, rounds=rounds)
            for name, kind in MEMBERS.items()
        }
        return cls(tuple(int(c) for c in classes), members)

    @cached_property
    def counting(self) -> Counting:
        """How the members' votes are counted."""
        return Counting(self.calibration, self.weights, self.temperature)

    @cached_property
    def votes(self) -> Votes:
        """The fast way to what `predict_proba` says, for columns of features; made when first asked for."""
        return Votes.of(self.members, len(self.codes), self.poll, self.counting)

    def poll(self, features: Features) -> tuple[Probabilities, npt.NDArray[np.float64]]:
        """The vote, float64 (n, classes), and the members' disagreement, float64 (n,), as `Counting.count` says.

        This is what the libraries say themselves: the measure of `votes`, which maps are made with.

        Raises:
            UnusableModel: a member answers with another number of classes than the ensemble has.
        """
        if not len(features):
            return np.zeros((0, len(self.codes))), np.zeros(0)
        said = {}
        for name in MEMBERS:
            if name in self.members:
                said[name] = self.members[name].predict_proba(features)
                if said[name].shape != (len(features), len(self.codes)):
                    raise UnusableModel(
                        f"The {name} member knows {said[name].shape[-1]} classes, the ensemble {len(self.codes)}."
                    )
        return self.counting.count(said)

    def predict_proba(self, features: Features) -> Probabilities:
        """The vote alone, float64 (n, classes): see `poll`.

        Raises:
            UnusableModel: as `poll`.
        """
        return self.poll(features)[0]

    def check(self, features: int) -> None:
        """Let every member answer a few rows, so that one of other classes or features says so now.

        Args:
            features: how many columns the rows have.

        Raises:
            UnusableModel: a member was trained on other columns or other classes.
        """
        try:
            self.predict_proba(np.zeros((3, features), np.float32))
        except REFUSALS as error:
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise UnusableModel(f"A member does not take {features} features: {reason}.") from error

    def predict(self, features: Features) -> npt.NDArray[np.uint8]:
        """The class code of the highest mean probability, uint8 (n,); the lowest code where two tie."""
        return self.decide(self.predict_proba(features))

    def decide(self, probabilities: Probabilities) -> npt.NDArray[np.uint8]:
        """The class codes, uint8 (n,), of probabilities (n, classes)."""
        return np.asarray(self.codes, np.uint8)[probabilities.argmax(axis=1)]


def _check_codes(codes: Sequence[int]) -> None:
    if len(codes) < 2 or list(codes) != sorted(set(codes)):
        raise UnusableModel(f"An ensemble needs two ascending class codes or more, not {codes}.")
