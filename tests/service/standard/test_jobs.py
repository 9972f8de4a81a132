"""What OGC API - Processes 1.0 asks of jobs: their status, list, filters and dismissal."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.asking import OGC, link
from tests.service.standard.conftest import Conforms, Running


@pytest.fixture
def running(service: Running) -> Iterator[str]:
    """A job that runs for a minute."""
    job_id = service.submit("echo", {"message": "x", "pause": 60})
    give_up = time.monotonic() + 60
    while service.get(f"/jobs/{job_id}").json()["status"] == "accepted":
        assert time.monotonic() < give_up
        time.sleep(0.05)
    yield job_id
    service.client.delete(f"/jobs/{job_id}")


def test_a_job_s_status_is_status_info(
    service: Running, running: str, map_job: str, failed_job: str, conforms: Conforms
) -> None:
    answer = service.get(f"/jobs/{running}")
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert int(answer.headers["retry-after"]) > 0
    assert link(answer.json(), "monitor") == f"{service.url}/jobs/{running}"
    for job_id, status in ((running, "running"), (map_job, "successful"), (failed_job, "failed")):
        answer = service.get(f"/jobs/{job_id}")
        conforms("statusInfo", answer.json())
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert None not in answer.json().values()
        assert answer.json()["processID"]
        results = link(answer.json(), "http://www.opengis.net/def/rel/ogc/1.0/results")
        assert bool(results) == (status == "successful")


def test_an_unknown_job_is_no_such_job(service: Running, conforms: Conforms) -> None:
    for method, path in (("GET", "/jobs/tea"), ("GET", "/jobs/tea/results"), ("DELETE", "/jobs/t")):
        answer = service.client.request(method, path)
        assert answer.status_code == 404
        conforms("exception", answer.json())
        assert answer.json()["type"] == f"{OGC}no-such-job"


def test_results_of_a_running_job_are_not_ready(
    service: Running, running: str, conforms: Conforms
) -> None:
    for path in (f"/jobs/{running}/results", f"/jobs/{running}/results/message"):
        answer = service.get(path)
        assert answer.status_code == 404
        conforms("exception", answer.json())
        assert answer.json()["type"] == f"{OGC}result-not-ready"


def test_results_of_a_failed_job_are_the_reason(
    service: Running, failed_job: str, conforms: Conforms
) -> None:
    answer = service.get(f"/jobs/{failed_job}/results")
    conforms("exception", answer.json())
    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    assert answer.json()["detail"] == "No scene was found."


def test_a_running_job_that_is_dismissed_stops_and_stays_readable(
    service: Running, running: str, conforms: Conforms
) -> None:
    for _ in range(2):
        answer = service.client.delete(f"/jobs/{running}")
        assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
        conforms("statusInfo", answer.json())
        assert {"processID", "jobID", "created", "started", "finished"} <= set(answer.json())
    assert service.get(f"/jobs/{running}").json()["status"] == "dismissed"
    assert service.get(f"/jobs/{running}/results").status_code == 410
    # its worker is free again, long before the pause is over
    assert service.ended(service.submit("echo", {"message": "x"}))["status"] == "successful"


def _ids(service: Running, query: str) -> list[str]:
    page: dict[str, Any] = service.get(f"/jobs?{query}").json()
    return [job["jobID"] for job in page["jobs"]]


def test_jobs_are_listed_in_pages_that_lead_to_each_other(
    service: Running, conforms: Conforms
) -> None:
    made = [service.submit("echo", {"message": str(number)}) for number in range(3)]
    answer = service.get("/jobs?limit=2&processID=echo")
    assert answer.status_code == 200
    page = answer.json()
    conforms("jobList", page)
    assert [job["jobID"] for job in page["jobs"]] == made[:0:-1]
    assert link(page, "self") == f"{service.url}/jobs?limit=2&processID=echo"
    following = link(page, "next")
    assert following is not None
    assert service.get(following).json()["jobs"][0]["jobID"] == made[0]
    other = link(page, "alternate")
    assert other is not None
    assert service.get(other).headers["content-type"].startswith("text/html")
    # the service's own limit holds, whatever is asked for
    assert len(service.get("/jobs?limit=10000").json()["jobs"]) <= 50
    for job in page["jobs"]:
        assert job["processID"] == "echo"
        assert link(job, "self") == f"{service.url}/jobs/{job['jobID']}"


def test_jobs_are_filtered_by_process_status_and_type(
    service: Running, map_job: str, failed_job: str, running: str
) -> None:
    assert running in _ids(service, "processID=echo")
    assert not {map_job, failed_job} & set(_ids(service, "processID=echo"))
    assert {map_job, running} <= set(_ids(service, "processID=echo,crop-classification"))
    assert {map_job, running} <= set(_ids(service, "processID=echo&processID=crop-classification"))
    assert _ids(service, "status=running") == [running]
    assert {failed_job, running} <= set(_ids(service, "status=running,failed"))
    assert map_job not in _ids(service, "status=running,failed")
    assert {map_job, failed_job, running} <= set(_ids(service, "type=process"))
    assert {map_job, failed_job, running} <= set(_ids(service, ""))


def test_jobs_are_filtered_by_when_they_were_created(service: Running, map_job: str) -> None:
    created = datetime.fromisoformat(service.get(f"/jobs/{map_job}").json()["created"])
    before = (created - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    after = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    for interval in (f"{before}/{after}", f"{before}/..", f"../{after}", f"/{after}", f"{before}/"):
        assert map_job in _ids(service, f"datetime={interval}"), interval
    for interval in (f"{after}/..", f"../{before}", before):
        assert map_job not in _ids(service, f"datetime={interval}"), interval


def test_jobs_are_filtered_by_how_long_they_ran(service: Running, running: str) -> None:
    waiting = service.submit("crop-classification", {"aoi": [30.2, -17.36, 600], "year": 2022})
    paused = service.submit("echo", {"message": "x", "pause": 2})
    assert service.ended(paused)["status"] == "successful"
    assert paused in _ids(service, "minDuration=2")
    assert paused not in _ids(service, "minDuration=30")
    assert paused in _ids(service, "maxDuration=30")
    assert paused not in _ids(service, "maxDuration=1")
    assert paused in _ids(service, "minDuration=1&maxDuration=30")
    # of a running job, up to now
    assert running in _ids(service, "minDuration=1")
    assert running in _ids(service, "maxDuration=3600")
    # what has not started ran for no time that could be told
    assert waiting in _ids(service, "")
    assert waiting not in _ids(service, "minDuration=0")
    assert waiting not in _ids(service, "maxDuration=3600")
    service.client.delete(f"/jobs/{waiting}")


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=x", "status=done", "type=tea", "minDuration=x", "maxDuration=-1"),
        *("datetime=yesterday", "datetime=2023-01-01T00:00:00Z/2022-01-01T00:00:00Z"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused_and_named(
    query: str, service: Running, conforms: Conforms
) -> None:
    answer = service.get(f"/jobs?{query}")
    assert answer.status_code == 400
    conforms("exception", answer.json())
    assert repr(query.partition("=")[0]) in answer.json()["detail"]
