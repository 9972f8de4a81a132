"""The client against answers that are made here."""

from collections.abc import Callable

import httpx
import pytest

from geocrop_processes.errors import JobFailed, Refused, ServiceUnavailable, UnknownJob
from geocrop_processes.service import client as module
from geocrop_processes.service.client import Client

Answer = Callable[[httpx.Request], httpx.Response]
NO_SUCH_JOB = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job"


def client(answer: Answer) -> Client:
    return Client("http://service.example/", httpx.MockTransport(answer))


def always(status: int, document: object) -> Answer:
    return lambda _: httpx.Response(status, json=document)


def test_a_job_is_asked_for_asynchronously() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(201, json={"jobID": "j1"})

    with client(answer) as service:
        assert service.submit({"year": 2022}) == "j1"
    (request,) = asked
    assert request.headers["prefer"] == "respond-async"
    assert request.url == "http://service.example/processes/crop-classification/execution"
    assert request.read() == b'{"inputs":{"year":2022}}'


def test_a_job_is_watched_to_its_end_over_a_restart_of_the_service() -> None:
    states = iter(["accepted", None, "running", "successful"])

    def answer(_: httpx.Request) -> httpx.Response:
        state = next(states)
        if state is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"status": state})

    seen = [status["status"] for status in client(answer).watch("j1", pause_s=0)]
    assert seen == ["accepted", "running", "successful"]


def test_a_service_that_stays_away_is_not_watched_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    with pytest.raises(ServiceUnavailable, match=r"No service answers at http://service\.example"):
        list(client(answer).watch("j1", pause_s=0.01))


@pytest.mark.parametrize(
    ("status", "document", "error", "words"),
    [
        (
            400,
            {"title": "Bad", "detail": "year: 9 is\n no season"},
            Refused,
            "year: 9 is no season",
        ),
        (404, {"type": NO_SUCH_JOB, "title": "There is no job 'x'."}, UnknownJob, "no job 'x'"),
        (404, ["what"], Refused, "http://service.example/jobs/x answered 404 Not Found."),
        (503, {"detail": "The queue sleeps."}, ServiceUnavailable, "The queue sleeps."),
        (500, {}, ServiceUnavailable, "answered 500 Internal Server Error."),
    ],
)
def test_problems_are_told_in_the_words_of_the_service(
    status: int, document: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        client(always(status, document)).job("x")
    assert words in str(raised.value)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="is no address of a service"):
        Client("http://service.example:http").job("x")


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("failed", JobFailed, "nothing was seen"),
        ("dismissed", JobFailed, "The job j1 was dismissed."),
        ("running", Refused, "nothing was seen"),
    ],
)
def test_results_that_there_are_none_of_say_why(
    state: str, error: type[Exception], words: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/results"):
            return httpx.Response(404, json={"detail": "nothing was seen"})
        return httpx.Response(200, json={"status": state})

    with pytest.raises(error, match=words):
        client(answer).results("j1")


def test_lists_dismissals_and_files_are_as_they_are_given() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(200, json={"jobID": "j1", "status": "dismissed"})
        if request.url.path == "/jobs":
            assert request.url.params["limit"] == "3"
            return httpx.Response(200, json={"jobs": [{"jobID": "j1"}]})
        return httpx.Response(200, content=b"bytes")

    with client(answer) as service:
        assert service.jobs(3) == [{"jobID": "j1"}]
        assert service.dismiss("j1")["status"] == "dismissed"
        assert service.download("http://service.example/assets/j1/class-map.tif") == b"bytes"


def test_where_nobody_listens_it_says_how_to_start_one() -> None:
    with pytest.raises(ServiceUnavailable, match="`geocrop serve` starts one"):
        Client("http://127.0.0.1:9").jobs(1)
