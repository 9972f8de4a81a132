"""`geocrop serve` as people start it, and what happens when its processes are killed."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from geocrop_processes.service.client import Client
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.demonstration import ARCHIVE, prepare

ROOT = Path(__file__).parents[2]
GEOCROP = (sys.executable, "-m", "geocrop_processes.cli")
PLACE = (30.2, -17.36, 700)
"""140 pixels across: more than 25 blocks of 24 pixels."""
BLOCK_PX = 24

Checksum = Callable[..., str]
DEMO = (30.2, -17.36, 1500)

pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@dataclass
class Deployment:
    """A data folder with the demo's archive and model, and services that are started on it."""

    folder: Path
    registry: str
    block_px: int = BLOCK_PX
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "GEOCROP_DATA": str(self.folder),
            "GEOCROP_CATALOG__URL": ARCHIVE,
            "GEOCROP_REGISTRY__URI": self.registry,
            "GEOCROP_MAP__BLOCK_PX": str(self.block_px),
            "GEOCROP_SERVICE__PORT": "0",
            "GEOCROP_SERVICE__LEASE_S": "6",
        }

    def serve(self) -> str:
        """The address of a service that has just been started."""
        process = subprocess.Popen(
            [*GEOCROP, "serve"], stdout=subprocess.PIPE, text=True, env=self.environment, cwd=ROOT
        )
        self.started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("GeoCrop answers at http://127.0.0.1:"), line
        return line.split()[-1]

    def supervisor(self) -> subprocess.Popen[str]:
        return self.started[-1]

    def stop(self, polite: signal.Signals) -> None:
        """Asked to end, it does so within seconds, and leaves nothing."""
        process = self.supervisor()
        process.send_signal(polite)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest.endswith("Stopped.\n")
        assert self.processes() == []

    def child(self, word: str) -> int:
        """The supervisor's child whose command line has a word."""
        children = psutil.Process(self.supervisor().pid).children()
        (pid,) = (c.pid for c in children if any(word in part for part in c.cmdline()))
        return int(pid)

    def processes(self) -> list[int]:
        """Every living process that works on the folder, by its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                theirs = process.environ().get("GEOCROP_DATA") == str(self.folder)
                if theirs and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def blocks(self, job_id: str) -> dict[str, tuple[str, int]]:
        """State and attempt of a job's blocks."""
        with closing(sqlite3.connect(self.folder / "jobs.db", timeout=30)) as database:
            rows = database.execute(
                "select name, state, attempt from steps where job_id = ? and kind = 'block'",
                (job_id,),
            ).fetchall()
        return {name: (state, attempt) for name, state, attempt in rows}

    def done(self, job_id: str) -> set[str]:
        return {name for name, (state, _) in self.blocks(job_id).items() if state == "done"}

    def start_job(self, client: Client) -> str:
        """A job of at least 25 blocks, the first three of which are done."""
        job_id = client.submit({"aoi": list(PLACE), "year": 2022, "fresh": True})
        assert until(lambda: len(self.done(job_id)) >= 3, 600)
        assert len(self.blocks(job_id)) >= 25
        return job_id


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """What is in the checkout's data folder is used again; what is missing there is made."""
    shared = Settings(data=ROOT / ".geocrop")
    storage = shared.open_storage()
    prepare(shared.data, storage, shared.open_registry(storage), lambda _share, _message: None)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / ARCHIVE).symlink_to(shared.data / ARCHIVE)
    deployed = Deployment(folder, f"sqlite:///{shared.data / 'mlflow.db'}")
    yield deployed
    for process in deployed.started:
        process.kill()
        process.communicate()
    assert until(lambda: not deployed.processes(), 5)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Checksum:
    """The checksum of the same map by `geocrop classify`, in blocks of the usual size."""
    known: dict[tuple[float, ...], str] = {}

    def checksum(deployment: Deployment, place: tuple[float, ...] = PLACE) -> str:
        if place not in known:
            arguments = [*map(str, place), "--year", "2022", "--json"]
            environment = {
                **deployment.environment,
                "GEOCROP_MAP__BLOCK_PX": "512",
                "GEOCROP_STORAGE__ROOT": str(tmp_path_factory.mktemp("classified")),
            }
            text = subprocess.run(
                [*GEOCROP, "classify", *arguments],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            known[place] = json.loads(text)["checksums_sha256"]["class-map"]
        return known[place]

    return checksum


def ended(client: Client, job_id: str) -> str:
    """The checksum of the class map that a job ends with."""
    *_, status = client.watch(job_id)
    assert status["status"] == "successful", status
    url = client.results(job_id)["class-map"]["href"]
    return hashlib.sha256(client.download(url)).hexdigest()


def test_a_killed_worker_returns_and_no_finished_block_is_computed_again(
    deployment: Deployment, expected: Checksum
) -> None:
    with Client(deployment.serve()) as client:
        job_id = deployment.start_job(client)
        worker = deployment.child("celery")
        os.kill(worker, signal.SIGKILL)
        done = deployment.done(job_id)
        assert ended(client, job_id) == expected(deployment)
        assert deployment.child("celery") != worker
    blocks = deployment.blocks(job_id)
    assert all(blocks[name] == ("done", 1) for name in done)
    assert len(done) < len(blocks)
    deployment.stop(signal.SIGTERM)


def test_a_killed_web_server_returns_and_the_job_ends(
    deployment: Deployment, expected: Checksum
) -> None:
    with Client(deployment.serve()) as client:
        job_id = deployment.start_job(client)
        server = deployment.child("listen")
        os.kill(server, signal.SIGKILL)
        assert ended(client, job_id) == expected(deployment)
        assert deployment.child("listen") != server
    assert all(attempt == 1 for _, attempt in deployment.blocks(job_id).values())
    deployment.stop(signal.SIGINT)


def test_a_killed_supervisor_leaves_nothing_and_the_next_one_ends_the_job(
    deployment: Deployment, expected: Checksum
) -> None:
    with Client(deployment.serve()) as client:
        job_id = deployment.start_job(client)
    assert len(deployment.processes()) >= 4
    deployment.supervisor().kill()
    assert until(lambda: not deployment.processes(), 5)
    done = deployment.done(job_id)
    assert len(done) < len(deployment.blocks(job_id))
    with Client(deployment.serve()) as client:
        assert ended(client, job_id) == expected(deployment)
    blocks = deployment.blocks(job_id)
    assert all(blocks[name] == ("done", 1) for name in done)


def test_the_curl_lines_of_the_readme_give_the_map_of_the_command_line(
    deployment: Deployment, expected: Checksum, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl, which is not on the PATH")
    deployment.block_px = 512
    url = deployment.serve()
    readme = (ROOT / "README.md").read_text()
    (script,) = (b for b in readme.split("```")[1::2] if "curl" in b)
    script = script.replace("http://127.0.0.1:8000", url)
    subprocess.run(["/bin/sh", "-euc", script], cwd=tmp_path, check=True, timeout=600)
    assert hashlib.sha256((tmp_path / "class-map.tif").read_bytes()).hexdigest() == expected(
        deployment, DEMO
    )


def test_the_demo_goes_through_the_service_and_leaves_nothing(
    deployment: Deployment, expected: Checksum
) -> None:
    deployment.block_px = 512
    text = subprocess.run(
        [*GEOCROP, "demo", "--json"],
        env=deployment.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made = json.loads(text)
    assert made == json.loads((deployment.folder / "demo.json").read_text())
    assert made["checksum_sha256"] == expected(deployment, DEMO)
    assert made["urls"]["class-map"].endswith(f"/assets/{made['job_id']}/class-map.tif")
    assert all(Path(path).is_file() for path in made["paths"].values())
    assert made["agreement"] >= 0.75
    assert deployment.processes() == []
