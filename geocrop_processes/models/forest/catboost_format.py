"""CatBoost's `cbm` as plain trees, by way of its own JSON.

A value sets its level's bit where it is greater than the border, both float32; the first level is the lowest
bit. NaN is less than every border, or greater, as the feature's treatment of NaN says. Leaves are rows of float64,
one per class, and are summed from zero in the order of the trees, then scaled and moved by the bias.
Format: https://catboost.ai/docs/en/concepts/json-tutorial
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.trees import (
    Oblivious,
    Questions,
    Unsupported,
    above,
    check_shape,
)


def read(content: bytes) -> Oblivious:
    """The trees of a softmax classifier.

    Raises:
        Unsupported: it is something else, or cannot be understood.
    """
    try:
        return _trees(_json(content))
    except Unsupported:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Unsupported(f"its JSON cannot be understood ({type(error).__name__})") from error


def _json(content: bytes) -> Any:
    model = catboost.CatBoost()
    try:
        model.load_model(blob=content)
        # CatBoost writes to files only
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            model.save_model(str(path), format="json")
            return json.loads(path.read_bytes())
    except catboost.CatBoostError as error:
        raise Unsupported("it cannot be written as JSON") from error


def _trees(model: dict[str, Any]) -> Oblivious:
    if "oblivious_trees" not in model:
        raise Unsupported("its trees are not symmetric")
    loss = model["model_info"]["params"]["loss_function"]["type"]
    if loss != "MultiClass":
        raise Unsupported(f"its loss is {loss}, not MultiClass")
    described = model["features_info"]
    if any(
        described.get(kind)
        for kind in ("categorical_features", "text_features", "embedding_features")
    ):
        raise Unsupported("it has features that are no numbers")
    features = described["float_features"]
    if sorted(f["flat_feature_index"] for f in features) != list(range(len(features))):
        raise Unsupported("its features are not numbered one by one")
    flat = np.zeros(len(features), np.int64)
    nan_right = np.zeros(len(features), np.bool_)
    for feature in features:
        flat[feature["feature_index"]] = feature["flat_feature_index"]
        nan_right[feature["feature_index"]] = feature.get("nan_value_treatment") == "AsTrue"
    trees = model["oblivious_trees"]
    splits = [split for tree in trees for split in tree["splits"] or []]
    if any(split["split_type"] != "FloatFeature" for split in splits):
        raise Unsupported("it has splits of features that are no numbers")
    asked = np.array([split["float_feature_index"] for split in splits], np.int64)
    if asked.size and not 0 <= asked.min() <= asked.max() < len(features):
        raise Unsupported("it names a feature that there is not")
    scale, bias = model["scale_and_bias"]
    check_shape(len(bias), len(features))
    return Oblivious(
        rules=np.zeros(len(features), np.int32),
        questions=Questions(
            flat[asked],
            above(np.array([s["border"] for s in splits], np.float64)),
            nan_right[asked],
        ),
        depth=np.array([len(tree["splits"] or []) for tree in trees], np.int64),
        values=_values(trees, len(bias)),
        scale=float(scale),
        bias=np.array(bias, np.float64),
    )


def _values(trees: list[dict[str, Any]], classes: int) -> npt.NDArray[np.float64]:
    """Leaves of all trees; those of a leaf stand together."""
    found = [np.array(tree["leaf_values"], np.float64).reshape(-1, classes) for tree in trees]
    return np.concatenate(found) if found else np.zeros((0, classes))
