"""ogc-api-processes-client, made of the OGC's own OpenAPI document, does its whole work with every answer checked."""

import json
from typing import Any

import pytest
from ogc_api_processes_client.api.execute_api import ExecuteApi
from ogc_api_processes_client.api_client_wrapper import ApiClientWrapper
from ogc_api_processes_client.configuration import Configuration
from ogc_api_processes_client.exceptions import ApiException
from ogc_api_processes_client.models.execute import Execute
from ogc_api_processes_client.models.execute_inputs_value import ExecuteInputsValue
from ogc_api_processes_client.models.status_code import StatusCode

from geocrop_processes.service.processes import DESCRIPTIONS
from tests.service.standard.conftest import MAP, Running

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def client(service: Running) -> Any:
    make: Any = ApiClientWrapper
    return make(configuration=Configuration(host=service.url))


def test_it_reads_landing_page_and_conformance(client: Any) -> None:
    assert client.get_landing_page().links
    assert any(c.endswith("/conf/core") for c in client.get_conformance_classes().conforms_to)


def test_it_lists_and_describes(client: Any) -> None:
    assert [p.id for p in client.get_processes().processes] == list(DESCRIPTIONS)
    for process, description in DESCRIPTIONS.items():
        told = client.get_process_description(process)
        assert set(told.inputs) == set(description["inputs"])
        assert set(told.outputs) == set(description["outputs"])


def test_it_executes_polls_reads_results_and_dismisses(client: Any, service: Running) -> None:
    status = client.execute_simple("crop-classification", {"inputs": MAP}, _headers=ASYNC)
    assert client.get_status(status.job_id).status == StatusCode.ACCEPTED
    assert status.job_id in {one.job_id for one in client.get_jobs().jobs}
    service.shop.complete(status.job_id)
    assert client.get_status(status.job_id).status == StatusCode.SUCCESSFUL
    results = client.get_result(status.job_id)
    assert set(results) == {"class-map", "summary", "style", "item"}
    assert results["class-map"].actual_instance.href.endswith("/class-map.tif")
    assert client.dismiss(status.job_id).status == StatusCode.DISMISSED


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_it_executes_at_once(client: Any) -> None:
    """Its models take a bare text neither as an input nor as an output: both pass as they are."""
    text: Any = "mangwanani"
    message = ExecuteInputsValue.model_construct(actual_instance=text)
    order = Execute.model_construct(inputs={"message": message})
    answer = ExecuteApi(client.api_client).execute_without_preload_content("echo", order)
    assert answer.status == 200
    assert json.loads(answer.read())["length"] == 10


def test_it_is_told_what_is_wrong(client: Any, failed_job: str) -> None:
    with pytest.raises(ApiException, match="No scene was found"):
        client.get_result(failed_job)
    with pytest.raises(ApiException) as told:
        client.get_status("tea")
    assert told.value.status == 404
