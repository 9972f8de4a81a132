"""XGBoost as a member: `ubj`."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xgboost

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


class XGBoost(Member):
    """XGBoost, histogram method."""

    name = "xgboost"
    suffix = "ubj"

    def __init__(self, booster: xgboost.Booster) -> None:
        booster.set_param({"nthread": 1})
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
            "objective": "multi:softprob",
            "num_class": int(labels.max()) + 1,
            "tree_method": "hist",
            "max_depth": DEPTH,
            "eta": LEARNING_RATE,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "min_child_weight": 2,
            "seed": seed,
            "nthread": threads,
            **course.parameters,
        }
        told: dict[str, dict[str, list[float]]] = {}
        watched = course.watched
        booster = xgboost.train(
            parameters,
            xgboost.DMatrix(features, label=labels, weight=course.weights),
            rounds,
            evals=[(xgboost.DMatrix(watched[0], label=watched[1]), "watched")] if watched else [],
            evals_result=told,
            early_stopping_rounds=(course.patience or None) if watched else None,
            verbose_eval=False,
        )
        member = cls(booster)
        if watched:
            member.losses = np.array(told["watched"]["mlogloss"])
        return member

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(self._booster.inplace_predict(features), dtype=np.float64)

    def shortened(self, rounds: int) -> Self:
        """See `Member.shortened`."""
        return type(self)(self._booster[: min(rounds, self._booster.num_boosted_rounds())])

    def importances(self, features: int) -> npt.NDArray[np.float64]:
        """See `Member.importances`."""
        found = np.zeros(features)
        for name, gain in self._booster.get_score(importance_type="total_gain").items():
            found[int(name.removeprefix("f"))] = gain
        return shares(found)

    def to_bytes(self) -> bytes:
        """See `Member.to_bytes`."""
        return bytes(self._booster.save_raw("ubj"))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """See `Member.from_bytes`."""
        booster = xgboost.Booster()
        try:
            # the library ends the whole process on an empty buffer
            booster.load_model(bytearray(content or b" "))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise UnusableModel("The XGBoost member cannot be read as ubj.") from error
        return cls(booster)
