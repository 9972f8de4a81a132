"""Celery's side: a message says only that there is work; what it is, and whose turn, the job store says.

So nothing depends on a message: one that is lost is sent again by the beat, one too many finds nothing to do.
"""

import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from kombu import Exchange, Queue  # type: ignore[attr-defined]
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from geocrop_processes.errors import BrokerUnavailable
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.settings import Settings

WORK = "geocrop.work"
"""The task that claims a step and does it."""
QUEUE = "geocrop"
"""Its queue."""
DELIVER = "geocrop.deliver"
"""The task that claims a callback and delivers it."""
CALLBACKS = "geocrop-callbacks"
"""Its queue: a worker of its own can take it (`-Q geocrop-callbacks`), any other worker takes both in turns."""

_MOST_MESSAGES = 64
"""More messages than this are never waiting: each worker that ends a step sends another."""
_VISIBILITY_S = 3600
"""A message that was not acknowledged for so long is delivered again; no step takes nearly as long."""
_SOFT_SHUTDOWN_S = 3.0
"""Seconds that a stopped worker has for the step it is doing; then its message is put back."""
_ANSWER_S = 5.0
"""Seconds that whoever publishes waits for the broker's answer: one that hangs holds up no request."""


def create_queue(settings: Settings, **transport: Any) -> Celery:
    """Celery as both sides use it, with options for the connection to the broker."""
    app = Celery("geocrop", broker=settings.service.broker, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_queues=[_queue(name) for name in (QUEUE, CALLBACKS)],
        task_routes={DELIVER: {"queue": CALLBACKS, "routing_key": CALLBACKS}},
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=_SOFT_SHUTDOWN_S,
        worker_enable_soft_shutdown_on_idle=True,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_S,
            "socket_connect_timeout": 2.0,
            # whoever publishes is told soon that nobody answers
            "max_retries": 1,
            "interval_start": 0.0,
            "interval_step": 0.1,
            "interval_max": 0.2,
            **transport,
        },
    )
    return app


def _queue(name: str) -> Any:
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


@cache
def _publisher(settings: Settings) -> Celery:
    """The queue as those use it who only publish: a worker waits for messages much longer than they wait."""
    if settings.service.broker is None:
        raise BrokerUnavailable("There is no queue: GEOCROP_SERVICE__BROKER names none.")
    return create_queue(settings, socket_timeout=_ANSWER_S)


def publish(settings: Settings, task: str = WORK) -> None:
    """Tell the workers that there is work.

    Raises:
        BrokerUnavailable: the queue does not answer. What is due is due all the same: the beat tells of it.
    """
    app = _publisher(settings)
    try:
        app.send_task(task, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        raise unavailable(error) from error


class Bell:
    """Tells the workers of new work, for as long as they can need to be told.

    More messages than `_MOST_MESSAGES` are of no use before those that wait are taken; what comes of that many is
    left to the beat. So a flood of submissions does not become one of messages.

    Args:
        send: sends a message.
        every_s: seconds between two looks of the beat.
    """

    def __init__(self, send: Callable[[], None], every_s: float) -> None:
        self._send = send
        self._every_s = every_s
        self._rung: deque[float] = deque(maxlen=_MOST_MESSAGES)

    def __call__(self) -> None:
        """Send a message, unless enough were sent since the beat last looked.

        Raises:
            BrokerUnavailable: as `send` does.
        """
        now = time.monotonic()
        is_enough = len(self._rung) == _MOST_MESSAGES
        if is_enough and now - self._rung[0] < self._every_s:
            return
        self._send()
        self._rung.append(now)


def republish(settings: Settings, store: JobStore) -> int:
    """Send as many messages as there are due steps, less those that wait already; tells how many.

    Raises:
        BrokerUnavailable: the queue does not answer.
        StoreUnavailable: the job store does not.
    """
    steps = _publish_missing(settings, WORK, QUEUE, sum(store.due(_MOST_MESSAGES).values()))
    return steps + _publish_missing(settings, DELIVER, CALLBACKS, store.deliveries.due())


def _publish_missing(settings: Settings, task: str, queue: str, due: int) -> int:
    due = min(due, _MOST_MESSAGES)
    missing = max(0, due - waiting(settings, queue)) if due else 0
    for _ in range(missing):
        publish(settings, task)
    return missing


def waiting(settings: Settings, queue: str = QUEUE) -> int:
    """How many messages nobody has taken yet.

    Raises:
        BrokerUnavailable: the queue does not answer.
    """
    app = _publisher(settings)
    try:
        with app.connection_for_write() as connection:
            declared = connection.default_channel.queue_declare(queue, passive=True)
    except ChannelError:  # an empty queue does not exist
        return 0
    except (OperationalError, RedisError, OSError) as error:
        raise unavailable(error) from error
    return int(declared.message_count)


def unavailable(error: Exception) -> BrokerUnavailable:
    """What is told of a queue that does not answer."""
    reason = " ".join(str(error).split()).rstrip(".")
    return BrokerUnavailable(f"The queue does not answer: {reason}.")
