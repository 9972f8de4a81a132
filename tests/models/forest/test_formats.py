import json
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.models.forest import catboost_format, lightgbm_format, ubjson, xgboost_format
from geocrop_processes.models.forest.groups import groups_of
from geocrop_processes.models.forest.kernels import kernels
from geocrop_processes.models.forest.trees import Oblivious, Trees, Unsupported, above
from geocrop_processes.models.members import CatBoost, LightGBM, XGBoost

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(300, 4)).astype(np.float32)
LABELS = (ROWS[:, 0] > 0).astype(np.int64) + (ROWS[:, 1] > 0.3)
KINDS = np.abs(np.round(ROWS * 2))
QUIET = {"allow_writing_files": False, "verbose": False, "thread_count": 1, "iterations": 3}


def grow_xgboost(rows: npt.NDArray[Any] = ROWS, **parameters: Any) -> bytes:
    types = parameters.pop("types", None)
    table = xgboost.DMatrix(rows, label=LABELS, feature_types=types, enable_categorical=bool(types))
    fixed = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    return XGBoost(xgboost.train(fixed | parameters, table, 3)).to_bytes()


def grow_linear_xgboost() -> bytes:
    with pytest.warns(UserWarning, match="deprecated"):
        return grow_xgboost(booster="gblinear", updater="coord_descent")


def grow_lightgbm(rows: npt.NDArray[Any] = ROWS, **parameters: Any) -> bytes:
    categorical = parameters.pop("categorical", "auto")
    table = lightgbm.Dataset(
        rows, label=LABELS, categorical_feature=categorical, params={"verbosity": -1}
    )
    fixed = {"objective": "multiclass", "num_class": 3, "num_threads": 1, "verbosity": -1}
    return LightGBM(lightgbm.train(fixed | parameters, table, 3)).to_bytes()


def grow_catboost(**parameters: Any) -> bytes:
    fixed = {"loss_function": "MultiClass", **QUIET}
    return CatBoost(catboost.CatBoostClassifier(**fixed | parameters).fit(ROWS, LABELS)).to_bytes()


def grow_catboost_of_kinds() -> bytes:
    rows = KINDS.astype(np.int64).astype(object)
    classifier = catboost.CatBoostClassifier(loss_function="MultiClass", **QUIET)
    return CatBoost(classifier.fit(rows, LABELS, cat_features=[0, 1])).to_bytes()


OTHERS: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object], str]] = {
    "xgboost with dropped trees": (
        lambda: grow_xgboost(rate_drop=0.5),
        xgboost_format.read,
        "its trees have weights",
    ),
    "linear xgboost": (
        grow_linear_xgboost,
        xgboost_format.read,
        "its booster is gblinear",
    ),
    "xgboost that answers with classes": (
        lambda: grow_xgboost(objective="multi:softmax"),
        xgboost_format.read,
        "its objective is multi:softmax",
    ),
    "xgboost with categories": (
        lambda: grow_xgboost(KINDS, types=["c", "c", "q", "q"], max_cat_to_onehot=1),
        xgboost_format.read,
        "it has categorical splits",
    ),
    "lightgbm as one against all": (
        lambda: grow_lightgbm(objective="multiclassova"),
        lightgbm_format.read,
        "its objective is multiclassova",
    ),
    "lightgbm as a random forest": (
        lambda: grow_lightgbm(boosting="rf", bagging_fraction=0.5, bagging_freq=1),
        lightgbm_format.read,
        "it averages its trees",
    ),
    "lightgbm with categories": (
        lambda: grow_lightgbm(KINDS, categorical=[0, 1], min_data_per_group=1, cat_smooth=1),
        lightgbm_format.read,
        "it has categorical splits",
    ),
    "lightgbm with linear leaves": (
        lambda: grow_lightgbm(ROWS.astype(np.float64), linear_tree=True),
        lightgbm_format.read,
        "its leaves are linear functions",
    ),
    "catboost as one against all": (
        lambda: grow_catboost(loss_function="MultiClassOneVsAll"),
        catboost_format.read,
        "its loss is MultiClassOneVsAll",
    ),
    "catboost that grows by leaves": (
        lambda: grow_catboost(grow_policy="Lossguide"),
        catboost_format.read,
        "its trees are not symmetric",
    ),
    "catboost with categories": (
        grow_catboost_of_kinds,
        catboost_format.read,
        "it cannot be written as JSON|features that are no numbers",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_forest_of_another_kind_is_recognised(name: str) -> None:
    grow, read, reason = OTHERS[name]
    with pytest.raises(Unsupported, match=reason):
        read(grow())


@cache
def content(name: str) -> bytes:
    return {"xgboost": grow_xgboost, "lightgbm": grow_lightgbm, "catboost": grow_catboost}[name]()


@cache
def model_json() -> bytes:
    return json.dumps(catboost_format._json(content("catboost"))).encode()


def read_json(broken: bytes) -> Oblivious:
    """What `catboost_format.read` does with what the library writes."""
    try:
        return catboost_format._trees(json.loads(broken))
    except Unsupported:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Unsupported("broken") from error


SOURCES: dict[str, tuple[Callable[[], bytes], Callable[[bytes], Trees | Oblivious]]] = {
    "xgboost": (lambda: content("xgboost"), xgboost_format.read),
    "lightgbm": (lambda: content("lightgbm"), lightgbm_format.read),
    "catboost": (model_json, read_json),
}


def evaluate(forest: Trees | Oblivious) -> None:
    """Every kernel works on it, as far as it goes."""
    features = np.zeros((len(forest.rules), 700), np.float32)
    features[:4] = np.tile(ROWS, (3, 1))[:700].T
    for group in groups_of(forest):
        for kernel in kernels():
            kernel.score(group, features, 0, np.zeros((group.classes, 700), group.leaves.dtype))


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), many=st.sampled_from([1, 2, 8]), digit=st.booleans())
def test_broken_bytes_are_refused_or_give_trees_that_lead_nowhere_else(
    name: str, seed: int, many: int, digit: bool
) -> None:
    """The libraries themselves read such bytes, and some end the process; the kernels must not."""
    source, read = SOURCES[name]
    random = np.random.default_rng(seed)
    broken = np.frombuffer(source(), np.uint8).copy()
    where = random.integers(0, len(broken), many)
    if digit and name != "xgboost":
        where = random.choice(np.flatnonzero((broken >= ord("0")) & (broken <= ord("9"))), many)
    broken[where] = random.integers(48, 58, many) if digit else random.integers(0, 256, many)
    try:
        forest = read(broken.tobytes())
    except Unsupported:
        return
    try:
        evaluate(forest)
    except Unsupported:
        return


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.9, 0.999])
def test_bytes_that_were_cut_off_are_refused_or_make_a_smaller_forest(
    name: str, part: float
) -> None:
    source, read = SOURCES[name]
    whole = source()
    try:
        forest = read(whole[: int(len(whole) * part)])
    except Unsupported:
        return
    evaluate(forest)


def altered(change: Callable[[dict[str, Any]], None]) -> bytes:
    model = json.loads(model_json())
    change(model)
    return json.dumps(model).encode()


def split(model: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", model["oblivious_trees"][0]["splits"][0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: split(m).update(float_feature_index=99), "a feature that there is not"),
        (lambda m: split(m).update(split_type="OneHotFeature"), "splits of features"),
        (lambda m: m["oblivious_trees"][0]["leaf_values"].pop(), "broken"),
        (lambda m: m["oblivious_trees"][0]["splits"].pop(), "other numbers of levels and leaves"),
        (lambda m: m["oblivious_trees"][0]["leaf_values"].__setitem__(0, 1e300), "ordinary"),
        (lambda m: m["features_info"].update(text_features=[{}]), "no numbers"),
        (lambda m: m.update(scale_and_bias=[1, [0.5]]), "1 classes"),
    ],
)
def test_what_is_wrong_with_a_description_of_catboost_is_told(
    change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        read_json(altered(change))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"num_class=3", b"num_class=2", "another number of trees"),
        (b"num_leaves=", b"num_leaves=9", "different lengths"),
        (b"\nsplit_feature=", b"\nsplit_feature=7 ", "different lengths"),
        (b"\nleft_child=", b"\nleft_child=x", "cannot be understood"),
        (b"max_feature_idx=3", b"max_feature_idx=0", "a feature that there is not"),
        (b"max_feature_idx=3", b"max_feature_idx=-1", "0 features"),
    ],
)
def test_what_is_wrong_with_a_text_of_lightgbm_is_told(old: bytes, new: bytes, reason: str) -> None:
    text = content("lightgbm")
    assert old in text
    with pytest.raises(Unsupported, match=reason):
        lightgbm_format.read(text.replace(old, new, 1))


@given(
    threshold=st.floats(allow_nan=False),
    value=st.floats(width=32, allow_nan=False),
    near=st.sampled_from([None, -1, 0, 1]),
)
def test_reaching_the_float32_above_a_threshold_is_being_greater_than_it(
    threshold: float, value: float, near: int | None
) -> None:
    with np.errstate(over="ignore"):
        if near is not None:
            value = np.nextafter(np.float32(threshold), np.float32(near * np.inf if near else 0))
    question = above(np.array([threshold]))[0]
    assert bool(np.float32(value) >= question) == (float(value) > threshold)


def change_tree(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Put a value first in an array of the first tree."""

    def change(learner: dict[str, Any]) -> None:
        tree = learner["gradient_booster"]["model"]["trees"][0]
        tree[name] = np.append([value], tree[name][1:])

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t["learner_model_param"].update(num_target="2"), "several targets"),
        (lambda t: t["learner_model_param"].update(num_class="0"), "0 classes"),
        (lambda t: t["learner_model_param"].update(num_feature="99999999999"), "features"),
        (lambda t: t["learner_model_param"].update(base_score="[1,2]"), "base score has another"),
        (lambda t: t["learner_model_param"].update(base_score="{"), "cannot be understood"),
        (lambda t: t["gradient_booster"]["model"]["tree_info"].pop(), "different lengths"),
        (
            lambda t: t["gradient_booster"]["model"]["trees"][0]["tree_param"].update(
                size_leaf_vector="3"
            ),
            "leaves are vectors",
        ),
        (change_tree("split_conditions", np.nan), "thresholds that are no numbers"),
        (change_tree("left_children", 10_000), "a node that there is not"),
        (change_tree("left_children", 0), "two parents"),
        (change_tree("split_indices", 4), "a feature that there is not"),
    ],
)
def test_what_is_wrong_with_a_description_of_xgboost_is_told(
    change: Callable[[dict[str, Any]], None], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ubjson.loads(content("xgboost"))
    trees = model["learner"]["gradient_booster"]["model"]
    trees["tree_info"] = list(trees["tree_info"])
    change(model["learner"])
    monkeypatch.setattr(ubjson, "loads", lambda _: model)
    with pytest.raises(Unsupported, match=reason):
        xgboost_format.read(b"")


def test_bytes_that_catboost_cannot_read_are_left_to_it() -> None:
    with pytest.raises(Unsupported, match="cannot be written as JSON"):
        catboost_format.read(b"not a model")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f[0].update(flat_feature_index=7), "not numbered one by one"),
        (lambda f: f.clear(), "a feature that there is not"),
    ],
)
def test_features_of_catboost_are_numbered(
    change: Callable[[list[dict[str, Any]]], None], reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        read_json(altered(lambda m: change(m["features_info"]["float_features"])))


def test_a_text_of_lightgbm_without_thresholds_that_are_numbers_is_told() -> None:
    text = content("lightgbm").decode()
    line = next(line for line in text.splitlines() if line.startswith("threshold="))
    first, _, rest = line.removeprefix("threshold=").partition(" ")
    broken = text.replace(line, f"threshold=nan {rest}", 1)
    assert first
    with pytest.raises(Unsupported, match="thresholds that are no numbers"):
        lightgbm_format.read(broken.encode())
