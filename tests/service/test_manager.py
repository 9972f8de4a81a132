"""The process manager as pygeoapi calls it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pygeoapi.plugin import load_plugin
from pygeoapi.process.base import JobNotFoundError, JobResultNotFoundError, ProcessorExecuteError
from pygeoapi.util import JobStatus, RequestedProcessExecutionMode

from geocrop_processes.errors import BrokerUnavailable, GeoCropError, InvalidSetting
from geocrop_processes.service.host import CONFIG, Host
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.manager import CeleryManager, Parts
from geocrop_processes.service.problems import problem_of
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.settings import Settings
from tests.backends import Backend

INPUTS: dict[str, Any] = {"aoi": [30.20, -17.36, 1500], "year": 2022}
ASYNC = RequestedProcessExecutionMode.respond_async


class Models:
    """A registry that knows every name."""

    def resolve(self, reference: str, _as_of: str = "") -> str:
        return f"{reference}@1"


def silence() -> None:
    """Tell nobody."""


@pytest.fixture
def parts(backend: Backend, store: JobStore) -> Parts:
    settings = backend.settings()
    models: Any = Models()
    return Parts(settings, store, settings.open_storage(), models, silence)


@pytest.fixture
def manager(parts: Parts) -> CeleryManager:
    """Made as pygeoapi makes it."""
    names = {"crop-classification": "CropClassificationProcessor", "echo": "EchoProcessor"}
    processes = {
        key: {"processor": {"name": f"geocrop_processes.service.processes.{name}"}}
        for key, name in names.items()
    }
    name = "geocrop_processes.service.manager.CeleryManager"
    made = load_plugin("process_manager", {"name": name, "processes": processes})
    assert isinstance(made, CeleryManager)
    made.attach(parts)
    return made


def test_a_map_is_accepted_whatever_is_preferred(manager: CeleryManager) -> None:
    for mode in (ASYNC, None):
        job_id, _, outputs, status, headers = manager.execute_process(
            "crop-classification", INPUTS, execution_mode=mode
        )
        assert (outputs, status) == (None, JobStatus.accepted)
        assert headers == {"Preference-Applied": "respond-async"}
        job = manager.get_job(job_id)
        assert (job["status"], job["process_id"]) == ("accepted", "crop-classification")
        # pygeoapi sorts by it
        assert job["started"]
        assert job["finished"] is None


def test_an_echo_answers_at_once(manager: CeleryManager) -> None:
    _, media_type, outputs, status, _ = manager.execute_process("echo", {"message": "x"})
    assert (media_type, status) == ("application/json", JobStatus.successful)
    assert outputs == {"message": "x", "length": 1, "measurement": 1.0}


def test_a_refusal_keeps_its_status_and_its_words(manager: CeleryManager) -> None:
    with pytest.raises(ProcessorExecuteError) as caught:
        manager.execute_process("crop-classification", {"year": 2022})
    assert caught.value.http_status_code == 400
    assert "'aoi' is missing" in caught.value.message
    assert manager.get_jobs()["numberMatched"] == 0


def test_a_job_without_a_queue_is_kept(parts: Parts, manager: CeleryManager) -> None:
    def refuse() -> None:
        raise BrokerUnavailable("The queue does not answer.")

    manager.attach(Parts(parts.settings, parts.store, parts.storage, parts.registry, refuse))
    with pytest.raises(ProcessorExecuteError) as caught:
        manager.execute_process("crop-classification", INPUTS, execution_mode=ASYNC)
    assert caught.value.http_status_code == 503
    (job,) = manager.get_jobs()["jobs"]
    assert "queue" in job["message"]
    assert manager.delete_job(job["identifier"])


def test_a_map_is_never_made_within_pygeoapi(manager: CeleryManager) -> None:
    with pytest.raises(ProcessorExecuteError):
        manager.get_processor("crop-classification").execute(INPUTS)


def test_jobs_are_listed_by_status_and_page(manager: CeleryManager) -> None:
    ids = [manager.execute_process("crop-classification", INPUTS)[0] for _ in range(3)]
    page = manager.get_jobs(status=JobStatus.accepted, limit=2, offset=1)
    assert [job["identifier"] for job in page["jobs"]] == [ids[1], ids[0]]
    assert page["numberMatched"] == 3
    assert manager.get_jobs(status=JobStatus.failed)["jobs"] == []


def test_a_job_is_dismissed_and_unknown_ones_are_told(manager: CeleryManager) -> None:
    job_id = manager.execute_process("crop-classification", INPUTS)[0]
    assert manager.delete_job(job_id)
    assert manager.get_job(job_id)["status"] == "dismissed"
    for ask in (manager.get_job, manager.get_job_result, manager.delete_job):
        with pytest.raises(JobNotFoundError):
            ask("tea")


def test_results_are_there_when_the_job_is_successful(parts: Parts, manager: CeleryManager) -> None:
    job_id = manager.execute_process("echo", {"message": "x"}, execution_mode=ASYNC)[0]
    with pytest.raises(JobResultNotFoundError):
        manager.get_job_result(job_id)
    step = parts.store.claim(["run"])
    assert step is not None
    parts.store.finished(step, {"outputs": {"message": "x"}}, None)
    assert manager.get_job_result(job_id) == ("application/json", {"message": "x"})


def test_what_pygeoapi_does_to_a_description_is_done_to_a_copy(manager: CeleryManager) -> None:
    # pygeoapi takes words out of those that it is given
    manager.get_processor("echo").metadata["inputs"].clear()
    assert manager.describe("echo") == DESCRIPTIONS["echo"]
    assert DESCRIPTIONS["echo"]["inputs"]


def test_parts_are_opened_from_the_environment_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path / "there"))
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    manager = CeleryManager({"name": "x", "processes": {}})
    assert not (tmp_path / "there").exists()
    assert manager.get_jobs() == {"jobs": [], "numberMatched": 0}
    assert (tmp_path / "there" / "jobs.db").exists()
    manager.parts.store.close()


def configured(parts: Parts, path: Path) -> Parts:
    """Whose settings name a configuration of pygeoapi."""
    service = parts.settings.service.model_copy(update={"pygeoapi_config": path})
    return replace(parts, settings=parts.settings.model_copy(update={"service": service}))


def test_a_deployment_can_have_a_configuration_of_its_own(parts: Parts, tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(CONFIG.read_text().replace("title: GeoCrop", "title: Maps of Mazowe"))
    assert Host(configured(parts, own)).api.config["metadata"]["identification"]["title"] == (
        "Maps of Mazowe"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, r"no pygeoapi configuration .*own\.yml \(GEOCROP_SERVICE__PYGEOAPI_CONFIG\)"),
        ("a: [", r"own\.yml is no configuration of pygeoapi: while parsing"),
        ("- 1", r"own\.yml is no configuration of pygeoapi: .* is not of type 'object'"),
        ("server: {}", r"own\.yml is no configuration of pygeoapi: .* is a required property"),
        (
            CONFIG.read_text().replace("service.manager.CeleryManager", "x.Other"),
            r"names the process manager 'geocrop_processes\.x\.Other'; ours is '.*\.CeleryManager'",
        ),
    ],
)
def test_a_configuration_that_cannot_be_served_is_named_with_the_reason(
    parts: Parts, tmp_path: Path, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "own.yml").write_text(content)
    with pytest.raises(InvalidSetting, match=reason):
        Host(configured(parts, tmp_path / "own.yml"))


def test_an_error_of_no_branch_is_an_internal_one() -> None:
    assert problem_of(GeoCropError("Odd.")).document() == {
        "type": "about:blank",
        "title": "Internal error",
        "status": 500,
        "detail": "Odd.",
    }
