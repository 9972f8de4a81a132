import json
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import example, given
from hypothesis import strategies as st

from geocrop_processes.models.forest import ubjson


def plain(value: Any) -> Any:
    """Without numpy."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def test_a_model_is_what_its_json_says() -> None:
    rows = np.random.default_rng(1).normal(size=(80, 3))
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, label=rows[:, 0]), 3)
    found = plain(ubjson.loads(bytes(booster.save_raw("ubj"))))
    expected = json.loads(bytes(booster.save_raw("json")))
    for one, other in zip(
        found["learner"]["gradient_booster"]["model"]["trees"],
        expected["learner"]["gradient_booster"]["model"]["trees"],
        strict=True,
    ):
        for name, value in other.items():
            if isinstance(value, list):
                assert np.allclose(one[name], value, rtol=1e-6), name
            else:
                assert one[name] == value
    assert found["learner"]["learner_model_param"] == expected["learner"]["learner_model_param"]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"Z", None),
        (b"T", True),
        (b"i\xff", -1),
        (b"I\x01\x00", 256),
        (b"d\x3f\x80\x00\x00", 1.0),
        (b"Si\x03abc", "abc"),
        (b"[i\x01SU\x01a]", [1, "a"]),
        (b"[#i\x02TF", [True, False]),
        (b"[$U#i\x03\x01\x02\x03", [1, 2, 3]),
        (b"{i\x01aTi\x01bF}", {"a": True, "b": False}),
        (b"{#i\x01i\x01aT", {"a": True}),
    ],
)
def test_every_form_of_value_is_read(content: bytes, value: Any) -> None:
    assert plain(ubjson.loads(content)) == value


@given(content=st.binary(max_size=60))
@example(content=b"[" * 100)
@example(content=b"[$U#L\x7f\xff\xff\xff\xff\xff\xff\xff")
@example(content=b"Si\xff")
@example(content=b"Sd\x3f\x80\x00\x00a")
def test_anything_else_is_refused(content: bytes) -> None:
    try:
        ubjson.loads(content)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - most content is refused, not all
