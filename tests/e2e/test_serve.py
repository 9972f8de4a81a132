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
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest

from geocrop_processes.errors import JobFailed
from geocrop_processes.service.client import Client
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.demonstration import ARCHIVE, prepare
from tests.compiled import KERNELS

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
            "GEOCROP_CACHE__KERNELS": str(KERNELS),
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

    def rows(self, query: str, *values: str) -> list[dict[str, Any]]:
        """What the job store answers when it is asked behind the service's back."""
        with closing(sqlite3.connect(self.folder / "jobs.db", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def blocks(self, job_id: str) -> dict[str, tuple[str, int]]:
        """State and attempt of a job's blocks."""
        query = "select name, state, attempt from steps where job_id = ? and kind = 'block'"
        return {row["name"]: (row["state"], row["attempt"]) for row in self.rows(query, job_id)}

    def files(self) -> list[str]:
        """Everything that lies among the results, on the disk itself."""
        folder = self.folder / "storage" / "geocrop-results"
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())

    def unfinished(self, job_id: str = "") -> bool:
        """Whether a step, of one job or of any, is due or held."""
        query = "select id from steps where state in ('due', 'leased') and job_id like ?"
        return bool(self.rows(query, job_id or "%"))

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


def test_a_job_that_is_dismissed_in_the_middle_does_nothing_more_and_leaves_no_file(
    deployment: Deployment,
) -> None:
    with Client(deployment.serve()) as client:
        job_id = deployment.start_job(client)
        assert any(job_id in name for name in deployment.files())
        assert client.dismiss(job_id)["status"] == "dismissed"
        done = deployment.done(job_id)
        assert len(done) < len(deployment.blocks(job_id))
        assert until(lambda: not deployment.unfinished(job_id), 60)
        assert deployment.files() == []
        blocks = deployment.blocks(job_id)
        # another job goes through the same workers: they would have done the blocks before it
        assert ended_echo(client, "afterwards")
        assert deployment.blocks(job_id) == blocks
        assert deployment.done(job_id) == done
        assert deployment.files() == []
        assert client.job(job_id)["status"] == "dismissed"
        with pytest.raises(JobFailed, match="was dismissed"):
            client.results(job_id)
    deployment.stop(signal.SIGTERM)


def ended_echo(client: Client, message: str) -> bool:
    """Whether an echo of the message ends well."""
    job_id = client.submit({"message": message}, "echo")
    *_, status = client.watch(job_id)
    return bool(status["status"] == "successful" and client.results(job_id)["message"] == message)


SMALL = (30.2, -17.36, 300)
THREADS, REQUESTS = 64, 1000
REFUSED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("crop-classification", {"aoi": [-17.36, 30.2, 300], "year": 2022}),
    ("crop-classification", {"aoi": list(SMALL), "year": "2022"}),
    ("crop-classification", {"aoi": list(SMALL), "year": 2022, "colour": "red"}),
    ("crop-classification", {"aoi": list(SMALL), "year": 2022, "model": "nobody@1"}),
    ("echo", {"message": ["no", "text"]}),
    ("echo", {}),
)
LISTS = (
    "limit=10",
    "limit=1000",
    "status=running,accepted",
    "processID=echo&limit=3&offset=7",
    "datetime=2022-09-01T00:00:00Z/..",
    "minDuration=0&maxDuration=5",
)
MIX = {
    "echo": 260,
    "map": 60,
    "list": 160,
    "status": 210,
    "dismiss": 130,
    "results": 100,
    "bad": 80,
}


@dataclass
class Storm:
    """Clients that all ask at once, and what they were told."""

    url: str
    http: httpx.Client
    chance: Random = field(
        default_factory=lambda: Random(22)  # noqa: S311 - the same storm each time
    )
    echoes: dict[str, str] = field(default_factory=dict)
    """What each echo was given, by job."""
    maps: list[str] = field(default_factory=list)
    dismissed: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def blow(self) -> None:
        kinds = [kind for kind, count in MIX.items() for _ in range(count)]
        assert len(kinds) == REQUESTS
        self.chance.shuffle(kinds)
        with ThreadPoolExecutor(THREADS) as pool:
            for kind, code in zip(kinds, pool.map(self.ask, kinds), strict=True):
                self.answers[kind, code] += 1

    def ask(self, kind: str) -> int:
        """The status code of a request of a kind."""
        match kind:
            case "echo" | "map":
                return self.submit(kind)
            case "list":
                return self.get(f"/jobs?{self.chance.choice(LISTS)}").status_code
            case "status":
                return self.get(f"/jobs/{self.any_job()}").status_code
            case "results":
                return self.get(f"/jobs/{self.any_job()}/results").status_code
            case "dismiss":
                return self.dismiss(self.any_job())
            case _:
                return self.execute(*self.chance.choice(REFUSED)).status_code

    def submit(self, kind: str) -> int:
        message = f"{self.chance.getrandbits(64)}"
        answer = (
            self.execute("echo", {"message": message})
            if kind == "echo"
            else self.execute("crop-classification", {"aoi": list(SMALL), "year": 2022})
        )
        if answer.status_code == 201:
            job_id = answer.json()["jobID"]
            if kind == "echo":
                self.echoes[job_id] = message
            else:
                self.maps.append(job_id)
        return answer.status_code

    def dismiss(self, job_id: str) -> int:
        answer = self.http.delete(f"{self.url}/jobs/{job_id}")
        if answer.status_code == 200:
            assert answer.json()["status"] == "dismissed"
            self.dismissed.add(job_id)
        return answer.status_code

    def execute(self, process: str, inputs: dict[str, Any]) -> httpx.Response:
        address = f"{self.url}/processes/{process}/execution"
        prefer = {"Prefer": "respond-async"}
        return self.http.post(address, json={"inputs": inputs}, headers=prefer)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(self.url + path)

    def any_job(self) -> str:
        return self.chance.choice([*list(self.echoes), *list(self.maps), "nobody"])

    def listed(self) -> list[dict[str, Any]]:
        """Every job, page by page."""
        jobs, url = [], f"{self.url}/jobs?limit=37"
        while url:
            page = self.http.get(url).json()
            assert page["numberReturned"] == len(page["jobs"])
            jobs += page["jobs"]
            url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        assert page["numberMatched"] == len(jobs)
        return jobs


def test_a_storm_of_requests_gives_no_error_and_leaves_the_store_consistent(
    deployment: Deployment,
) -> None:
    limits = httpx.Limits(max_connections=THREADS)
    with httpx.Client(timeout=120, limits=limits, trust_env=False) as http:
        storm = Storm(deployment.serve(), http)
        storm.blow()
        expected_codes = {
            *(("echo", 201), ("map", 201), ("list", 200), ("bad", 400)),
            *(("status", 200), ("status", 404), ("dismiss", 200), ("dismiss", 404)),
            # done; not ready, or nobody's; dismissed
            *(("results", 200), ("results", 404), ("results", 410)),
        }
        assert set(storm.answers) <= expected_codes, storm.answers
        assert {kind for kind, _ in storm.answers} == set(MIX)
        assert (len(storm.echoes), len(storm.maps)) == (MIX["echo"], MIX["map"])
        # what nobody has ended yet would take the two workers minutes
        assert {storm.dismiss(job_id) for job_id in storm.maps} == {200}
        assert until(lambda: not deployment.unfinished(), 300)
        check_store(deployment, storm)
        check_lists(deployment, storm)
    assert deployment.files() == []
    deployment.stop(signal.SIGTERM)


def check_store(deployment: Deployment, storm: Storm) -> None:
    """Every accepted job is there with its steps, ended as it was asked to, and nothing else is."""
    jobs = {row["id"]: row for row in deployment.rows("select * from jobs")}
    assert set(jobs) == {*storm.echoes, *storm.maps}
    steps = deployment.rows("select * from steps order by id")
    of_job = {job_id: [s for s in steps if s["job_id"] == job_id] for job_id in jobs}
    assert sum(map(len, of_job.values())) == len(steps)
    assert {s["state"] for s in steps} <= {"done", "closed"}
    for job_id, job in jobs.items():
        first = "run" if job_id in storm.echoes else "plan"
        assert [s["kind"] for s in of_job[job_id]].count(first) == 1
        assert job["created"] <= job["finished"] <= job["updated"]
        assert job["started"] is None or job["created"] <= job["started"] <= job["finished"]
        if job_id in storm.dismissed:
            assert (job["status"], job["result"], job["error"]) == ("dismissed", None, None)
        else:
            assert (job["status"], job["progress"]) == ("successful", 100)
            outputs = json.loads(job["result"])["outputs"]
            assert outputs["message"] == storm.echoes[job_id]
    assert storm.dismissed & set(storm.echoes) != set(storm.echoes)
    assert deployment.rows("pragma foreign_key_check") == []
    assert deployment.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


def check_lists(deployment: Deployment, storm: Storm) -> None:
    """What the service lists is what the store holds, the newest first."""
    stored = deployment.rows("select id, status from jobs order by number desc")
    listed = storm.listed()
    assert [(j["jobID"], j["status"]) for j in listed] == [(r["id"], r["status"]) for r in stored]
    for status, count in Counter(row["status"] for row in stored).items():
        assert storm.get(f"/jobs?status={status}").json()["numberMatched"] == count
    for job_id in {*storm.echoes, *storm.maps}:
        assert storm.get(f"/jobs/{job_id}").status_code == 200
