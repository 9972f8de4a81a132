"""`geocrop jobs` against answers that are made here, and what `geocrop serve` refuses."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from geocrop_processes import cli_service, cli_text
from geocrop_processes.cli import main
from geocrop_processes.service.client import Client

Run = Callable[[str], tuple[int, str, str]]
JOB = {
    "jobID": "j1",
    "processID": "crop-classification",
    "status": "successful",
    "progress": 100,
    "message": "36 of 36 blocks [mapped]",
    "created": "2026-01-01T00:00:00Z",
}
RESULTS = {"class-map": {"href": "http://service.example/assets/j1/class-map.tif"}, "summary": {}}


def answer(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if request.method == "DELETE":
        return httpx.Response(200, json={**JOB, "status": "dismissed"})
    if path == "/jobs":
        return httpx.Response(200, json={"jobs": [JOB]})
    if path == "/jobs/j1/results":
        return httpx.Response(200, json=RESULTS)
    if path == "/jobs/j1":
        return httpx.Response(200, json=JOB)
    if path.startswith("/jobs/f1"):
        failed = {"detail": "Nothing was seen clearly.", "status": "failed"}
        return httpx.Response(404 if path.endswith("results") else 200, json=failed)
    problem = {"type": "http://example/no-such-job", "detail": f"There is no job at {path}."}
    return httpx.Response(404, json=problem)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that clients are made for; each is answered here."""
    addresses: list[str] = []

    def client(url: str) -> Client:
        addresses.append(url)
        return Client(url, httpx.MockTransport(answer))

    monkeypatch.setattr(cli_service, "Client", client)
    return addresses


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs a command line on an empty data folder; exit code, output, errors."""
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path))
    monkeypatch.setattr(cli_text.out, "width", 200)
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP)}

    def run_(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", line.split())
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr()
        return int(ended.value.code or 0), text.out, text.err

    yield run_
    for name, handler in before.items():
        signal.signal(name, handler)


def test_jobs_are_listed_at_the_address_of_the_settings(
    run: Run, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_SERVICE__URL", "https://api.example.org/")
    code, text, _ = run("geocrop jobs list")
    assert code == 0
    assert all(word in text for word in ("j1", "successful", "100 %", "blocks [mapped]"))
    assert asked == ["https://api.example.org"]


def test_scripts_get_the_jobs_as_the_service_gives_them(run: Run, asked: list[str]) -> None:
    code, text, _ = run("geocrop jobs list --json --url http://service.example")
    assert (code, json.loads(text)) == (0, [JOB])
    assert asked == ["http://service.example"]


def test_a_job_is_watched_to_where_its_results_are(run: Run, asked: list[str]) -> None:
    code, text, _ = run("geocrop jobs watch j1")
    assert code == 0
    assert text.startswith("successful: 36 of 36 blocks [mapped]\n")
    assert RESULTS["class-map"]["href"] in text
    code, text, _ = run("geocrop jobs watch j1 --json")
    assert json.loads(text) == {"status": JOB, "results": RESULTS}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("job", "code", "sentence"),
    [("f1", 1, "Nothing was seen clearly."), ("nobody", 2, "There is no job at /jobs/nobody.")],
)
@pytest.mark.usefixtures("asked")
def test_a_job_without_results_ends_with_the_reason(
    job: str, code: int, sentence: str, run: Run
) -> None:
    assert run(f"geocrop jobs watch {job} --json") == (code, "", f"Error: {sentence}\n")


@pytest.mark.usefixtures("asked")
def test_a_job_is_dismissed(run: Run) -> None:
    assert run("geocrop jobs dismiss j1") == (0, "The job j1 is dismissed.\n", "")
    code, text, _ = run("geocrop jobs dismiss j1 --json")
    assert (code, json.loads(text)["status"]) == (0, "dismissed")


def test_without_a_service_it_says_how_to_start_one(run: Run) -> None:
    code, _, said = run("geocrop jobs list --url http://127.0.0.1:9")
    assert code == 1
    assert "No service answers at http://127.0.0.1:9" in said
    assert "`geocrop serve` starts one" in said


def test_serving_on_a_port_in_use_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("GEOCROP_SERVICE__PORT", str(other.getsockname()[1]))
        code, text, said = run("geocrop serve")
    assert code == 1
    assert not text
    assert "cannot be used (Address already in use)" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("command", ["serve", "jobs", "jobs list", "jobs watch", "jobs dismiss"])
def test_each_command_explains_itself(command: str, run: Run) -> None:
    code, text, _ = run(f"geocrop {command} --help")
    assert code == 0
    assert "Usage" in text
