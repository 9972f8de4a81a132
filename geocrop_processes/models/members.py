"""The three gradient-boosted forests that vote: XGBoost, LightGBM and CatBoost.

Each is held in its library's own booster and stored in its library's own format (`ubj`, `txt`, `cbm`).
Those formats are data: reading one runs no code, which a pickle would.
"""

from collections.abc import Mapping

import catboost
import lightgbm
import xgboost

from geocrop_processes.models.catboost_member import CatBoost
from geocrop_processes.models.lightgbm_member import LightGBM
from geocrop_processes.models.member import (
    DEPTH,
    LEARNING_RATE,
    ROUNDS,
    Course,
    Features,
    Labels,
    Member,
    Probabilities,
)
from geocrop_processes.models.xgboost_member import XGBoost

__all__ = [
    "DEPTH",
    "LEARNING_RATE",
    "MEMBERS",
    "REFUSALS",
    "ROUNDS",
    "CatBoost",
    "Course",
    "Features",
    "Labels",
    "LightGBM",
    "Member",
    "Probabilities",
    "XGBoost",
    "library_versions",
]

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
