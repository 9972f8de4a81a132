"""CatBoost as a member: `cbm`."""

import tempfile
from pathlib import Path
from typing import Any, Self

import catboost
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

_TREES = 2
"""Trees of a round: oblivious ones are simpler than those of the others."""


class CatBoost(Member):
    """CatBoost on the CPU, with its oblivious trees."""

    name = "catboost"
    suffix = "cbm"

    def __init__(self, classifier: catboost.CatBoostClassifier) -> None:
        self._classifier = classifier

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
            "loss_function": "MultiClass",
            "iterations": _TREES * rounds,
            "depth": DEPTH,
            "learning_rate": 1.5 * LEARNING_RATE,
            "border_count": 128,
            "random_seed": seed,
            "thread_count": threads,
            "allow_writing_files": False,
            "verbose": False,
            **course.parameters,
        }
        classifier = catboost.CatBoostClassifier(**parameters)
        watching: dict[str, Any] = {}
        if course.watched:
            watching = {"eval_set": course.watched, "use_best_model": False}
            if course.patience:
                watching["early_stopping_rounds"] = _TREES * course.patience
        classifier.fit(features, labels, sample_weight=course.weights, **watching)
        # the hour of training and a random name would make the bytes of equal forests differ
        for entry in ("train_finish_time", "model_guid"):
            classifier.get_metadata()[entry] = ""
        member = cls(classifier)
        if course.watched:
            told = classifier.get_evals_result()["validation"]["MultiClass"]
            member.losses = np.array(told[_TREES - 1 :: _TREES])
        return member

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(
            self._classifier.predict_proba(features, thread_count=1), dtype=np.float64
        )

    def shortened(self, rounds: int) -> Self:
        """See `Member.shortened`."""
        classifier = self._classifier.copy()
        classifier.shrink(min(_TREES * rounds, classifier.tree_count_))
        return type(self)(classifier)

    def importances(self, features: int) -> npt.NDArray[np.float64]:
        """See `Member.importances`."""
        found = np.zeros(features)
        changes = self._classifier.get_feature_importance()
        found[: len(changes)] = changes
        return shares(found)

    def to_bytes(self) -> bytes:
        """See `Member.to_bytes`."""
        # CatBoost writes its format to files only
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "member.cbm"
            self._classifier.save_model(str(path), format="cbm")
            return path.read_bytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """See `Member.from_bytes`."""
        classifier = catboost.CatBoostClassifier()
        try:
            # the library reads on beyond the end where the length that follows "CBM1" says so
            if int.from_bytes(content[4:8], "little") > len(content) - 8:
                raise ValueError("the content is shorter than it says")  # noqa: TRY301
            classifier.load_model(blob=content)
        except (catboost.CatBoostError, ValueError) as error:
            raise UnusableModel("The CatBoost member cannot be read as cbm.") from error
        return cls(classifier)
