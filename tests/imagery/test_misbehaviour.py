"""Reading from a real server, in a process of its own, that fails as servers far away do."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.request import urlopen

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.imagery import access
from geocrop_processes.imagery.access import ATTEMPTS, Access, read_overview, read_window
from geocrop_processes.imagery.scene import BandFile

PIXELS = np.random.default_rng(1).integers(1, 9000, (400, 400)).astype(np.uint16)
WINDOW = (slice(130, 280), slice(100, 270))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a COG of 400 x 400 pixels, 320 kB: its header and its pixels are asked for separately."""
    path = tmp_path_factory.mktemp("served") / "B02.tif"
    with rasterio.open(
        path,
        "w",
        driver="COG",
        count=1,
        height=400,
        width=400,
        dtype="uint16",
        crs=32736,
        transform=from_origin(300_000, 8_000_000, 10, 10),
        blocksize=128,
        compress="none",
    ) as target:
        target.write(PIXELS, 1)
    script = Path(__file__).with_name("misbehaving.py")
    with subprocess.Popen(
        [sys.executable, script, path], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture
def ask(url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address with a part of its own for each test, and GDAL as deployments have it but for the time-out."""
    with Access(timeout_s=2).environment():
        yield f"{url}/{{}}/{abs(hash(request.node.name))}"


def at(ask: str, plan: str) -> BandFile:
    return BandFile(f"{ask.format(plan)}/B02.tif", 10, 300_000, 8_000_000, (400, 400))


def asked(file: BandFile) -> int:
    """How many requests of a file the server saw."""
    server, path = file.href[: file.href.index("/", 8)], file.href[file.href.index("/", 8) :]
    with urlopen(f"{server}/asked{path}") as answer:  # noqa: S310 - the test's own server
        return int(answer.read())


@pytest.mark.usefixtures("_no_wait")
@pytest.mark.parametrize(
    "plan",
    [
        "500-500",
        "fine-500-500",
        "fine-fine-500",
        "503",
        "fine-503-503",
        "502-504",
        "429",
        "stall",
        "fine-stall",
        "fine-fine-stall",
        "cut",
        "fine-cut",
        "fine-fine-cut",
        "fine-short",
        "fine-fine-short",
    ],
)
def test_a_server_that_fails_and_recovers_gives_the_same_pixels(
    plan: str, ask: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The requests of a window are HEAD, the header, the pixels: each of them fails in one of the cases."""
    file = at(ask, plan)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(read_window(file, WINDOW), PIXELS[WINDOW])
    # GDAL says so too, and may ask once more by itself; it does without the size, and with half of the header
    assert bool(caplog.records) == (plan not in {"stall", "cut", "fine-cut", "fine-short"})
    traces = [r.getMessage() for r in caplog.records if r.name == access.__name__]
    for n, trace in enumerate(traces, 2):
        assert trace.startswith(f"{file.href} cannot be read: ")
        assert trace.endswith(f"Try {n} of {ATTEMPTS} follows.")
    # what it kept meanwhile is right too
    assert np.array_equal(read_window(file, WINDOW), PIXELS[WINDOW])


def test_a_server_that_is_well_is_asked_three_times_and_nothing_is_logged(
    ask: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = at(ask, "fine")
    assert np.array_equal(read_window(file, WINDOW), PIXELS[WINDOW])
    first = asked(file)
    assert first <= 5
    # a second window costs its pixels alone
    read_window(file, (slice(0, 100), slice(0, 100)))
    assert asked(file) - first <= 1
    assert caplog.records == []


@pytest.mark.parametrize("status", [404, 403])
def test_a_file_that_is_not_there_is_told_soon_by_its_address(status: int, ask: str) -> None:
    file = at(ask, "-".join([str(status)] * 50))
    started = time.monotonic()
    with pytest.raises(SceneUnreadable) as caught:
        read_window(file, WINDOW)
    assert str(caught.value).startswith(f"{file.href} cannot be read: ")
    # two waits of at most 1.2 and 1.4 s
    assert time.monotonic() - started < 20
    assert asked(file) <= 4 * ATTEMPTS


@pytest.mark.usefixtures("_no_wait")
@pytest.mark.parametrize("what", ["500", "cut", "short"])
def test_a_server_that_keeps_failing_is_given_up_and_the_file_named(what: str, ask: str) -> None:
    file = at(ask, "-".join(["fine", *[what] * 60]))
    for read in (partial(read_window, file, WINDOW), partial(read_overview, file)):
        with pytest.raises(SceneUnreadable) as caught:
            read()
        assert str(caught.value).startswith(f"{file.href} cannot be read: ")


def test_tries_wait_longer_each_time() -> None:
    tries = cast("Any", read_window)
    state = SimpleNamespace(attempt_number=1)
    first = [tries.retry.wait(state) for _ in range(20)]
    state.attempt_number = 3
    third = [tries.retry.wait(state) for _ in range(20)]
    assert min(first) >= 0.2
    assert min(third) >= 0.8
    assert max(third) <= 5
