"""OGC API - Processes over HTTP, answers held against the standard's own schemas."""

import base64
import email
import email.policy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from geocrop_processes.errors import BrokerUnavailable, StoreUnavailable
from geocrop_processes.service import manager
from geocrop_processes.service.app import create_app
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.manager import CeleryManager
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.settings import ServiceSettings, Settings
from geocrop_processes.storage import RESULTS
from tests.backends import Backend
from tests.service.asking import ASYNC, GOOD, OGC, URL, Api, link


def test_processes_are_listed_and_described(api: Api, conforms: Callable[..., None]) -> None:
    listed = api.get("/processes").json()
    conforms("processList", listed)
    assert [p["id"] for p in listed["processes"]] == [
        "crop-classification",
        "sample-extraction",
        "model-training",
        "feature-extraction",
        "accuracy-assessment",
        "echo",
    ]
    for summary in listed["processes"]:
        own = link(summary, "self")
        assert own == f"{URL}/processes/{summary['id']}"
        described = api.get(f"/processes/{summary['id']}").json()
        conforms("process", described)
        assert set(summary) == set(described) - {"inputs", "outputs", "example"}
    assert listed["processes"][0]["jobControlOptions"] == ["async-execute", "dismiss"]


def test_the_list_of_processes_has_pages(api: Api) -> None:
    first = api.get("/processes?limit=1").json()
    assert len(first["processes"]) == 1
    following = link(first, "next")
    assert following == f"{URL}/processes?limit=1&offset=1"
    last = api.get("/processes?limit=1&offset=5").json()
    assert last["processes"][0]["id"] == "echo"
    assert link(last, "next") is None
    assert link(last, "prev")


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "x;q=0", "text/html;q=0", "text/html;level=1;q=x"]
)
def test_json_is_the_default(accept: str | None, api: Api) -> None:
    headers = {} if accept is None else {"Accept": accept}
    for path in ("/processes", "/processes/echo", "/jobs", "/"):
        answer = api.get(path, headers=headers)
        assert answer.headers["content-type"].startswith("application/json"), path


@pytest.mark.parametrize(
    "path", ["/processes", *(f"/processes/{process}" for process in DESCRIPTIONS), "/jobs", "/"]
)
def test_a_page_is_given_where_one_is_asked_for(path: str, api: Api) -> None:
    for asked in (
        api.get(f"{path}?f=html"),
        api.get(path, headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}),
    ):
        assert asked.status_code == 200
        assert asked.headers["content-type"].startswith("text/html")


def test_a_form_that_is_not_offered_is_refused(api: Api) -> None:
    for path in ("/", "/processes", "/processes/echo", "/jobs"):
        answer = api.get(f"{path}?f=xml")
        assert answer.status_code == 400
        assert "allowed are json, html" in answer.json()["detail"]
    assert api.get("/?f=jsonld").headers["content-type"] == "application/ld+json"


def test_what_a_client_sent_is_text_on_a_page(api: Api) -> None:
    api.store.add("<script>", "echo", {"message": "<script>"}, {})
    assert "<script>" not in api.get("/jobs?f=html").text


def test_an_unknown_process_is_a_problem_that_names_those_that_exist(
    api: Api, conforms: Callable[..., None]
) -> None:
    for answer in (api.get("/processes/tea"), api.execute("tea", GOOD)):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        conforms("exception", problem)
        assert problem["type"] == f"{OGC}no-such-process"
        assert "accuracy-assessment, echo" in problem["detail"]


@pytest.mark.parametrize("prefer", ["respond-async", "wait=x, Respond-Async ; x=1 ", None])
def test_a_map_is_always_a_job(prefer: str | None, api: Api, conforms: Callable[..., None]) -> None:
    headers = {} if prefer is None else {"Prefer": prefer}
    answer = api.execute("crop-classification", GOOD, **headers)
    assert answer.status_code == 201
    status = answer.json()
    conforms("statusInfo", status)
    assert answer.headers["location"] == f"{URL}/jobs/{status['jobID']}"
    assert answer.headers.get("preference-applied") == (prefer and "respond-async")
    assert int(answer.headers["retry-after"]) > 0
    assert status["status"] == "accepted"
    assert link(status, "self") == link(status, "monitor") == answer.headers["location"]
    assert "started" not in status
    job = api.store.get(status["jobID"])
    assert job.inputs == {
        "aoi": [30.20, -17.36, 1500.0],
        "year": 2022,
        "model": "geocrop-demo@2",
        "mask": "none",
        "fresh": False,
    }
    assert api.told == ["work"]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"aoi": [-17.36, 30.20, 1500], "year": 2022}},
        {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022, "colour": "red"}},
        {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022, "model": "tea"}},
        {"inputs": {"aoi": [30.20, -17.36, 1500]}},
        {**GOOD, "outputs": {"tea": {}}},
        [],
    ],
)
def test_a_bad_request_is_refused_before_anything_is_stored(
    body: Any, api: Api, conforms: Callable[..., None]
) -> None:
    answer = api.execute("crop-classification", body, **ASYNC)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    conforms("exception", answer.json())
    assert {"title", "detail", "status"} <= set(answer.json())
    assert api.store.list() == ([], 0)
    assert api.told == []


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    content = b'"' + b"x" * (1 << 20) + b'"'
    for path in ("/processes/echo/execution", "/stac/search"):
        for headers in ({}, {"Transfer-Encoding": "chunked"}):
            asked = {"Content-Type": "application/json", "Origin": "https://example.org", **headers}
            answer = api("POST", path, content=content, headers=asked)
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/a%00b",
        "/jobs?processID=%00",
        "/assets/a/%00",
        "/assets/%00/item.json",
        "/stac/search?ids=%00",
        "/tiles/%00/x",
    ],
)
def test_an_address_with_a_character_that_no_database_keeps_is_refused(path: str, api: Api) -> None:
    answer = api.get(path)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["detail"]


def test_a_job_without_a_queue_is_kept_and_says_so(
    api: Api, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: Settings) -> None:
        raise BrokerUnavailable("The queue does not answer.")

    monkeypatch.setattr(manager, "publish", refuse)
    api.app = create_app(backend.settings(ServiceSettings(url=URL)), store=api.store)
    answer = api.execute("crop-classification", GOOD, **ASYNC)
    assert answer.status_code == 503
    (job,), _ = api.store.list()
    assert job.status == "accepted"
    assert "queue" in job.message
    assert job.id in answer.json()["detail"]
    assert answer.headers["location"] == f"{URL}/jobs/{job.id}"
    # whoever asks again makes a second job
    assert "retry-after" not in answer.headers
    assert api.store.due()["plan"] == 1
    assert api("DELETE", f"/jobs/{job.id}").json()["status"] == "dismissed"


def test_a_store_that_cannot_even_note_it_does_not_hide_the_job(
    api: Api, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: Settings) -> None:
        raise BrokerUnavailable("The queue does not answer.")

    monkeypatch.setattr(manager, "publish", refuse)
    monkeypatch.setattr(api.store, "note", _unavailable)
    api.app = create_app(backend.settings(ServiceSettings(url=URL)), store=api.store)
    answer = api.execute("echo", {"inputs": {"message": "x"}}, **ASYNC)
    assert answer.status_code == 503
    (job,), _ = api.store.list()
    assert answer.headers["location"] == f"{URL}/jobs/{job.id}"


def _unavailable(*_: Any, **__: Any) -> NoReturn:
    raise StoreUnavailable("The job store does not answer.")


@pytest.mark.parametrize("prefer", ["respond-async", "respond-async, wait=1"])
def test_a_job_that_was_made_is_told_of_whatever_comes_after_it(
    prefer: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who got an error alone would ask again, and have two jobs."""
    monkeypatch.setattr(api.store, "get", _unavailable)
    monkeypatch.setattr(api.store.pace, "seconds", _unavailable)
    answer = api.execute("echo", {"inputs": {"message": "x"}}, Prefer=prefer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{URL}/jobs/{answer.json()['jobID']}"
    assert "retry-after" not in answer.headers


def test_headers_that_are_too_large_are_refused(api: Api) -> None:
    answer = api.get("/processes", headers={"X-Long": "x" * (1 << 16)})
    assert answer.status_code == 431
    assert answer.headers["content-type"] == "application/problem+json"
    assert "65536 bytes" in answer.json()["detail"]
    assert api.get("/processes", headers={"X-Long": "x" * 60_000}).status_code == 200


def test_a_form_that_is_not_offered_is_refused_before_anything_is_done(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = api.submit()
    assert api("DELETE", f"/jobs/{job_id}?f=xml").status_code == 400
    assert api.store.get(job_id).status == "accepted"
    carried_out: list[Any] = []

    def run(*asked: Any) -> dict[str, Any]:
        carried_out.append(asked)
        return {}

    monkeypatch.setattr(CeleryManager, "run", run)
    body = {"inputs": {"message": "x"}}
    assert api("POST", "/processes/echo/execution?f=xml", json=body).status_code == 400
    assert carried_out == []


def test_a_job_is_watched_until_its_results_are_there(
    api: Api, conforms: Callable[..., None]
) -> None:
    job_id = api.submit()
    early = api.get(f"/jobs/{job_id}/results")
    assert early.status_code == 404
    assert early.json()["type"] == f"{OGC}result-not-ready"
    assert early.headers["retry-after"]
    api.store.planned(api.claim("plan"), b"{}", ["0-0", "0-1"], "d" * 64)
    running = api.get(f"/jobs/{job_id}")
    conforms("statusInfo", running.json())
    assert running.json()["status"] == "running"
    assert running.headers["retry-after"]
    api.store.block_done(api.claim("block"))
    later = api.get(f"/jobs/{job_id}").json()
    assert 0 < later["progress"] < 100
    assert datetime.fromisoformat(later["started"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert link(later, "http://www.opengis.net/def/rel/ogc/1.0/results") is None


def test_results_are_a_document_of_references_and_values(
    api: Api, conforms: Callable[..., None]
) -> None:
    job_id = api.submit()
    api.finish(job_id)
    status = api.get(f"/jobs/{job_id}")
    conforms("statusInfo", status.json())
    assert "retry-after" not in status.headers
    assert status.json()["progress"] == 100
    results = link(status.json(), "http://www.opengis.net/def/rel/ogc/1.0/results")
    assert results == f"{URL}/jobs/{job_id}/results"
    document = api.get(f"/jobs/{job_id}/results").json()
    conforms("results", document)
    described = api.get("/processes/crop-classification").json()["outputs"]
    assert list(document) == [key for key in described if key != "probabilities"]
    assert document["class-map"] == {
        "href": f"{URL}/assets/{job_id}/class-map.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
    }
    assert document["item"]["href"] == f"{URL}/assets/{job_id}/item.json"
    assert document["summary"] == {
        "value": {"mapped_hectares": 7.1},
        "mediaType": "application/json",
    }


def test_only_the_outputs_that_were_asked_for_are_told_in_the_mode_that_was_asked_for(
    api: Api, conforms: Callable[..., None]
) -> None:
    modes = {
        "summary": {"transmissionMode": "reference"},
        "style": {"transmissionMode": "value"},
        "item": {"transmissionMode": "value"},
    }
    job_id = api.submit(outputs=modes)
    files = api.finish(job_id)
    document = api.get(f"/jobs/{job_id}/results").json()
    conforms("results", document)
    assert document["summary"]["href"].endswith("/summary.json")
    assert base64.b64decode(document["style"]["value"]) == files["style"]
    assert document["item"]["value"] == {"type": "Feature"}
    assert set(document) == set(modes)


def test_a_raw_output_is_its_bytes(api: Api) -> None:
    job_id = api.submit(outputs={"quicklook": {}}, response="raw")
    files = api.finish(job_id)
    answer = api.get(f"/jobs/{job_id}/results")
    assert (answer.status_code, answer.content) == (200, files["quicklook"])
    assert answer.headers["content-type"] == "image/png"


def test_raw_references_are_links_without_a_body(api: Api) -> None:
    mode = {"transmissionMode": "reference"}
    job_id = api.submit(outputs={"class-map": mode, "style": mode}, response="raw")
    api.finish(job_id)
    answer = api.get(f"/jobs/{job_id}/results")
    assert (answer.status_code, answer.content) == (204, b"")
    assert f"<{URL}/assets/{job_id}/class-map.tif>" in answer.headers["link"]
    assert f"<{URL}/assets/{job_id}/class-map.qml>" in answer.headers["link"]


def test_several_raw_outputs_come_in_parts(api: Api) -> None:
    outputs = {"style": {}, "class-map": {"transmissionMode": "reference"}}
    job_id = api.submit(outputs=outputs, response="raw")
    files = api.finish(job_id)
    answer = api.get(f"/jobs/{job_id}/results")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.content.startswith(b"--")
    message = email.message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\n\n" + answer.content,
        policy=email.policy.HTTP,
    )
    assert (message.get_content_type(), message.get_param("type")) == (
        "multipart/related",
        "image/tiff",
    )
    assert not message.defects
    first, second = message.iter_parts()
    assert first["Content-ID"] == "<class-map>"
    assert first["Content-Location"] == f"{URL}/assets/{job_id}/class-map.tif"
    assert first.get_content() == b""
    assert second["Content-ID"] == "<style>"
    assert second.get_payload(decode=True) == files["style"]


def test_an_output_that_was_asked_for_raw_and_not_produced_is_no_content(api: Api) -> None:
    body = {"inputs": {"message": "x"}, "outputs": {"bbox": {}}, "response": "raw"}
    answer = api.execute("echo", body)
    assert (answer.status_code, answer.content) == (204, b"")


def test_one_output_can_be_fetched_alone(api: Api) -> None:
    job_id = api.submit()
    files = api.finish(job_id)
    assert api.get(f"/jobs/{job_id}/results/style").content == files["style"]
    missing = api.get(f"/jobs/{job_id}/results/tea")
    assert missing.status_code == 404
    assert missing.json()["type"].endswith("/no-such-output")


def test_a_failed_job_stays_readable_and_its_results_are_the_reason(
    api: Api, conforms: Callable[..., None]
) -> None:
    job_id = api.submit()
    reason = {"title": "No map can be made", "detail": "No scene was found.", "status": 422}
    api.store.failed(api.claim("plan"), reason, retry=False)
    status = api.get(f"/jobs/{job_id}")
    assert (status.status_code, status.json()["status"]) == (200, "failed")
    conforms("statusInfo", status.json())
    answer = api.get(f"/jobs/{job_id}/results")
    conforms("exception", answer.json())
    assert answer.status_code == 422
    assert answer.json()["detail"] == "No scene was found."


def test_a_dismissed_job_is_readable_and_dismissing_twice_is_as_once(
    api: Api, conforms: Callable[..., None]
) -> None:
    job_id = api.submit()
    for _ in range(2):
        answer = api("DELETE", f"/jobs/{job_id}")
        assert answer.status_code == 200
        conforms("statusInfo", answer.json())
        assert answer.json()["status"] == "dismissed"
        assert {"processID", "created", "finished", "links"} <= set(answer.json())
    assert api.get(f"/jobs/{job_id}").json()["status"] == "dismissed"
    assert api.get(f"/jobs/{job_id}/results").status_code == 410
    assert api.told == ["work"] * 3


def test_an_unknown_job_is_a_problem(api: Api, conforms: Callable[..., None]) -> None:
    for answer in (
        api.get("/jobs/tea"),
        api.get("/jobs/tea/results"),
        api.get("/jobs/tea/results/style"),
        api("DELETE", "/jobs/tea"),
    ):
        assert answer.status_code == 404
        conforms("exception", answer.json())
        assert answer.json()["type"] == f"{OGC}no-such-job"


def test_jobs_are_listed_the_newest_first_in_pages(api: Api, conforms: Callable[..., None]) -> None:
    ids = [api.submit() for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/jobs?limit=2&processID=crop-classification"
    while path:
        page = api.get(path.removeprefix(URL)).json()
        conforms("jobList", page)
        seen += [job["jobID"] for job in page["jobs"]]
        assert page["numberMatched"] == 5
        path = link(page, "next")
    assert seen == ids[::-1]


def test_jobs_are_filtered(api: Api) -> None:
    done, waiting = api.submit(), api.submit()
    api.store.add("e1", "echo", {"message": "x"}, {})
    api.finish(done)

    def ids(query: str) -> set[str]:
        answer = api.get(f"/jobs?{query}")
        assert answer.status_code == 200, answer.text
        return {job["jobID"] for job in answer.json()["jobs"]}

    assert ids("status=successful") == {done}
    assert ids("status=successful,accepted") == {done, waiting, "e1"}
    assert ids("status=successful&status=accepted") == {done, waiting, "e1"}
    assert ids("processID=echo") == {"e1"}
    assert ids("processID=echo,crop-classification&type=process") == {done, waiting, "e1"}
    assert ids("processID=tea") == set()
    now = datetime.now(UTC)
    before, after = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=1)).isoformat()
    assert ids(f"datetime={before}/{after}") == {done, waiting, "e1"}
    assert ids(f"datetime={before[:10]}T00:00:00Z/..") == {done, waiting, "e1"}
    assert ids(f"datetime=../{before[:10]}T00:00:00Z") == set()
    assert ids("datetime=2020-01-01T00:00:00Z") == set()
    assert ids("maxDuration=3600&status=successful") == {done}
    assert ids("minDuration=3600") == set()


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=x", "limit=-1", "offset=-1", "status=done", "type=tea", "f=xml"),
        *("minDuration=x", "maxDuration=-1", "minDuration=nan", "datetime=yesterday"),
        *("datetime=2023-01-01T00:00:00Z/2022-01-01T00:00:00Z", "limit=٣"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(query: str, api: Api) -> None:
    answer = api.get(f"/jobs?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


def test_an_echo_answers_at_once(api: Api) -> None:
    inputs = {
        "message": "mangwanani",
        "items": ["a", "b"],
        "bbox": {"bbox": [25.0, -22.0, 33.0, -15.0]},
        "measurement": "three",
        "document": base64.b64encode(b"text").decode(),
        "pause": 0,
    }
    answer = api.execute("echo", {"inputs": inputs, "response": "document"})
    assert answer.status_code == 200
    assert not {"location", "link"} & set(answer.headers)
    assert answer.json() == {
        **{key: inputs[key] for key in inputs if key != "pause"},
        "length": 10,
    }
    assert api.store.list() == ([], 0)


def test_an_echo_answers_raw(api: Api) -> None:
    body = {"inputs": {"message": "x"}, "outputs": {"message": {}}, "response": "raw"}
    answer = api.execute("echo", body)
    assert (answer.text, answer.headers["content-type"]) == ("x", "text/plain; charset=utf-8")
    body["outputs"] = {"length": {}}
    answer = api.execute("echo", body)
    assert (answer.json(), answer.headers["content-type"]) == (1, "application/json")


def test_an_echo_is_a_job_where_that_is_preferred(api: Api, conforms: Callable[..., None]) -> None:
    answer = api.execute("echo", {"inputs": {"message": "x"}}, **ASYNC)
    assert answer.status_code == 201
    assert api.told == ["work"]
    step = api.claim("run")
    api.store.finished(step, {"outputs": {"message": "x", "length": 1, "measurement": 1.0}}, None)
    results = api.get(f"/jobs/{step.job_id}/results").json()
    conforms("results", results)
    assert results == {"message": "x", "length": 1, "measurement": 1.0}


def test_the_wrong_media_type_of_an_echos_document_is_refused(api: Api) -> None:
    document = {"value": "eA==", "mediaType": "image/png"}
    answer = api.execute("echo", {"inputs": {"message": "x", "document": document}})
    assert answer.status_code == 400
    assert "text/plain" in answer.json()["detail"]


def test_the_landing_page_leads_everywhere_and_to_nothing_that_is_absent(
    api: Api, conforms: Callable[..., None]
) -> None:
    page = api.get("/").json()
    conforms("landingPage", page)
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    for name in ("conformance", "processes", "job-list"):
        assert link(page, f"{rel}{name}") == f"{URL}/{name.replace('job-list', 'jobs')}"
    assert link(page, "conformance") == f"{URL}/conformance"
    own = [one["href"] for one in page["links"] if one["href"].startswith(URL)]
    for address in own:
        answer = api.get(address.removeprefix(URL) or "/", follow_redirects=False)
        assert answer.status_code in {200, 308}, address


def test_conformance_is_told_and_does_not_grow(api: Api, conforms: Callable[..., None]) -> None:
    first = api.get("/conformance").json()
    conforms("confClasses", first)
    assert first == api.get("/conformance").json()
    assert any(c.endswith("/conf/dismiss") for c in first["conformsTo"])
    assert any(c.endswith("/conf/callback") for c in first["conformsTo"])
    # what it claims is there
    assert any(c.endswith("/conf/collections") for c in first["conformsTo"])
    assert api.get("/conformance?f=html").headers["content-type"].startswith("text/html")
    assert api.get("/conformance?f=xml").status_code == 400


def test_the_openapi_document_has_every_process(api: Api) -> None:
    answer = api.get("/openapi")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert "/processes/crop-classification/execution" in answer.json()["paths"]


def test_pages_of_other_origins_may_ask_and_read(api: Api) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "DELETE"}
    asked["Access-Control-Request-Headers"] = "content-type,prefer,authorization,range"
    answer = api("OPTIONS", "/jobs/x", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    read = api.get("/jobs", headers={"Origin": "https://example.org"})
    exposed = read.headers["access-control-expose-headers"]
    for name in ("Location", "Link", "Preference-Applied", "Retry-After", "Content-Range"):
        assert name in exposed


def test_the_service_tells_that_it_lives_and_is_ready(api: Api) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ok"}


def test_where_our_parts_are_is_told_to_the_log_only(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = api.submit()
    api.finish(job_id)
    api.storage.delete(RESULTS, f"results/{job_id}/")
    answer = api.get(f"/jobs/{job_id}/results/style")
    assert answer.status_code == 503
    place = api.storage.url(RESULTS)
    private = RESULTS if place.startswith("s3://") else str(Path(place).parent)
    assert private not in answer.text
    assert private in caplog.text


def test_what_is_not_there_and_what_goes_wrong_are_problems(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert api.get("/tea").json()["detail"] == "There is nothing at /tea."
    assert api("PUT", "/jobs").json()["status"] == 405

    def fall(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(JobStore, "list", fall)
    answer = api.get("/jobs")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_description_uses_only_the_words_of_the_standards_schemas(api: Api) -> None:
    text = json.dumps(api.get("/processes/echo").json())
    for word in ("examples", "const", "$defs", "$ref", "exclusiveMinimum", "binary"):
        assert f'"{word}"' not in text
