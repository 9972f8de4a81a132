"""Tells the workers of what is due, again and again, whatever became of the messages that told of it before.

`geocrop serve` does so within its own process, which nothing outlives. Elsewhere it is a process of its own:
`python -m geocrop_processes.service.beat`; two of them do no harm.
"""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

from geocrop_processes.errors import Unavailable
from geocrop_processes.service.beginning import begun
from geocrop_processes.service.heartbeat import leave_sign
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.queue import republish
from geocrop_processes.service.sweeping.beat import sweep_regularly
from geocrop_processes.settings import Settings

logger = logging.getLogger(__name__)

_END_S = 20.0
"""Seconds that what is under way has at the end."""

Say = Callable[[str], None]


@contextmanager
def beating(settings: Settings, say: Say = logger.warning) -> Iterator[None]:
    """Tell the workers of what is due, and sweep, for as long as the context lasts.

    Args:
        settings: of the deployment.
        say: told when the queue or the job store stops answering.

    Raises:
        StoreUnavailable: the job store cannot be opened.
    """
    ended = Event()
    with closing(JobStore.of(settings)) as store:
        threads = [
            Thread(target=task, args=(settings, store, ended, say), name=name, daemon=True)
            for name, task in (("beat", beat), ("sweep", sweep_regularly))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                # a sweep may be left anywhere
                thread.join(_END_S)


def beat(settings: Settings, store: JobStore, ended: Event, say: Say) -> None:
    """Tell the workers of what is due until the end; nothing that goes wrong meanwhile ends it."""
    told = ""
    while not ended.wait(settings.service.republish_s):
        try:
            republish(settings, store)
            leave_sign(settings)
            told = ""
        except Unavailable as error:
            if str(error) != told:
                say(str(error))
            told = str(error)
        except Exception:
            logger.exception("what is due could not be told")


def main() -> None:
    """Tell the workers of the deployment that the environment names, until a signal."""
    ended = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    with beating(begun()):
        ended.wait()


if __name__ == "__main__":
    main()
