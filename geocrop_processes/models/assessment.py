"""What a model is worth by one protocol, as the JSON values of its card."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.legend import Legend
from geocrop_processes.models.accuracy import Accuracy, Share
from geocrop_processes.models.evaluation import Evaluation
from geocrop_processes.models.reliability import Reliability


def assessment(evaluation: Evaluation, legend: Legend) -> dict[str, Any]:
    """An evaluation as JSON values: all that a card says of it, and a page draws.

    Shares are 0..1; each of `overall`, `users` and `producers` has its `value` and the 95 % confidence interval from
    `low` to `high`, or is None where there is nothing to judge. `confusion` has a row for each reference class, in the
    legend's order, and a column for each predicted one.

    Args:
        evaluation: out of fold.
        legend: the classes, whose codes are those of the evaluation.
    """
    accuracy = evaluation.accuracy
    confusion = accuracy.matrix[:, :-1]
    return {
        "protocol": evaluation.protocol,
        "folds": evaluation.folds,
        "samples": int(accuracy.matrix.sum()),
        **_overall(accuracy),
        "classes": [
            {
                "code": c.code,
                "name": c.name,
                "samples": int(accuracy.matrix[i].sum()),
                "users": _share(accuracy.users.get(c.code)),
                "producers": _share(accuracy.producers.get(c.code)),
                "f1": accuracy.f1.get(c.code),
            }
            for i, c in enumerate(legend)
        ],
        "confusion": [[int(n) for n in row] for row in confusion],
        "members": {name: _overall(a) for name, a in evaluation.members.items()},
        "ece_before": evaluation.before.expected_error,
        "ece_after": evaluation.after.expected_error,
        "brier": evaluation.brier,
        "log_loss": evaluation.log_loss,
        "reliability": {
            "before": _reliability(evaluation.before),
            "after": _reliability(evaluation.after),
        },
    }


def figures(stated: Mapping[str, Any]) -> dict[str, float]:
    """The main figures of an assessment, by name."""
    return {
        "overall": float(stated["overall"]["value"]),
        **{name: float(stated[name]) for name in _FIGURES},
    }


_FIGURES = ("macro_f1", "balanced_accuracy", "ece_before", "ece_after", "brier", "log_loss")


def _overall(accuracy: Accuracy) -> dict[str, Any]:
    total = int(accuracy.matrix.sum())
    recalls = [share.value for share in accuracy.producers.values()]
    return {
        "overall": _share(Share(int(np.trace(accuracy.matrix)), total)),
        "macro_f1": accuracy.macro_f1,
        "balanced_accuracy": float(np.mean(recalls)),
    }


def _share(share: Share | None) -> dict[str, float] | None:
    if share is None:
        return None
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high}


def _reliability(reliability: Reliability) -> dict[str, list[Any]]:
    return {
        "promised": _numbers(reliability.promised),
        "kept": _numbers(reliability.kept),
        "samples": [int(n) for n in reliability.samples],
    }


def _numbers(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [float(v) if isfinite(v) else None for v in values]
