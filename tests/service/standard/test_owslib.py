"""OWSLib, a client that we did not write, does its whole work: list, describe, execute, poll, results, dismiss."""

import pytest
from owslib.ogcapi.processes import Processes

from geocrop_processes.service.processes import DESCRIPTIONS
from tests.service.standard.conftest import MAP, Running

# OWSLib leaves connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def client(service: Running) -> Processes:
    return Processes(f"{service.url}/")


def test_owslib_reads_landing_page_and_conformance(client: Processes) -> None:
    assert client.links
    assert any(c.endswith("/conf/core") for c in client.conformance()["conformsTo"])


def test_owslib_lists_and_describes(client: Processes) -> None:
    assert [p["id"] for p in client.processes()] == list(DESCRIPTIONS)
    assert set(client.process("crop-classification")["outputs"]) == {
        *("class-map", "confidence", "probabilities", "summary", "quicklook", "style", "item")
    }


def test_owslib_executes_a_job_polls_it_to_its_results_and_dismisses_it(
    client: Processes, service: Running
) -> None:
    status = client.execute("echo", {"message": "mangwanani"}, async_=True)
    assert status["status"] == "accepted"
    job = f"jobs/{status['jobID']}"
    assert service.ended(status["jobID"])["status"] == "successful"
    # its headers still prefer an asynchronous answer: on GET that means nothing
    assert client._request(path=job)["status"] == "successful"
    results = client._request(path=f"{job}/results")
    assert (results["message"], results["length"]) == ("mangwanani", 10)
    assert job[5:] in {one["jobID"] for one in client._request(path="jobs")["jobs"]}
    client._request(method="DELETE", path=job)
    assert client._request(path=job)["status"] == "dismissed"


def test_owslib_executes_at_once(client: Processes) -> None:
    answer = client.execute("echo", {"message": "x"}, outputs={"length": {}}, async_=False)
    assert answer == {"length": 1}


def test_owslib_asks_for_a_map_and_reads_where_it_is(client: Processes, service: Running) -> None:
    status = client.execute("crop-classification", MAP, async_=True)
    made = service.shop.complete(status["jobID"])
    results = client._request(path=f"jobs/{status['jobID']}/results")
    assert service.get(results["class-map"]["href"]).content == made.files["class-map.tif"]


def test_owslib_sees_why_a_job_failed(client: Processes, failed_job: str) -> None:
    assert client._request(path=f"jobs/{failed_job}")["status"] == "failed"
    with pytest.raises(RuntimeError, match="No scene was found"):
        client._request(path=f"jobs/{failed_job}/results")


def test_owslib_is_told_what_is_wrong(client: Processes) -> None:
    with pytest.raises(RuntimeError, match="swapped"):
        client.execute("crop-classification", MAP | {"aoi": [-17.36, 30.20, 1500]}, async_=True)
