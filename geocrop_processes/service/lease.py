"""Holds a lease while a step is done."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from geocrop_processes.errors import StoreUnavailable
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.steps import Step

_BEATS = 3
"""How often a lease is renewed before it would end: two may fail."""

logger = logging.getLogger(__name__)


@contextmanager
def kept(store: JobStore, step: Step) -> Iterator[Event]:
    """Renew a step's lease for as long as the context lasts.

    Yields:
        An event that is set when nothing will come of the step: another holds it, or its job is closed.
    """
    lost, ended = Event(), Event()

    def renew() -> None:
        while not ended.wait(store.lease_s / _BEATS):
            try:
                if not store.renew(step):
                    lost.set()
            except StoreUnavailable as error:
                logger.warning(
                    "job %s: the lease of %s %s: %s", step.job_id, step.kind, step.name, error
                )
            except Exception:
                # a lease that nobody renews any more is lost without a word
                logger.exception("job %s: the lease of %s %s", step.job_id, step.kind, step.name)

    thread = Thread(target=renew, name=f"lease-{step.id}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()
