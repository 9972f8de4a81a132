"""The OpenAPI document: valid to whoever reads OpenAPI 3.0.3, whole, and the same as the file in the checkout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ogcapi_registry import validate_ogc_api
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from geocrop_processes.service import described
from geocrop_processes.service.app import create_app
from geocrop_processes.service.conformance import CLASSES
from geocrop_processes.service.openapi.document import as_yaml, part
from geocrop_processes.service.openapi.schema30 import schema30
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.settings import ServiceSettings, Settings

FILE = Path(__file__).parents[2] / "openapi" / "geocrop.yaml"
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(Settings(data=tmp_path_factory.mktemp("openapi")))


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Any:
    return app.openapi()


def test_the_file_in_the_checkout_is_current(document: Any) -> None:
    assert FILE.read_text() == as_yaml(document), "run `make openapi`"


def test_it_is_valid_openapi_3_0(document: Any) -> None:
    assert document["openapi"] == "3.0.3"
    OpenAPIV30SpecValidator(document).validate()
    OpenAPIV30SpecValidator(part(document, "/stac")).validate()


def test_ogcs_registry_finds_it_whole(document: Any) -> None:
    result = validate_ogc_api(document, [*CLASSES])
    assert not result.errors
    assert not result.warnings


def test_it_points_to_nothing_outside(document: Any) -> None:
    references = [ref for ref in walk(document, "$ref") if isinstance(ref, str)]
    assert references
    assert all(ref.startswith("#/components/") for ref in references)


def test_every_component_is_used(document: Any) -> None:
    used = {tuple(ref.split("/")[2:]) for ref in walk(document, "$ref")}
    have = {(kind, name) for kind, those in document["components"].items() for name in those}
    assert have == used


def test_every_operation_says_what_it_is(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"].replace(".", "").isalnum(), where
            assert operation["summary"], where
            assert operation["tags"], where
            assert "HTTPValidationError" not in str(operation), where
            assert {"400", "500", "503"} <= operation["responses"].keys(), where
            assert any(status < "400" for status in operation["responses"]), where


def test_problems_are_problem_documents(document: Any) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert [*answer["content"]] == ["application/problem+json", "text/html"]


@pytest.mark.parametrize("process", DESCRIPTIONS)
def test_each_process_has_a_path_with_its_own_inputs_and_outputs(
    document: Any, process: str
) -> None:
    description = DESCRIPTIONS[process]
    operation = document["paths"][f"/processes/{process}/execution"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    wanted = content["schema"]["properties"]
    assert wanted["inputs"]["properties"].keys() == description["inputs"].keys()
    assert wanted["outputs"]["properties"].keys() == description["outputs"].keys()
    assert ("201" in operation["responses"]) == (
        "async-execute" in description["jobControlOptions"]
    )
    # a job that was waited for as well
    assert "200" in operation["responses"]
    schema = {**content["schema"], "components": document["components"]}
    OAS30Validator(schema).validate(content["example"])
    unknown = {"inputs": {**content["example"]["inputs"], "no-such-input": 1}}
    assert not OAS30Validator(schema).is_valid(unknown)


def test_its_address_is_the_public_one(tmp_path: Path) -> None:
    service = ServiceSettings(url="https://example.org/crops/")
    said = create_app(Settings(data=tmp_path, service=service)).openapi()
    assert said["servers"] == [{"url": "https://example.org/crops"}]


def test_it_is_served_as_json_and_yaml(app: FastAPI, document: Any) -> None:
    with TestClient(app) as client:
        for path in ("/openapi", "/api", "/openapi?f=json"):
            answer = client.get(path)
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert answer.json() == document
        answer = client.get("/openapi?f=yaml")
        assert answer.headers["content-type"] == "application/vnd.oai.openapi;version=3.0"
        assert yaml.safe_load(answer.text) == document
        links = client.get("/").json()["links"]
        found = {link["rel"]: link for link in links if link["rel"].startswith("service-")}
        assert found["service-desc"]["type"] == MEDIA_TYPE
        assert found["service-desc"]["href"].partition("?")[0].endswith("/openapi")
        assert found["service-doc"]["href"].endswith("/openapi?f=html")
        assert client.get("/openapi?f=xml").status_code == 400
        assert client.get("/openapi?f=html&ui=other").status_code == 400


def test_the_stac_api_describes_itself_alone(app: FastAPI, document: Any) -> None:
    with TestClient(app) as client:
        answer = client.get("/stac/api")
    assert answer.headers["content-type"] == MEDIA_TYPE
    described_there = answer.json()
    assert described_there["servers"] == document["servers"]
    assert "/stac/search" in described_there["paths"]
    assert all(path.startswith("/stac") for path in described_there["paths"])


@pytest.mark.parametrize("ui", ["swagger", "redoc"])
def test_people_see_it_by_files_of_the_service(app: FastAPI, ui: str) -> None:
    with TestClient(app) as client:
        answer = client.get(f"/openapi?f=html&ui={ui}")
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "//" not in answer.text.replace("</", "")
        for file in ("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js"):
            assert client.get(f"/static/openapi/{file}").status_code == 200


WRITTEN = [
    ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    (
        {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}], "title": "X"},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "nullable": True, "title": "X"},
    ),
    ({"const": "Feature"}, {"enum": ["Feature"]}),
    ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
    (
        {"$ref": "#/components/schemas/a", "description": "x"},
        {"description": "x", "allOf": [{"$ref": "#/components/schemas/a"}]},
    ),
    (
        {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]},
        {"type": "array", "items": {"type": "number"}},
    ),
    (
        {"type": "string", "contentEncoding": "base64", "contentMediaType": "text/csv"},
        {
            "type": "string",
            "format": "byte",
            "x-contentEncoding": "base64",
            "x-contentMediaType": "text/csv",
        },
    ),
    (True, {}),
]


@pytest.mark.parametrize(("schema", "said"), WRITTEN)
def test_a_schema_is_said_in_the_words_of_3_0(schema: Any, said: Any) -> None:
    assert schema30(schema) == said
    assert schema30(said) == said


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "bb"])
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.just("p"), v))
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "boolean", "null", "object"])}),
    st.fixed_dictionaries({"type": st.just(["integer", "null"]), "exclusiveMaximum": st.just(2)}),
    st.fixed_dictionaries({"type": st.just(["string", "integer"])}),
    st.fixed_dictionaries({"const": st.sampled_from(["a", 1])}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda s: st.one_of(
        st.fixed_dictionaries({"anyOf": st.lists(s, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"type": st.just("array"), "items": s}),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.fixed_dictionaries({"p": s})}
        ),
    ),
    max_leaves=5,
)


@given(schema=SCHEMAS, value=VALUES)
def test_what_a_schema_allows_it_allows_in_3_0_and_no_more(schema: Any, value: Any) -> None:
    allowed = Draft202012Validator(schema).is_valid(value)
    assert OAS30Validator(schema30(schema)).is_valid(value) == allowed


def test_pieces_that_are_not_there_cannot_be_named() -> None:
    with pytest.raises(KeyError):
        described.parameter("limits")
    with pytest.raises(KeyError):
        described.answer("A page.", headers=["Locations"])


def walk(node: Any, wanted: str) -> Iterator[Any]:
    """Every value of a key, wherever it is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == wanted:
                yield value
            else:
                yield from walk(value, wanted)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value, wanted)
