"""cuiman, a strict client that we did not write, does its whole work: list, describe, execute, poll, results, dismiss."""

from collections.abc import Iterator
from typing import Any

import pytest
from cuiman import Client, ClientError
from gavicore.models import JobStatus, ProcessRequest

from geocrop_processes.service.processes import DESCRIPTIONS
from tests.service.standard.conftest import MAP, Running


@pytest.fixture(scope="module")
def client(service: Running) -> Iterator[Any]:
    opened = Client(api_url=service.url)
    yield opened
    opened.close()


def _request(**said: object) -> ProcessRequest:
    return ProcessRequest.model_validate({"response": "document", **said})


def test_cuiman_reads_landing_page_and_conformance(client: Any) -> None:
    assert client.get_capabilities().links
    assert any(c.endswith("/conf/core") for c in client.get_conformance().conformsTo)


def test_cuiman_lists_and_describes(client: Any) -> None:
    assert [p.id for p in client.get_processes().processes] == list(DESCRIPTIONS)
    for process, description in DESCRIPTIONS.items():
        told = client.get_process(process)
        assert set(told.inputs or {}) == set(description["inputs"])
        assert set(told.outputs or {}) == set(description["outputs"])


def test_cuiman_executes_polls_reads_results_and_dismisses(client: Any, service: Running) -> None:
    job = client.execute_process("crop-classification", _request(inputs=MAP))
    assert client.get_job(job.jobID).status == JobStatus.accepted
    assert job.jobID in {one.jobID for one in client.get_jobs().jobs}
    service.shop.complete(job.jobID)
    assert client.get_job(job.jobID).status == JobStatus.successful
    results = client.get_job_results(job.jobID).root
    assert results is not None
    assert set(results) == {"class-map", "summary", "style", "item"}
    assert str(results["class-map"].href).endswith("/class-map.tif")
    assert results["summary"].value["classes"]
    assert client.dismiss_job(job.jobID).status == JobStatus.dismissed


def test_cuiman_executes_an_echo_as_a_job(client: Any, service: Running) -> None:
    """It takes no other answer than a job's, and says so in its header."""
    request = _request(inputs={"message": "mangwanani"})
    job = client.execute_process("echo", request, headers={"Prefer": "respond-async"})
    service.ended(job.jobID)
    results = client.get_job_results(job.jobID).root
    assert results == {"message": "mangwanani", "length": 10, "measurement": 1.0}


def test_cuiman_is_told_what_is_wrong(client: Any, failed_job: str) -> None:
    swapped = MAP | {"aoi": [-17.36, 30.20, 1500]}
    with pytest.raises(ClientError) as told:
        client.execute_process("crop-classification", _request(inputs=swapped))
    assert "swapped" in str(told.value.api_error.detail)
    with pytest.raises(ClientError) as told:
        client.get_job_results(failed_job)
    assert told.value.api_error.detail == "No scene was found."
