"""The JSON a client sends becomes values, or a problem that names the input."""

import contextlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.exceptions import ValidationError, best_match

from geocrop_processes.errors import UnknownAsOf, UnknownModel
from geocrop_processes.service import inputs
from geocrop_processes.service.checks.desk import Desk
from geocrop_processes.service.given import Files
from geocrop_processes.service.inputs import Order, check, parse
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import INVALID_PARAMETER, NO_SUCH_OUTPUT, Problem
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.settings import Settings

AOI = [30.20, -17.36, 1500]
GOOD: dict[str, Any] = {"aoi": AOI, "year": 2022}


def resolve(reference: str, as_of: str = "") -> str:
    if reference.partition("@")[0] != "geocrop-demo":
        raise UnknownModel(f"There is no model {reference!r}; registered are: geocrop-demo@2.")
    if as_of not in {"", "01-31"}:
        raise UnknownAsOf(f"The model was not trained for the date {as_of}; it knows: 01-31.")
    return "geocrop-demo@2"


@cache
def desk() -> Desk:
    """Of a deployment without jobs."""
    settings = Settings(data=Path(mkdtemp()))
    files = Files(settings, JobStore.of(settings), settings.open_storage())
    return Desk(settings, resolve, files)


def order(inputs: Any, **options: Any) -> Order:
    body = {"inputs": inputs, **options}
    return check(body, DESCRIPTIONS["crop-classification"], desk())


def refusal(inputs: Any, **options: Any) -> str:
    with pytest.raises(Problem) as caught:
        order(inputs, **options)
    assert caught.value.status == 400
    assert caught.value.type == INVALID_PARAMETER
    return caught.value.detail


def test_defaults_are_filled_in_and_the_model_is_named_with_its_version() -> None:
    assert order(GOOD).inputs == {
        "aoi": [30.20, -17.36, 1500.0],
        "year": 2022,
        "model": "geocrop-demo@2",
        "mask": "none",
        "fresh": False,
    }


def test_every_input_can_be_given_and_wrapped_as_a_value() -> None:
    given_inputs = {
        "aoi": {"value": AOI},
        "year": 2022.0,
        "model": "geocrop-demo@2",
        "mask": "cropland",
        "as_of": "2023-01-31",
        "fresh": True,
    }
    values = order(given_inputs).inputs
    assert values == given_inputs | {"aoi": AOI, "year": 2022}
    assert isinstance(values["year"], int)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"radius": 3}, ("'radius'", "aoi, year, model")),
        ({"aoi": None}, ("'aoi'", "null", "array")),
        ({"aoi": [30.2, -17.36]}, ("'aoi'", "[30.2, -17.36]", "at least 3")),
        ({"aoi": [30.2, -17.36, 1500, 1]}, ("'aoi'", "at most 3")),
        ({"aoi": [30.2, "south", 1500]}, ("'aoi'[1]", '"south"', "number")),
        ({"aoi": [30.2, True, 1500]}, ("'aoi'[1]", "true", "number")),
        ({"aoi": {"href": "file:///etc/passwd"}}, ("'aoi'", "file:///etc/passwd", "reference")),
        ({"aoi": {"value": AOI, "mediaType": "text/csv"}}, ("'aoi'", "text/csv", "json")),
        ({"aoi": [-17.36, 30.20, 1500]}, ("'aoi'", "swapped", "-17.36")),
        ({"aoi": [13.4, 52.5, 1500]}, ("'aoi'", "outside Zimbabwe", "25.2..33.1")),
        ({"aoi": [200, -17.36, 1500]}, ("'aoi'", "200", "-180..180")),
        ({"aoi": [30.2, -17.36, 99]}, ("'aoi'", "99", "at least 100 m")),
        ({"aoi": [30.2, -17.36, 25001]}, ("'aoi'", "25001", "at most 25000 m")),
        ({"aoi": [30.2, -17.36, 10**400]}, ("'aoi'", "numbers", "inf")),
        ({"year": "2022"}, ("'year'", '"2022"', "integer")),
        ({"year": 2022.5}, ("'year'", "2022.5", "integer")),
        ({"year": True}, ("'year'", "true", "integer")),
        ({"year": 2014}, ("'year'", "2014", "at least 2015")),
        ({"year": 2999}, ("'year'", "2999", "begins on 2999-09-01")),
        ({"year": 10**30}, ("'year'", "calendar")),
        ({"as_of": "2022-08-31"}, ("'as_of'", "2022-08-31", "2022-09-01 to 2023-05-31")),
        ({"as_of": "2022-10-15"}, ("'as_of'", "10-15 is too early", "10-31 is the first")),
        ({"as_of": "2023-02-05"}, ("'as_of'", "02-05", "it knows: 01-31")),
        ({"as_of": "tomorrow"}, ("'as_of'", "tomorrow", "YYYY-MM-DD")),
        ({"as_of": "20230131"}, ("'as_of'", "20230131", "YYYY-MM-DD")),
        ({"as_of": "2023-W05-2"}, ("'as_of'", "2023-W05-2", "YYYY-MM-DD")),
        ({"model": "other"}, ("'model'", "'other'", "geocrop-demo@2")),
        ({"model": ""}, ("'model'", '""', "at least 1")),
        ({"mask": "water"}, ("'mask'", '"water"', "none", "cropland")),
        ({"fresh": "yes"}, ("'fresh'", '"yes"', "boolean")),
    ],
)
def test_bad_input_is_refused_with_its_name_its_value_and_what_is_allowed(
    change: dict[str, Any], said: tuple[str, ...]
) -> None:
    detail = refusal(GOOD | change)
    assert all(words in detail for words in said), detail


@pytest.mark.parametrize(("name", "value"), [("items", [1] * 900), ("bbox", {"bbox": ["a"] * 900})])
def test_few_errors_of_a_value_are_looked_at(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it has: each of them takes time and memory."""
    seen: list[int] = []

    def counted(errors: Iterable[ValidationError]) -> ValidationError | None:
        found = list(errors)
        seen.append(len(found))
        return best_match(found)

    monkeypatch.setattr(inputs, "best_match", counted)
    body = {"inputs": {"message": "x", name: value}}
    with pytest.raises(Problem, match=f"'{name}'"):
        check(body, DESCRIPTIONS["echo"], desk())
    assert 0 < max(seen) <= 50


def test_an_array_that_is_too_long_is_told_so_whatever_it_holds() -> None:
    assert "at most 3" in refusal(GOOD | {"aoi": ["a"] * 10_000})


def test_the_last_day_of_a_season_is_no_date_within_it() -> None:
    # the whole season counts then, which every model knows
    assert order(GOOD | {"as_of": "2023-05-31"}).inputs["model"] == "geocrop-demo@2"


@pytest.mark.parametrize("name", ["aoi", "year"])
def test_what_is_missing_is_named(name: str) -> None:
    detail = refusal({k: v for k, v in GOOD.items() if k != name})
    assert f"{name!r} is missing" in detail


def test_inputs_must_be_an_object() -> None:
    assert "not [1]" in refusal([1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"outputs": ["class-map"]}, "`outputs`"),
        ({"outputs": {"class-map": 1}}, "'class-map'"),
        ({"outputs": {"class-map": {"transmissionMode": "pigeon"}}}, "value, reference"),
        ({"outputs": {"class-map": {"format": "tiff"}}}, "'class-map'"),
        ({"outputs": {"class-map": {"format": {"mediaType": "image/png"}}}}, "geotiff"),
        ({"response": "xml"}, "document, raw"),
        ({"subscriber": {"successUri": "http://localhost/"}}, "`subscriber`"),
    ],
)
def test_what_is_not_offered_is_refused_and_never_ignored(
    options: dict[str, Any], said: str
) -> None:
    assert said in refusal(GOOD, **options)


def test_an_unknown_output_is_named_with_those_that_exist() -> None:
    with pytest.raises(Problem, match=r"There is no output 'ndvi'.*class-map") as caught:
        order(GOOD, outputs={"ndvi": {}})
    assert (caught.value.status, caught.value.type) == (400, NO_SUCH_OUTPUT)


def test_options_are_kept_as_they_came() -> None:
    options = {"outputs": {"summary": {"transmissionMode": "reference"}}, "response": "raw"}
    assert order(GOOD, **options).request == options


def test_values_by_reference_are_refused_where_a_process_has_no_files() -> None:
    body = {"inputs": {"message": "x"}, "outputs": {"message": {"transmissionMode": "reference"}}}
    with pytest.raises(Problem, match="offered are value"):
        check(body, DESCRIPTIONS["echo"], desk())


def test_a_number_of_more_than_64_bits_is_the_nearest_that_others_read() -> None:
    numbers = parse(b'{"inputs": {"items": [9223372036854775807, 18446744073709551617]}}')
    assert numbers["inputs"]["items"] == [2**63 - 1, 2.0**64]
    assert [type(number) for number in numbers["inputs"]["items"]] == [int, float]


@pytest.mark.parametrize(
    "content",
    [
        *(b"[]", b'"x"', b"{", b'{"a": NaN}', b'{"a": 1e', b"\xff"),
        # texts and numbers that JSON has, and that cannot be stored, sent or calculated with
        *(b'"\\ud800"', b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": [{"b": "\\u0000"}]}'),
        *(b'{"a": 1e999}', b'{"a": [-1e999]}', b'{"a": 1' + b"0" * 400 + b"}"),
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse(content)
    assert caught.value.status == 400


def test_numbers_and_texts_within_their_ends_are_as_they_came() -> None:
    body = {"a": [1, 1.0, -1e308, 2**63 - 1, 0, -0.0], "b": "\U0001f33d ü"}
    assert parse(json.dumps(body).encode()) == body
    assert isinstance(parse(b'{"a": 1}')["a"], int)


def test_very_deep_json_is_refused() -> None:
    with pytest.raises(Problem):
        parse(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(inputs=st.dictionaries(st.sampled_from(["aoi", "year", "model", "mask", "as_of"]), JSON))
def test_whatever_comes_is_accepted_or_a_problem_and_never_another_error(
    inputs: dict[str, Any],
) -> None:
    with contextlib.suppress(Problem):
        values = order(inputs).inputs
        assert json.loads(json.dumps(values)) == values


@pytest.mark.parametrize("process", DESCRIPTIONS)
def test_the_example_of_a_description_is_accepted(process: str) -> None:
    """But that there is no job of the name that it refers to."""
    description = DESCRIPTIONS[process]
    if process in {"model-training", "accuracy-assessment"}:
        with pytest.raises(Problem, match="There is no job '0123456789abcdef"):
            check(description["example"], description, desk())
    else:
        assert check(description["example"], description, desk()).inputs
