"""Carries out what is due: Celery enters here.

A worker claims a step from the job store, does it, and reports it with its attempt number. It may be killed
at any moment: the lease ends, another worker takes the step, and the same bytes come of it.
"""

import logging
import mmap
import os
import signal
from collections.abc import Callable
from functools import cache, partial
from threading import Event
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from celery.signals import (  # type: ignore[import-untyped]
    worker_init,
    worker_process_init,
    worker_ready,
)

from geocrop_processes.errors import (
    Abandoned,
    BrokerUnavailable,
    GeoCropError,
    InvalidSetting,
    StorageRefused,
    Unavailable,
)
from geocrop_processes.pipeline.abandon import Asked
from geocrop_processes.pipeline.block import discard_results
from geocrop_processes.service import steps
from geocrop_processes.service.callbacks.deliver import deliver
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.service.lease import kept
from geocrop_processes.service.problems import problem_of
from geocrop_processes.service.queue import DELIVER, WORK, create_queue, republish
from geocrop_processes.service.steps import Step
from geocrop_processes.service.work import WORK_OF
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, result_key
from geocrop_processes.storage.scratch import occupy

__all__ = ["WorkerContext", "create_worker", "run_step", "work"]

logger = logging.getLogger(__name__)


def run_step(context: WorkerContext, step: Step) -> bool:
    """Do a claimed step and report it; True where the report counted.

    Raises:
        StoreUnavailable: the report cannot be made; the step is due again when its lease ends.
    """
    store = context.store
    with kept(store, step) as lost:
        try:
            left = partial(_is_left, lost, context.stopping)
            counted = _do(context, step, left)
        except Abandoned:
            logger.info("job %s: %s %s was left", step.job_id, step.kind, step.name)
            store.release(step)
            counted = False
        except GeoCropError as error:
            logger.warning("job %s: %s %s: %s", step.job_id, step.kind, step.name, error)
            document = problem_of(error).document()
            may_pass = isinstance(error, Unavailable) and not isinstance(error, StorageRefused)
            counted = store.failed(step, document, retry=may_pass)
        except Exception as error:
            # its words are for the log: they can hold anything
            logger.exception("job %s: %s %s", step.job_id, step.kind, step.name)
            detail = f"The step {step.kind!r} met an unexpected {type(error).__name__}."
            document = {"title": "Internal error", "status": 500, "detail": detail}
            counted = store.failed(step, document, retry=True)
        if not counted:
            # what was written for a closed job may have been cleaned up before it was written
            store.sweep(step.job_id)
    return counted


def _is_left(lost: Event, stopping: Asked) -> bool:
    """Whether nothing will come of a step, or another worker is to do it."""
    return lost.is_set() or stopping()


def _clean(context: WorkerContext, step: Step) -> bool:
    """Remove what a closed job has left, and the product that nobody uses any more."""
    discard_results(step.job_id, context.storage)
    for product in context.store.products_to_clean(step.job_id):
        context.storage.delete(RESULTS, result_key(product))
    return context.store.cleaned(step)


def _do(context: WorkerContext, step: Step, left: Asked) -> bool:
    """Do a step as its job's process does it."""
    if step.kind == steps.CLEAN:
        return _clean(context, step)
    process = context.store.get(step.job_id).process
    return WORK_OF[process][step.kind](context, step, left)


def work(context: WorkerContext, tell: Callable[[], object]) -> bool:
    """Claim the next due step and do it, then tell of what is due; False where nothing was due.

    Raises:
        StoreUnavailable: the job store does not answer.
    """
    step = None if context.stopping() else context.store.claim(steps.KINDS)
    if step is None:
        return False
    run_step(context, step)
    try:
        tell()
    except BrokerUnavailable as error:
        logger.warning("job %s: %s", step.job_id, error)
    return True


def _when_asked_to_end() -> Asked:
    """Tells in each process of a worker whether the worker is asked to end.

    Only its first process gets the signal, and Celery's own news of it comes when the others are dead. A byte
    of memory that all share needs no lock, which a killed process could take with it.
    """
    byte = mmap.mmap(-1, 1)

    def listen(**_: Any) -> None:
        first = os.getpid()
        for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(name, partial(end, first, signal.getsignal(name)))

    def end(first: int, celerys: Any, *arguments: Any) -> None:
        if os.getpid() == first:
            byte[0] = 1
        if callable(celerys):
            celerys(*arguments)

    worker_ready.connect(listen, weak=False)
    return lambda: byte[0] == 1


def create_worker(settings: Settings) -> Celery:
    """The worker of a deployment.

    Raises:
        InvalidSetting: no broker is named.
    """
    if settings.service.broker is None:
        raise InvalidSetting("A worker needs a queue: GEOCROP_SERVICE__BROKER names none.")
    app = create_queue(settings)
    stopping = _when_asked_to_end()

    @cache
    def context_of(_process: int) -> WorkerContext:
        # connections, models and threads do not survive a fork
        return WorkerContext.of(settings, stopping)

    def do_work() -> None:
        context = context_of(os.getpid())
        work(context, lambda: republish(settings, context.store))

    def do_deliver() -> None:
        deliver(context_of(os.getpid()))

    def warm_up(**_signal: object) -> None:
        settings.warm_up()

    def take_scratch(**_signal: object) -> None:
        scratch = settings.scratch
        occupy(scratch.folder or settings.data.absolute() / "scratch", scratch.quota_bytes)

    # in the parent, before it forks and takes work: what is compiled is inherited
    worker_init.connect(warm_up, weak=False)
    # in each process after the fork: its temporary files are its own
    worker_process_init.connect(take_scratch, weak=False)
    # of this app alone: Celery would give it to every app that the process makes
    app.task(do_work, name=WORK, shared=False)
    app.task(do_deliver, name=DELIVER, shared=False)
    return app
