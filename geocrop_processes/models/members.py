"""The three gradient-boosted forests that vote: XGBoost, LightGBM and CatBoost.

Each is held in its library's own booster and stored in its library's own format (`ubj`, `txt`, `cbm`).
Those formats are data: reading one runs no code, which a pickle would.
"""

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import xgboost

from geocrop_processes.errors import UnusableModel

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]
Probabilities = npt.NDArray[np.float64]

ROUNDS = 160
"""Boosting rounds of each member; CatBoost, whose trees are simpler, does twice as many."""
LEARNING_RATE = 0.1
"""Shrinkage of each round."""
DEPTH = 6
"""Depth of trees; LightGBM's leaves are limited to match."""

_WHOLE_LIGHTGBM = re.compile(r"tree\n.*\nend of trees\n.*\nend of parameters\n.*\n", re.DOTALL)
"""A text that was not cut off: the library ends the whole process where a tree is incomplete."""


class Member(ABC):
    """One forest: rows of features in, rows of class probabilities out."""

    name: ClassVar[str]
    """The library's name, as it stands in cards and products."""
    suffix: ClassVar[str]
    """The suffix of its native format."""

    @classmethod
    @abstractmethod
    def train(
        cls, features: Features, labels: Labels, *, seed: int, threads: int, rounds: int = ROUNDS
    ) -> Self:
        """Fit to rows of features.

        Args:
            features: float32 (n, features).
            labels: (n,) columns 0..classes-1; each occurs.
            seed: of everything that is drawn; the same seed and threads give the same forest.
            threads: used for the fit.
            rounds: of boosting; a few hundred rows need fewer than many thousands.
        """

    @abstractmethod
    def predict_proba(self, features: Features) -> Probabilities:
        """Probabilities, float64 (n, classes); each row depends on its own features alone.

        Runs on the calling thread: whoever calls decides how many there are.
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


class XGBoost(Member):
    """XGBoost, histogram method."""

    name = "xgboost"
    suffix = "ubj"

    def __init__(self, booster: xgboost.Booster) -> None:
        booster.set_param({"nthread": 1})
        self._booster = booster

    @classmethod
    def train(
        cls, features: Features, labels: Labels, *, seed: int, threads: int, rounds: int = ROUNDS
    ) -> Self:
        """See `Member.train`."""
        parameters = {
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
        }
        return cls(xgboost.train(parameters, xgboost.DMatrix(features, label=labels), rounds))

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(self._booster.inplace_predict(features), dtype=np.float64)

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


class LightGBM(Member):
    """LightGBM in its deterministic mode."""

    name = "lightgbm"
    suffix = "txt"

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster

    @classmethod
    def train(
        cls, features: Features, labels: Labels, *, seed: int, threads: int, rounds: int = ROUNDS
    ) -> Self:
        """See `Member.train`."""
        parameters = {
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
        }
        return cls(lightgbm.train(parameters, lightgbm.Dataset(features, label=labels), rounds))

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """See `Member.to_bytes`."""
        return str(self._booster.model_to_string()).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """See `Member.from_bytes`."""
        try:
            text = content.decode()
            if not _WHOLE_LIGHTGBM.fullmatch(text):
                raise ValueError("the text does not begin and end as the format does")  # noqa: TRY301
            return cls(lightgbm.Booster(model_str=text))
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise UnusableModel("The LightGBM member cannot be read as its text format.") from error


class CatBoost(Member):
    """CatBoost on the CPU, with its oblivious trees."""

    name = "catboost"
    suffix = "cbm"

    def __init__(self, classifier: catboost.CatBoostClassifier) -> None:
        self._classifier = classifier

    @classmethod
    def train(
        cls, features: Features, labels: Labels, *, seed: int, threads: int, rounds: int = ROUNDS
    ) -> Self:
        """See `Member.train`."""
        classifier = catboost.CatBoostClassifier(
            loss_function="MultiClass",
            iterations=2 * rounds,
            depth=DEPTH,
            learning_rate=1.5 * LEARNING_RATE,
            border_count=128,
            random_seed=seed,
            thread_count=threads,
            allow_writing_files=False,
            verbose=False,
        )
        classifier.fit(features, labels)
        # the hour of training and a random name would make the bytes of equal forests differ
        for entry in ("train_finish_time", "model_guid"):
            classifier.get_metadata()[entry] = ""
        return cls(classifier)

    def predict_proba(self, features: Features) -> Probabilities:
        """See `Member.predict_proba`."""
        return np.asarray(
            self._classifier.predict_proba(features, thread_count=1), dtype=np.float64
        )

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


MEMBERS: Mapping[str, type[Member]] = {m.name: m for m in (XGBoost, LightGBM, CatBoost)}
"""Every kind of member, in the order of their votes."""


REFUSALS = (
    xgboost.core.XGBoostError,
    lightgbm.basic.LightGBMError,
    catboost.CatBoostError,
    ValueError,
)
"""What the libraries raise over rows that a forest cannot take."""


def library_versions() -> dict[str, str]:
    """The versions of the members' libraries that are at work, by name."""
    return {m.__name__: str(m.__version__) for m in (xgboost, lightgbm, catboost)}
