"""What becomes of one large job, watched from outside: processes, progress, and the rows of the job store."""

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from benchmarks.large import scene
from benchmarks.large.service import WORKERS, settings_of
from benchmarks.large.worker import COMPUTED
from geocrop_processes.service.jobs import JobStore

_LOOK_S = 1.0
"""Seconds between two looks."""
_STOP = 0.5
"""The share of blocks after which everything is killed."""
_PROBED = 200
"""Claims that are timed beside."""


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at_s: float
    """Seconds since the job was accepted."""
    done: int
    """Blocks that were done."""
    memory_mb: dict[str, float]
    """Resident memory of each part, MB of 10**6 bytes; of the worker that has most."""


@dataclass
class Course:
    """What became of the job."""

    blocks: int = 0
    """How many there are."""
    workers: int = WORKERS
    """Worker processes."""
    done_at_stop: int = 0
    """Blocks that were done when everything was killed."""
    computed_again: int = 0
    """How many of them were computed again."""
    furthest: int = 0
    """The largest distance in blocks between what was told and what was so."""
    seconds: float = 0.0
    """From the submission to the end."""
    finish_s: float = 0.0
    """From the last block to the end."""
    overhead_s: float = 0.0
    """To claim a block and report it, beside all others, alone."""
    looks: list[Look] = field(default_factory=list)
    """In their order."""

    @property
    def holds(self) -> bool:
        """Whether nothing was done again, and progress was true to within a block for each worker."""
        return self.computed_again == 0 and self.furthest <= 1

    def memory(self, part: str) -> tuple[float, float, float, float]:
        """MB of a part early, half way, at the end, and at most."""
        found = [look.memory_mb[part] for look in self.looks if part in look.memory_mb]
        tenth = max(1, len(found) // 10)
        middle = found[len(found) // 2 - tenth // 2 :][:tenth]
        return (
            statistics.median(found[tenth : 2 * tenth] or found),
            statistics.median(middle),
            statistics.median(found[-tenth:]),
            max(found),
        )

    def to_json(self) -> dict[str, Any]:
        """For `.geocrop/large.json`."""
        return {**asdict(self), "holds": self.holds}


def take_its_course(side: int) -> Course:
    """Run the job: half of it, a full stop, and the rest.

    Args:
        side: blocks in a row.

    Raises:
        RuntimeError: it did not become successful.
    """
    scene.seen()
    with TemporaryDirectory(prefix="geocrop-large-") as name:
        folder, log, course = Path(name) / "data", Path(name) / "computed", Course()
        log.touch()
        with _service(folder, log) as (process, url):
            job, begun = _submit(url, side), time.monotonic()
            _Watch(folder, url, job, process.pid).until(_STOP, course, begun)
            _kill(process)
        before = _done(folder, job)
        course.done_at_stop, computed = len(before), Counter(log.read_text().split("\n"))
        with _service(folder, log) as (process, url):
            course.finish_s = _Watch(folder, url, job, process.pid).until(2.0, course, begun)
            course.seconds = time.monotonic() - begun
        again = Counter(log.read_text().split("\n")) - computed
        course.computed_again = sum(again[f"{job} {block}"] > 0 for block in before)
        course.overhead_s = _overhead(folder, course.blocks)
    return course


@contextmanager
def _service(folder: Path, log: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "benchmarks.large.service", str(folder)]
    environment = os.environ | {COMPUTED: str(log), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process, (process.stdout or sys.stdin).readline().strip()
        finally:
            if process.poll() is None:
                _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """Everything at once, whoever started it."""
    top = psutil.Process(process.pid)
    family = [*top.children(recursive=True), top]
    for one in family:
        one.suspend()
    for one in family:
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=30)


def _submit(url: str, side: int) -> str:
    lon, lat, radius = scene.circle(side)
    inputs = {"aoi": [lon, lat, radius], "year": scene.YEAR, "mask": "none"}
    answer = httpx.post(
        f"{url}/processes/crop-classification/execution", json={"inputs": inputs}, timeout=60
    )
    if answer.status_code != 201:
        raise RuntimeError(answer.text)
    return str(answer.json()["jobID"])


@dataclass
class _Watch:
    """Looks at a job of a running service."""

    folder: Path
    """The service's data."""
    url: str
    """Its address."""
    job: str
    """The job."""
    pid: int
    """The process that started everything."""

    def until(self, share: float, course: Course, begun: float) -> float:
        """Look until so much of the job is done, or it has ended; seconds since the last block then.

        Raises:
            RuntimeError: it did not become successful.
        """
        mapped = None
        while True:
            low = _count(self.folder, self.job)
            status = httpx.get(f"{self.url}/jobs/{self.job}", timeout=60).json()
            blocks, high = _count(self.folder, self.job)
            course.blocks = blocks
            if status["message"].endswith("blocks done"):
                told = int(status["message"].split()[0])
                course.furthest = max(course.furthest, low[1] - told, told - high)
            now = time.monotonic()
            course.looks.append(Look(now - begun, high, _memory(self.pid)))
            if status["status"] == "successful":
                return now - (mapped or now)
            if status["status"] not in {"accepted", "running"}:
                raise RuntimeError(str(status))
            if blocks and high == blocks:
                mapped = mapped or now
            if blocks and high >= share * blocks:
                return 0.0
            time.sleep(_LOOK_S)


def _rows(folder: Path, query: str, *given: Any) -> list[Any]:
    """Rows of the job store, read beside the service."""
    with closing(sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query, given).fetchall()


def _count(folder: Path, job: str) -> tuple[int, int]:
    """How many blocks a job has, and how many are done: counted, not as the job says."""
    query = "select count(*), sum(state = 'done') from steps where job_id = ? and kind = 'block'"
    ((blocks, done),) = _rows(folder, query, job)
    return int(blocks), int(done or 0)


def _done(folder: Path, job: str) -> set[str]:
    query = "select name from steps where job_id = ? and kind = 'block' and state = 'done'"
    return {name for (name,) in _rows(folder, query, job)}


def _memory(pid: int) -> dict[str, float]:
    """Resident MB by part; of the workers, of the one that has most."""
    found: dict[str, float] = {}
    top = psutil.Process(pid)
    for one in [top, *top.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            words, size = " ".join(one.cmdline()), one.memory_info().rss / 1e6
            part = "supervisor" if one.pid == pid else ""
            part = "worker" if "benchmarks.large.worker" in words else part
            part = "server" if "geocrop_processes.service.listen" in words else part
            if part:
                found[part] = max(found.get(part, 0.0), size)
    return found


def _overhead(folder: Path, blocks: int) -> float:
    """Seconds to claim a block and to report it, where so many are due; the store's copy is nobody else's."""
    store = JobStore.of(settings_of(folder))
    try:
        store.add("probe", "crop-classification", {}, {})
        step = store.claim(["plan"])
        if step is None or not store.planned(step, b"{}", [str(n) for n in range(blocks)], None):
            raise RuntimeError("The probe cannot be planned.")
        begun = time.monotonic()
        probed = min(_PROBED, blocks)
        for _ in range(probed):
            block = store.claim(["block"])
            if block is None or not store.block_done(block):
                raise RuntimeError("The probe's block cannot be reported.")
        return (time.monotonic() - begun) / probed
    finally:
        store.close()
