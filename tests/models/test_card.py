import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.card import ModelCard

CARD = ModelCard(
    name="demo",
    description="For tests.",
    legend=Legend((CropClass(1, "maize", "#ffd300", 1101060000, cropland=True),)),
    features=("ndvi_max", "ndvi_min"),
    fingerprint="v1:abc",
    simulated=True,
    seasons=(2021, 2022),
    samples={"maize": 12},
    accuracy={"overall": 0.75},
    software={"xgboost": "3.1"},
    seed=7,
)


@given(
    name=st.text(),
    features=st.lists(st.text()).map(tuple),
    seasons=st.lists(st.integers(2015, 2100)).map(tuple),
    samples=st.dictionaries(st.text(), st.integers(0)),
    accuracy=st.dictionaries(st.text(), st.floats(0, 1)),
    simulated=st.booleans(),
    seed=st.integers(),
)
def test_a_card_survives_json(**values: Any) -> None:
    card = replace(CARD, **values)
    assert ModelCard.from_json(json.loads(json.dumps(card.to_json()))) == card


@pytest.mark.parametrize("missing", sorted(CARD.to_json()))
def test_a_card_that_lacks_a_member_is_refused_and_the_member_named(missing: str) -> None:
    values = CARD.to_json()
    del values[missing]
    with pytest.raises(UnusableModel, match=missing):
        ModelCard.from_json(values)


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"features": 51},
        {"seasons": None},
        {"legend": [1]},
        {"legend": []},
        {"legend": [{"code": "1", "name": "maize", "colour": "#ffd300"}]},
        {"legend": [{"code": 1, "name": "maize", "colour": 0}]},
    ],
)
def test_a_card_with_unknown_or_unusable_members_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableModel):
        ModelCard.from_json({**CARD.to_json(), **change})


@pytest.mark.parametrize("values", [[], "card", None, 1])
def test_json_that_is_no_object_is_no_card(values: Any) -> None:
    with pytest.raises(UnusableModel, match="model card cannot be read"):
        ModelCard.from_json(values)
