import json
from dataclasses import MISSING, fields, replace
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
    extent=st.none() | st.tuples(*4 * [st.floats(-180, 180)]),
    as_of=st.lists(st.sampled_from(["12-31", "02-28"])).map(tuple),
    assessments=st.dictionaries(st.text(), st.floats(0, 1)),
    applicability_threshold=st.none() | st.floats(0, 9),
)
def test_a_card_survives_json(**values: Any) -> None:
    card = replace(CARD, **values)
    assert ModelCard.from_json(json.loads(json.dumps(card.to_json()))) == card


EARLIER = {
    f.name for f in fields(ModelCard) if f.default is MISSING and f.default_factory is MISSING
}
"""What every card has had from the beginning."""


def test_a_card_of_the_first_version_is_still_read() -> None:
    values = {name: value for name, value in CARD.to_json().items() if name in EARLIER}
    assert len(values) == 11
    assert ModelCard.from_json(values) == CARD


@pytest.mark.parametrize("missing", sorted(EARLIER))
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
        {"extent": [1, 2]},
        {"extent": "here"},
        {"extent": ["a", "b", "c", "d"]},
        {"as_of": 5},
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
