"""XGBoost's `ubj` as plain trees.

A value goes left where it is less than the threshold, both float32; NaN goes where the node says. Leaves are
float32 and are added to the base score in the order of the trees.
Format: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest import ubjson
from geocrop_processes.models.forest.trees import Questions, Trees, Unsupported, check_shape


def read(content: bytes) -> Trees:
    """The trees of a softmax classifier.

    Raises:
        Unsupported: it is something else, or cannot be understood.
    """
    try:
        learner = ubjson.loads(content)["learner"]
        _check(learner)
        return _trees(learner)
    except Unsupported:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Unsupported(f"its ubj cannot be understood ({type(error).__name__})") from error


def _check(learner: dict[str, Any]) -> None:
    booster, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if booster != "gbtree":
        raise Unsupported(f"its booster is {booster}, not gbtree")
    if objective != "multi:softprob":
        raise Unsupported(f"its objective is {objective}, not multi:softprob")
    if int(learner["learner_model_param"].get("num_target", "1")) != 1:
        raise Unsupported("it has several targets")


def _trees(learner: dict[str, Any]) -> Trees:
    parameters, model = learner["learner_model_param"], learner["gradient_booster"]["model"]
    classes, found = int(parameters["num_class"]), model["trees"]
    check_shape(classes, int(parameters["num_feature"]))
    if len(model.get("weight_drop", ())):
        raise Unsupported("its trees have weights, as those with dropout do")
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in found):
        raise Unsupported("its leaves are vectors")
    if any(len(tree["categories"]) for tree in found):
        raise Unsupported("it has categorical splits")
    counts = np.array([len(tree["left_children"]) for tree in found], np.int64)
    first = np.cumsum(counts) - counts
    left, right = (
        _children(
            _joined(found, side, np.int64), np.repeat(first, counts), np.repeat(counts, counts)
        )
        for side in ("left_children", "right_children")
    )
    condition = _joined(found, "split_conditions", np.float32)
    if np.isnan(condition).any():
        raise Unsupported("it has thresholds that are no numbers")
    questions = Questions(
        _joined(found, "split_indices", np.int64),
        condition,
        _joined(found, "default_left", np.int64) == 0,
    )
    rules = np.zeros(int(parameters["num_feature"]), np.int32)
    base = _base(parameters["base_score"], classes)
    adds_to = np.array(model["tree_info"], np.int64)
    if len(adds_to) != len(found) or not len(left) == len(right) == len(condition) == counts.sum():
        raise Unsupported("its arrays have different lengths")
    return Trees(rules, questions, left, right, condition, first, adds_to, base)


def _joined[T: np.generic](
    trees: list[dict[str, Any]], name: str, dtype: type[T]
) -> npt.NDArray[T]:
    """An array of all trees, one after the other."""
    return np.concatenate([np.asarray(tree[name], dtype) for tree in trees] or [np.zeros(0, dtype)])


def _children(
    child: npt.NDArray[np.int64], first: npt.NDArray[np.int64], count: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Numbers within trees as numbers within all."""
    if (child >= count).any():
        raise Unsupported("it names a node that there is not")
    return np.where(child < 0, -1, child + first)


def _base(text: str, classes: int) -> npt.NDArray[np.float32]:
    """The base score: one number, or a list of one per class."""
    score = np.atleast_1d(np.asarray(json.loads(text), np.float32))
    if len(score) not in {1, classes}:
        raise Unsupported("its base score has another number of classes")
    return np.broadcast_to(score, (classes,)).copy()
