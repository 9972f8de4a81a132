"""LightGBM as a member: `txt`."""

import re
from typing import Any, Self

import lightgbm
import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.member import (
    AS_EVER,
    DEPTH,
    LEARNING_RATE,
    ROUNDS,
    Course,
    Features,
    Labels,
    Member,
    Probabilities,
    shares,
)

_WHOLE = re.compile(r"tree\n.*\nend of trees\n.*\nend of parameters\n.*\n", re.DOTALL)
"""A text that was not cut off: the library ends the whole process where a tree is incomplete."""


class LightGBM(Member):
    """LightGBM in its deterministic mode."""

    name = "lightgbm"
    suffix = "txt"

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster

    @classmethod
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
        """See `Member.train`."""
        parameters: dict[str, Any] = {
            "objective": "multiclass",
            "num_class": int(labels.max()) + 1,
            "num_leaves": 2**DEPTH // 2,
            "learning_rate": LEARNING_RATE,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "min_data_in_leaf": 10,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "num_threads": threads,
            "verbosity": -1,
            **course.parameters,
        }
        rows = lightgbm.Dataset(features, label=labels, weight=course.weights)
        told: dict[str, dict[str, list[float]]] = {}
        watched: list[lightgbm.Dataset] = []
        callbacks = [lightgbm.record_evaluation(told)]
        if course.watched:
            watched = [lightgbm.Dataset(course.watched[0], course.watched[1], reference=rows)]
            if course.patience:
                callbacks.append(lightgbm.early_stopping(course.patience, verbose=False))
        booster = lightgbm.train(
            parameters,
            rows,
            rounds,
            valid_sets=watched,
            valid_names=["watched"] * len(watched),
            callbacks=callbacks if watched else [],
            keep_training_booster=True,
        )
        # all rounds, of which the library would keep those that are best for the watched rows: whoever watched decides
        member = cls(lightgbm.Booster(model_str=booster.model_to_string(num_iteration=-1)))
        if watched:
            member.losses = np.array(told["watched"]["multi_logloss"])
        return member

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)

    def shortened(self, rounds: int) -> Self:
        """See `Member.shortened`."""
        text = self._booster.model_to_string(num_iteration=rounds)
        return type(self)(lightgbm.Booster(model_str=text))

    def importances(self, features: int) -> npt.NDArray[np.float64]:
        """See `Member.importances`."""
        found = np.zeros(features)
        gains = self._booster.feature_importance("gain")
        found[: len(gains)] = gains
        return shares(found)

    def to_bytes(self) -> bytes:
        """See `Member.to_bytes`."""
        return str(self._booster.model_to_string()).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """See `Member.from_bytes`."""
        try:
            text = content.decode()
            if not _WHOLE.fullmatch(text):
                raise ValueError("the text does not begin and end as the format does")  # noqa: TRY301
            return cls(lightgbm.Booster(model_str=text))
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise UnusableModel("The LightGBM member cannot be read as its text format.") from error
