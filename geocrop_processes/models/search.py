"""A search for hyperparameters, within a budget: Optuna's tree-structured Parzen estimator.

A trial is a spatial cross-validation, judged by its log loss. The usual parameters are the first trial, so that what
is found is never worse than they are on these folds. What is chosen on folds looks a little better on them than it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from geocrop_processes.models.crossing import Recipe, cross
from geocrop_processes.models.members import Features, Labels

Space = Callable[[optuna.Trial], dict[str, Any]]


def _xgboost(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "eta": trial.suggest_float("eta", 0.03, 0.3, log=True),
        "max_depth": trial.suggest_int("max_depth", 3, 9),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 10, log=True),
        "lambda": trial.suggest_float("lambda", 0.1, 10, log=True),
    }


def _lightgbm(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 7, 63, log=True),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 3, 50, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.001, 10, log=True),
    }


def _catboost(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.04, 0.4, log=True),
        "depth": trial.suggest_int("depth", 3, 7),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1, 20, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 5, log=True),
    }


SPACES: Mapping[str, Space] = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}
"""By kind of member, its library's parameters and where they are looked for: around the usual ones."""


def search(  # noqa: PLR0913 - a cross-validation and a budget
    name: str,
    features: Features,
    labels: Labels,
    folds: npt.NDArray[np.integer],
    recipe: Recipe,
    *,
    trials: int,
    budget_s: float,
) -> dict[str, Any]:
    """The parameters of the least log loss over the folds; empty where the usual ones have it.

    Args:
        name: the kind of member.
        features: (n, features).
        labels: (n,) columns 0..classes-1.
        folds: (n,).
        recipe: how to train otherwise; its seed is that of the search.
        trials: at most, beside the one of the usual parameters. By the same seed they are the same.
        budget_s: seconds after which no further trial is begun.

    Raises:
        InvalidSample: as `cross`.
    """
    watching = replace(recipe, patience=max(recipe.patience, 1))
    usual = cross(name, features, labels, folds, watching).loss

    def loss(trial: optuna.Trial) -> float:
        parameters = {name: SPACES[name](trial)}
        return cross(name, features, labels, folds, replace(watching, parameters=parameters)).loss

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=recipe.seed))
    study.optimize(loss, n_trials=trials, timeout=budget_s)
    if not study.trials or study.best_value >= usual:
        return {}
    return dict(study.best_params)
