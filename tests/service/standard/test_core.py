"""What OGC API - Processes 1.0 asks of descriptions, requests and executions; `requirements` names it point by point."""

import base64
from typing import Any

import pytest

from geocrop_processes.service.processes import DESCRIPTIONS
from tests.service.asking import OGC, link
from tests.service.standard.conftest import MAP, Conforms, Running

ECHO: dict[str, Any] = {"message": "mangwanani"}


def test_the_landing_page_links_to_what_the_standard_names(
    service: Running, conforms: Conforms
) -> None:
    answer = service.get("/")
    assert answer.status_code == 200
    conforms("landingPage", answer.json())
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    assert link(answer.json(), f"{rel}conformance") == f"{service.url}/conformance"
    assert link(answer.json(), f"{rel}processes") == f"{service.url}/processes"
    assert link(answer.json(), "service-desc")
    assert link(answer.json(), "service-doc")


def test_every_definition_of_the_api_that_is_linked_to_is_there(service: Running) -> None:
    links = service.get("/").json()["links"]
    definitions = [one for one in links if one["rel"] in {"service-desc", "service-doc"}]
    assert {one["rel"] for one in definitions} == {"service-desc", "service-doc"}
    for one in definitions:
        answer = service.get(one["href"], headers={"Accept": one["type"]})
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == one["type"].partition(";")[0]
        if one["type"].endswith("version=3.0"):
            assert answer.json()["openapi"].startswith("3.0")


def test_conformance_names_the_classes(service: Running, conforms: Conforms) -> None:
    answer = service.get("/conformance")
    assert answer.status_code == 200
    conforms("confClasses", answer.json())
    for name in ("core", "ogc-process-description", "json", "job-list", "dismiss"):
        uri = f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}"
        assert uri in answer.json()["conformsTo"]


def test_the_list_of_processes_has_pages_and_says_where_else_it_is(
    service: Running, conforms: Conforms
) -> None:
    whole = service.get("/processes")
    conforms("processList", whole.json())
    assert link(whole.json(), "self") == f"{service.url}/processes"
    page = link(whole.json(), "alternate")
    assert page is not None
    assert service.get(page).headers["content-type"].startswith("text/html")
    first = service.get("/processes?limit=1").json()
    assert [p["id"] for p in first["processes"]] == [whole.json()["processes"][0]["id"]]
    following = link(first, "next")
    assert following is not None
    second = service.get(following).json()
    assert [p["id"] for p in second["processes"]] == [whole.json()["processes"][1]["id"]]
    assert service.get("/processes?limit=10000").json()["processes"] == whole.json()["processes"]


@pytest.mark.parametrize("process", list(DESCRIPTIONS))
def test_a_description_is_one_by_the_ogcs_schemas(
    process: str, service: Running, conforms: Conforms
) -> None:
    answer = service.get(f"/processes/{process}")
    assert answer.status_code == 200
    described = answer.json()
    conforms("process", described)
    assert described["id"] == process
    for about in described["inputs"].values():
        conforms("inputDescription", about)
        conforms("schema", about["schema"])
    for about in described["outputs"].values():
        conforms("outputDescription", about)
        conforms("schema", about["schema"])


def test_what_can_be_of_several_kinds_is_described_by_one_of(
    service: Running, conforms: Conforms
) -> None:
    labels = service.get("/processes/sample-extraction").json()["inputs"]["labels"]["schema"]
    measurement = service.get("/processes/echo").json()["outputs"]["measurement"]["schema"]
    for schema in (labels, measurement):
        assert len(schema["oneOf"]) > 1
        for form in schema["oneOf"]:
            conforms("schema", form)


def test_without_a_preference_a_process_answers_at_once_where_it_can(service: Running) -> None:
    assert service.execute("echo", {"inputs": ECHO}).status_code == 200
    job = service.execute("crop-classification", {"inputs": MAP})
    assert job.status_code == 201
    assert "preference-applied" not in job.headers
    service.shop.complete(job.json()["jobID"])


def test_a_job_that_is_preferred_is_made(service: Running, conforms: Conforms) -> None:
    answer = service.execute("echo", {"inputs": ECHO}, Prefer="respond-async")
    assert answer.status_code == 201
    conforms("statusInfo", answer.json())
    job_id = answer.json()["jobID"]
    assert answer.headers["location"] == f"{service.url}/jobs/{job_id}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert None not in answer.json().values()
    assert link(answer.json(), "self") == link(answer.json(), "monitor")
    assert service.ended(job_id)["status"] == "successful"


def test_a_job_that_ends_while_the_client_waits_is_answered_with_its_results(
    service: Running, conforms: Conforms
) -> None:
    prefer = 'foo="a, wait=1", RESPOND-ASYNC; x="y" , Wait = 20'
    answer = service.execute("echo", {"inputs": ECHO}, Prefer=prefer)
    assert answer.status_code == 200
    assert answer.json()["length"] == 10
    assert answer.headers["preference-applied"] == "wait=20"
    address, _, rel = answer.headers["link"].partition("; ")
    assert rel == 'rel="monitor"'
    status = service.get(address.strip("<>"))
    conforms("statusInfo", status.json())
    assert status.json()["status"] == "successful"


def test_a_job_that_takes_longer_than_the_client_waits_is_told_of(service: Running) -> None:
    body = {"inputs": ECHO | {"pause": 60}}
    answer = service.execute("echo", body, Prefer="respond-async, wait=1")
    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "respond-async, wait=1"
    service.client.delete(answer.headers["location"])


def test_inputs_are_taken_by_value_and_as_qualified_values(service: Running) -> None:
    given = {
        "message": {"value": "x", "mediaType": "text/plain"},
        "items": ["a", "b"],
        "bbox": {"bbox": [25, -22, 33, -15], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
        "measurement": 7,
        "document": {
            "value": base64.b64encode(b"text").decode(),
            "encoding": "base64",
            "mediaType": "text/plain",
        },
    }
    answer = service.execute("echo", {"inputs": given})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["message"], told["items"], told["bbox"]) == ("x", ["a", "b"], given["bbox"])
    assert base64.b64decode(told["document"]) == b"text"


def test_no_input_takes_several_values_but_as_an_array(service: Running) -> None:
    """One whose `maxOccurs` is above 1 would have to take an array of values."""
    for process in DESCRIPTIONS:
        described = service.get(f"/processes/{process}").json()
        assert {about["maxOccurs"] for about in described["inputs"].values()} == {1}
    one = service.execute("echo", {"inputs": ECHO | {"items": ["a"]}})
    assert one.json()["items"] == ["a"]


def test_a_kind_of_several_is_told_by_the_media_type_of_a_qualified_value(service: Running) -> None:
    table = "lon,lat,class,season\n30.2,-17.36,maize,2022\n"
    point = {"type": "Point", "coordinates": [30.2, -17.36]}
    feature = {
        "type": "Feature",
        "geometry": point,
        "properties": {"class": "maize", "season": 2022},
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    for labels in (
        {"value": table, "mediaType": "text/csv"},
        {"value": collection, "mediaType": "application/geo+json"},
    ):
        answer = service.execute("sample-extraction", {"inputs": {"labels": labels}})
        assert answer.status_code == 201, answer.text
        service.client.delete(answer.headers["location"])
    wrong = {"labels": {"value": table, "mediaType": "image/png"}}
    assert service.execute("sample-extraction", {"inputs": wrong}).status_code == 400


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({}, "'message'"),
        ({"message": 3}, "'message'"),
        (ECHO | {"tea": 1}, "'tea'"),
        (ECHO | {"pause": -1}, "'pause'"),
        (ECHO | {"pause": 1.5}, "'pause'"),
        (ECHO | {"items": []}, "'items'"),
        (ECHO | {"items": "a"}, "'items'"),
        (ECHO | {"bbox": {"bbox": [1, 2]}}, "'bbox'"),
        (ECHO | {"measurement": [1]}, "'measurement'"),
        (ECHO | {"document": {"value": "eA==", "mediaType": "image/png"}}, "'document'"),
        (ECHO | {"document": {"value": "eA==", "encoding": "rot13"}}, "'document'"),
        ([], "`inputs`"),
    ],
)
def test_an_input_that_is_not_as_described_is_refused_and_named(
    inputs: Any, named: str, service: Running, conforms: Conforms
) -> None:
    before = service.get("/jobs?limit=1").json()["numberMatched"]
    for headers in ({}, {"Prefer": "respond-async"}):
        answer = service.execute("echo", {"inputs": inputs}, **headers)
        assert answer.status_code == 400
        conforms("exception", answer.json())
        assert named in answer.json()["detail"].partition(".")[0]
    assert service.get("/jobs?limit=1").json()["numberMatched"] == before


def test_a_process_that_is_not_there_is_no_such_process(
    service: Running, conforms: Conforms
) -> None:
    for answer in (service.get("/processes/tea"), service.execute("tea", {})):
        assert answer.status_code == 404
        conforms("exception", answer.json())
        assert answer.json()["type"] == f"{OGC}no-such-process"


def test_json_is_given_where_nothing_is_asked_for(service: Running, map_job: str) -> None:
    paths = ["/", "/conformance", "/processes", "/processes/echo", "/jobs", f"/jobs/{map_job}"]
    for path in [*paths, f"/jobs/{map_job}/results"]:
        for accept in ("*/*", "application/json", ""):
            answer = service.get(path, headers={"Accept": accept})
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json", path
    assert service.execute("echo", {"inputs": ECHO}).headers["content-type"] == "application/json"


def test_the_echo_is_what_the_standards_test_suite_needs() -> None:
    echo = DESCRIPTIONS["echo"]
    inputs, outputs = echo["inputs"], echo["outputs"]
    assert {"sync-execute", "async-execute"} <= set(echo["jobControlOptions"])
    (first, about), *others = inputs.items()
    assert (about["minOccurs"], about["schema"]) == (1, {"type": "string"})
    assert first in outputs
    assert not any(other["minOccurs"] for _, other in others)
    assert inputs["pause"]["schema"]["type"] == "integer"
    assert inputs["items"]["schema"]["items"]["type"] == "string"
    box, shape = inputs["bbox"]["schema"]["allOf"]
    assert (box["format"], shape["type"]) == ("ogc-bbox", "object")
    assert "oneOf" in inputs["measurement"]["schema"]
    assert "oneOf" in outputs["measurement"]["schema"]
    assert any("contentMediaType" in one["schema"] for one in inputs.values())
    assert any(one["schema"].get("type") == "integer" for one in outputs.values())
    assert "status" not in outputs


def test_pages_of_other_origins_may_execute_and_dismiss(service: Running) -> None:
    for method, path in (("POST", "/processes/echo/execution"), ("DELETE", "/jobs/x")):
        asked = {"Origin": "https://example.org", "Access-Control-Request-Method": method}
        wanted = {"content-type", "prefer", "authorization", "accept"}
        asked["Access-Control-Request-Headers"] = ",".join(sorted(wanted))
        answer = service.client.options(path, headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert wanted <= {name.strip() for name in allowed.split(",")}
        assert method in answer.headers["access-control-allow-methods"]
    said = service.get("/jobs", headers={"Origin": "https://example.org"}).headers
    exposed = {name.strip() for name in said["access-control-expose-headers"].split(",")}
    assert {
        *("Location", "Link", "Preference-Applied", "Retry-After", "Content-Disposition"),
    } <= exposed
