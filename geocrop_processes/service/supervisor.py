"""Child processes that are kept alive together and never left behind.

All of them, and whatever they start, are in the process group of a watchdog: a shell of one line that reads
from a pipe which the supervisor holds open. When the supervisor ends, however it ends, the pipe does too, and
the watchdog ends the group and itself. That needs nothing but POSIX, and cannot miss a grandchild.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

import psutil

from geocrop_processes.errors import ServiceUnavailable
from geocrop_processes.service.group import GONE_S, end, end_orphans, how_it_ended, members

logger = logging.getLogger(__name__)

_WATCHDOG = "trap '' TERM INT HUP; read -r _; kill -TERM 0; sleep 2; kill -KILL 0"
_LOOK_S = 0.1
"""Seconds between two looks at the children."""
_SETTLED_S = 10.0
"""A child that ran for so long had started well."""
_QUICK_DEATHS = 5
"""Deaths in a row without having started well, after which another start is in vain."""
_LONGEST_PAUSE_S = 10.0
_LAST_WORDS = 5
"""Lines of a child's log that the message of its failure repeats."""


def always() -> bool:
    """Readiness of a child that nobody waits for."""
    return True


@dataclass(frozen=True)
class Command:
    """A child process."""

    name: str
    """What people call it, and its log."""
    arguments: Sequence[str]
    """The command line."""
    ready: Callable[[], bool] = always
    """Whether it answers by now; the next one is started when it does."""
    stop_s: float = 5.0
    """Seconds between the request to end and the end."""
    descriptors: Sequence[int] = ()
    """Open files that it inherits."""


@dataclass
class _Child:
    command: Command
    process: subprocess.Popen[bytes]
    started: float
    quick_deaths: int = 0
    due: float | None = None
    """When it is to be started again; None while it runs."""


class Supervisor:
    """Runs commands for as long as the context lasts.

    They are started in their order, each when the one before it is ready, and stopped in the opposite order.
    One that ends is started again after a pause that grows.

    Args:
        commands: what to run.
        logs: the folder of what they say, a file each.
        environment: what they see.
        descriptors: open files that the watchdog keeps open until every process is gone, such as a lock.
        say: told when a child ends.
        ready_s: seconds within which each must be ready.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        logs: Path,
        environment: Mapping[str, str],
        *,
        descriptors: Sequence[int] = (),
        say: Callable[[str], None] = lambda _sentence: None,
        ready_s: float = 300.0,
    ) -> None:
        self._commands = commands
        self._logs = logs
        self._environment = dict(environment)
        self._descriptors = descriptors
        self._say = say
        self._ready_s = ready_s
        self._children: dict[str, _Child] = {}
        self._lock = Lock()
        self._ending = Event()
        self._failure: str | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._monitor = Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        """Start everything.

        Raises:
            ServiceUnavailable: a child does not get ready, or ends again and again.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        self._watchdog = subprocess.Popen(  # noqa: S603 - a constant
            ["/bin/sh", "-c", _WATCHDOG],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=self._descriptors,
            process_group=0,
        )
        try:
            self._monitor.start()
            for command in self._commands:
                with self._lock:
                    self._children[command.name] = self._first(command)
                self._await(command)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The children that run now, by name."""
        with self._lock:
            return {n: c.process.pid for n, c in self._children.items() if c.due is None}

    @property
    def group(self) -> int:
        """The process group of everything that runs here."""
        if self._watchdog is None:
            raise ValueError("The supervisor has not been entered.")
        return self._watchdog.pid

    def check(self) -> None:
        """Pass while everything runs or is about to run again.

        Raises:
            ServiceUnavailable: a child ends again and again; says which and its last words.
        """
        if self._failure:
            raise ServiceUnavailable(self._failure)

    def wait(self) -> None:
        """Wait until the supervisor is stopped.

        Raises:
            ServiceUnavailable: a child ends again and again; says which and its last words.
        """
        while not self._ending.wait(0.5):
            self.check()
        self.check()

    def stop(self) -> None:
        """Stop the children in the opposite order, and whatever they have left behind."""
        self._ending.set()
        if self._monitor.is_alive():
            self._monitor.join()
        for child in reversed(self._children.values()):
            end(child.process, child.command.stop_s)
        if self._watchdog is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._watchdog.pid, signal.SIGKILL)
            self._watchdog.communicate()
            psutil.wait_procs(members(self._watchdog.pid), timeout=GONE_S)

    def _first(self, command: Command) -> _Child:
        try:
            return self._start(command)
        except OSError as error:
            raise ServiceUnavailable(f"The {command.name} cannot be started: {error}.") from error

    def _start(self, command: Command) -> _Child:
        with (self._logs / f"{command.name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                pass_fds=command.descriptors,
                process_group=self.group,
            )
        return _Child(command, process, time.monotonic())

    def _await(self, command: Command) -> None:
        until = time.monotonic() + self._ready_s
        while not command.ready():
            self.check()
            if time.monotonic() > until:
                raise ServiceUnavailable(
                    f"The {command.name} is not ready after {self._ready_s:g} seconds. "
                    + self._last_words(command)
                )
            time.sleep(_LOOK_S)
        self.check()

    def _watch(self) -> None:
        """Start again what has ended, until the end or a failure."""
        while not self._ending.wait(_LOOK_S):
            try:
                with self._lock:
                    for child in self._children.values():
                        self._look_after(child)
            except Exception as error:
                # nobody would look any more, and nobody know
                logger.exception("the supervisor fails")
                self._failure = f"The supervisor failed: {type(error).__name__}: {error}."
            if self._watchdog is not None and self._watchdog.poll() is not None:
                self._failure = "The watchdog of the service has ended; nothing runs without it."
            if self._failure:
                return

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.due is not None:
            if now >= child.due:
                self._start_again(child)
        elif child.process.poll() is not None:
            settled = now - child.started >= _SETTLED_S
            self._end_orphans()
            self._mourn(child, how_it_ended(child.process.returncode), settled=settled)

    def _start_again(self, child: _Child) -> None:
        try:
            fresh = self._start(child.command)
        except OSError as error:
            # no memory, no free process: that passes
            self._mourn(child, f"could not be started ({error})", settled=False)
        else:
            child.process, child.started, child.due = fresh.process, fresh.started, None

    def _mourn(self, child: _Child, how: str, *, settled: bool) -> None:
        """A child is dead: it is to be started again, unless that was in vain too often."""
        child.quick_deaths = 0 if settled else child.quick_deaths + 1
        child.due = time.monotonic() + min(0.1 * 2**child.quick_deaths, _LONGEST_PAUSE_S)
        name = child.command.name
        if child.quick_deaths >= _QUICK_DEATHS:
            self._failure = (
                f"The {name} {how} {child.quick_deaths} times in a row soon after its start. "
                + self._last_words(child.command)
            )
        else:
            self._say(f"The {name} {how}; it is started again.")

    def _end_orphans(self) -> None:
        """End what a dead child has started."""
        end_orphans(self.group, {child.process.pid for child in self._children.values()})

    def _last_words(self, command: Command) -> str:
        path = self._logs / f"{command.name}.log"
        lines = path.read_text(errors="replace").strip().splitlines()[-_LAST_WORDS:]
        said = " | ".join(line.strip() for line in lines) or "nothing"
        return f"Its last words in {path}: {said}"
