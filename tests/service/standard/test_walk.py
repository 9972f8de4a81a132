"""A walk through the whole service, as a client goes; every answer is held against the OGC's own schemas."""

import json
from typing import Any

import httpx
import pytest

from tests.service.asking import OGC, link
from tests.service.standard.conftest import MAP, Conforms, Running

REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def follow(service: Running, document: Any, rel: str, schema: str, conforms: Conforms) -> Any:
    """The JSON that a link leads to, once it conforms to its schema."""
    address = link(document, rel)
    assert address is not None, f"no link {rel}"
    answer = service.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    conforms(schema, answer.json())
    return answer.json()


def test_a_client_finds_its_way_from_the_landing_page_to_a_map(
    service: Running, conforms: Conforms
) -> None:
    answer = service.get("/")
    conforms("landingPage", answer.json())
    page = answer.json()
    declared = follow(service, page, f"{REL}conformance", "confClasses", conforms)
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
    classes = {"core", "ogc-process-description", "json", "job-list", "dismiss"}
    assert {f"{base}/{name}" for name in classes} <= set(declared["conformsTo"])
    listed = follow(service, page, f"{REL}processes", "processList", conforms)
    described = {
        summary["id"]: follow(service, summary, "self", "process", conforms)
        for summary in listed["processes"]
    }
    order = {"inputs": MAP, "outputs": {"summary": {}, "item": {}, "class-map": {}}}
    execution = link(described["crop-classification"], f"{REL}execute")
    assert execution is not None
    answer = service.client.post(execution, json=order, headers={"Prefer": "respond-async"})
    assert answer.status_code == 201
    conforms("statusInfo", answer.json())
    assert answer.headers["location"] == link(answer.json(), "monitor")
    service.shop.complete(answer.json()["jobID"])
    ended = service.ended(answer.json()["jobID"])
    status = follow(service, ended, "self", "statusInfo", conforms)
    assert status["status"] == "successful"
    results = follow(service, status, f"{REL}results", "results", conforms)
    assert set(results) == set(order["outputs"])
    whole = service.get(results["class-map"]["href"])
    assert whole.headers["content-type"] == results["class-map"]["type"]
    jobs = follow(service, page, f"{REL}job-list", "jobList", conforms)
    assert status["jobID"] in {job["jobID"] for job in jobs["jobs"]}
    answer = service.client.delete(f"/jobs/{status['jobID']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    conforms("statusInfo", answer.json())
    assert service.get(f"/jobs/{status['jobID']}").json()["status"] == "dismissed"


def test_an_execution_at_once_walks_to_its_results(service: Running, conforms: Conforms) -> None:
    order = {"inputs": {"message": "mangwanani"}}
    conforms("execute", order)
    answer = service.execute("echo", order)
    assert answer.status_code == 200
    conforms("results", answer.json())
    assert answer.json() == {"message": "mangwanani", "length": 10, "measurement": 1.0}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/processes/tea", None, 404, f"{OGC}no-such-process"),
        ("POST", "/processes/tea/execution", {}, 404, f"{OGC}no-such-process"),
        ("GET", "/jobs/tea", None, 404, f"{OGC}no-such-job"),
        ("DELETE", "/jobs/tea", None, 404, f"{OGC}no-such-job"),
        ("GET", "/jobs/tea/results", None, 404, f"{OGC}no-such-job"),
        ("GET", "/jobs/tea/results/x", None, 404, f"{OGC}no-such-job"),
        ("POST", "/processes/echo/execution", {"inputs": {}}, 400, None),
        ("POST", "/processes/echo/execution", [1], 400, None),
        ("POST", "/processes/echo/execution", {"inputs": {"message": 3}}, 400, None),
        ("GET", "/jobs?limit=0", None, 400, None),
        ("GET", "/jobs?status=brewing", None, 400, None),
        ("GET", "/jobs?datetime=soon", None, 400, None),
        ("GET", "/processes?limit=x", None, 400, None),
        ("GET", "/processes?f=xml", None, 400, None),
        ("GET", "/tea", None, 404, "about:blank"),
        ("PATCH", "/jobs", None, 405, "about:blank"),
    ],
)
def test_every_error_is_a_problem_document(
    method: str,
    path: str,
    body: Any,
    status: int,
    kind: str | None,
    service: Running,
    conforms: Conforms,
) -> None:
    answer = service.client.request(method, path, json=body)
    _is_problem(answer, status, conforms)
    assert kind is None or answer.json()["type"] == kind


def test_errors_of_jobs_are_problem_documents(
    service: Running, failed_job: str, conforms: Conforms
) -> None:
    slow = service.submit("echo", {"message": "x", "pause": 60})
    answer = service.get(f"/jobs/{slow}/results")
    _is_problem(answer, 404, conforms)
    assert answer.json()["type"] == f"{OGC}result-not-ready"
    assert int(answer.headers["retry-after"]) > 0
    service.client.delete(f"/jobs/{slow}")
    _is_problem(service.get(f"/jobs/{slow}/results"), 410, conforms)
    answer = service.get(f"/jobs/{failed_job}/results")
    _is_problem(answer, 422, conforms)
    assert "scene" in answer.json()["detail"]
    answer = service.get(f"/jobs/{failed_job}")
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    conforms("statusInfo", answer.json())


def _is_problem(answer: httpx.Response, status: int, conforms: Conforms) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.content)
    conforms("exception", problem)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith(".")


def test_http_1_1_is_spoken(service: Running) -> None:
    assert service.get("/").http_version == "HTTP/1.1"
