"""The supervisor, with little commands instead of servers."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from geocrop_processes.errors import ServiceUnavailable
from geocrop_processes.service.group import members
from geocrop_processes.service.supervisor import Command, Supervisor

ROOT = Path(__file__).parents[2]
SLEEP = ("/bin/sleep", "600")
FAMILY = ("/bin/sh", "-c", "sleep 600 & sleep 600 & wait")
"""A child with two of its own, as a worker has."""


def until(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def supervisor(folder: Path, *commands: Command, **more: object) -> Supervisor:
    return Supervisor(commands, folder / "logs", os.environ, **more)  # type: ignore[arg-type]


def test_children_run_while_the_context_lasts_and_none_is_left(tmp_path: Path) -> None:
    with supervisor(tmp_path, Command("a", SLEEP), Command("family", FAMILY)) as running:
        group = running.group
        assert set(running.pids) == {"a", "family"}
        assert until(lambda: len(members(group)) == 5)
    assert members(group) == []


def test_a_child_that_is_killed_returns_and_what_it_had_started_is_gone(tmp_path: Path) -> None:
    said: list[str] = []
    with supervisor(tmp_path, Command("family", FAMILY), say=said.append) as running:
        assert until(lambda: len(members(running.group)) == 4)
        first = running.pids["family"]
        grandchildren = psutil.Process(first).children()
        os.kill(first, signal.SIGKILL)
        assert until(lambda: running.pids.get("family", first) != first)
        assert until(lambda: len(members(running.group)) == 4)
        assert not any(child.is_running() for child in grandchildren)
    assert said == ["The family was killed by signal 9; it is started again."]


def test_the_next_is_started_when_the_one_before_is_ready(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    first = ("/bin/sh", "-c", f"sleep 0.3; touch {mark}; sleep 600")
    second = ("/bin/sh", "-c", f"test -e {mark} && sleep 600")
    commands = (Command("first", first, ready=mark.exists), Command("second", second))
    with supervisor(tmp_path, *commands) as running:
        time.sleep(0.3)
        running.check()
        assert set(running.pids) == {"first", "second"}


def test_they_are_stopped_in_the_opposite_order(tmp_path: Path) -> None:
    record = tmp_path / "record"

    def noting(name: str) -> Command:
        mark = tmp_path / name
        script = f"trap 'echo {name} >> {record}; exit' TERM; touch {mark}; sleep 600 & wait"
        return Command(name, ("/bin/sh", "-c", script), ready=mark.exists)

    with supervisor(tmp_path, noting("broker"), noting("worker"), noting("server")):
        pass
    assert record.read_text().split() == ["server", "worker", "broker"]


def test_one_that_does_not_listen_is_killed_in_time(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"trap '' TERM; touch {mark}; while :; do sleep 1; done"
    deaf = Command("deaf", ("/bin/sh", "-c", script), ready=mark.exists, stop_s=0.3)
    with supervisor(tmp_path, deaf) as running:
        group = running.group
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert members(group) == []


def test_one_that_ends_at_once_again_and_again_is_given_up_with_its_last_words(
    tmp_path: Path,
) -> None:
    wrong = Command("broker", ("/bin/sh", "-c", "echo the port is taken; exit 3"), ready=bool)
    with pytest.raises(ServiceUnavailable, match=r"The broker ended with code 3 5 times") as error:
        supervisor(tmp_path, wrong).__enter__()
    assert str(error.value).endswith(" | the port is taken")
    assert len(str(error.value).splitlines()) == 1


def test_one_that_cannot_be_started_for_a_moment_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without memory cannot start a process, and has some a moment later."""
    said: list[str] = []
    refusals = 3

    with supervisor(tmp_path, Command("a", SLEEP), say=said.append) as running:
        first, start = running.pids["a"], running._start

        def refused(command: Command) -> object:
            nonlocal refusals
            refusals -= 1
            if refusals >= 0:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return start(command)

        monkeypatch.setattr(running, "_start", refused)
        os.kill(first, signal.SIGKILL)
        assert until(lambda: running.pids.get("a", first) != first)
        running.check()
    assert said[0] == "The a was killed by signal 9; it is started again."
    assert len(said) == 4
    assert all("could not be started" in sentence for sentence in said[1:])


def test_one_that_never_can_be_started_is_given_up(tmp_path: Path) -> None:
    absent = Command("a", (str(tmp_path / "absent"),))
    with pytest.raises(ServiceUnavailable, match="The a cannot be started"):
        supervisor(tmp_path, absent).__enter__()


def test_a_supervisor_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_child: object) -> None:
        raise ZeroDivisionError("odd")

    with supervisor(tmp_path, Command("a", SLEEP)) as running:
        monkeypatch.setattr(running, "_look_after", fail)
        with pytest.raises(ServiceUnavailable, match="supervisor failed: ZeroDivisionError: odd"):
            running.wait()


def test_waiting_ends_when_one_is_given_up(tmp_path: Path) -> None:
    wrong = Command("worker", ("/bin/sh", "-c", "exit 1"))
    with (
        pytest.raises(ServiceUnavailable, match=r"in .*worker\.log: nothing"),
        supervisor(tmp_path, wrong) as running,
    ):
        running.wait()


def test_one_that_never_gets_ready_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    slow = Command("server", SLEEP, ready=bool)
    running = supervisor(tmp_path, slow, ready_s=0.3)
    with pytest.raises(ServiceUnavailable, match=r"server is not ready after 0\.3 seconds"):
        running.__enter__()
    assert members(running.group) == []


def test_without_its_watchdog_it_stops(tmp_path: Path) -> None:
    with supervisor(tmp_path, Command("a", SLEEP)) as running:
        os.kill(running.group, signal.SIGKILL)
        with pytest.raises(ServiceUnavailable, match="watchdog"):
            running.wait()
    assert members(running.group) == []


def test_when_the_supervisor_is_killed_no_process_is_left_after_five_seconds(
    tmp_path: Path,
) -> None:
    program = f"""
        import os, sys, time
        from pathlib import Path
        from geocrop_processes.service.supervisor import Command, Supervisor
        deaf = "trap '' TERM; sleep 600 & while :; do sleep 1; done"
        commands = [Command("family", {FAMILY!r}), Command("deaf", ("/bin/sh", "-c", deaf))]
        with Supervisor(commands, Path({str(tmp_path)!r}), os.environ) as running:
            print(running.group, flush=True)
            time.sleep(600)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=ROOT
    )
    with process:
        assert process.stdout is not None
        group = int(process.stdout.readline())
        assert until(lambda: len(members(group)) == 7)
        process.kill()
        killed = time.monotonic()
        assert until(lambda: members(group) == [], 5.0)
        assert time.monotonic() - killed < 5.0


def test_what_the_watchdog_keeps_open_is_open_until_the_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with supervisor(tmp_path, Command("a", SLEEP), descriptors=[writing]):
        os.close(writing)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    assert os.read(reading, 1) == b""
    os.close(reading)
