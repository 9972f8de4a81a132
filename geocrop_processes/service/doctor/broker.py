"""Whether the queue is there, keeps what it is given, and has workers and a beat."""

from collections.abc import Iterator
from typing import Any

from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, WARNING, Said
from geocrop_processes.service.heartbeat import last_beat
from geocrop_processes.service.queue import create_queue
from geocrop_processes.settings import Settings

_ANSWER_S = 5.0
"""Seconds that the queue has to answer."""
_PING_S = 3.0
"""Seconds that workers have to answer; their first process does, whatever the others do."""
_NAME = "GEOCROP_SERVICE__BROKER"
_SCHEMES = ("redis://", "rediss://")
_WORKER = "celery -A geocrop_processes.service.celery_app worker"
_BEAT = "python -m geocrop_processes.service.beat"


def check_queue(settings: Settings) -> Iterator[Said]:
    """Redis or Valkey: reachable, password, append-only file, what it does when it is full."""
    address = settings.service.broker
    if address is None:
        yield OK, f"{_NAME} names none: `geocrop serve` starts one of its own."
        return
    if not address.startswith(_SCHEMES):
        yield FAILED, f"{_NAME} is no address such as redis://:password@host:6379/0."
        return
    try:
        with _asked(address) as queue:
            facts = queue.info()
    except (AuthenticationError, NoPermissionError) as error:
        yield FAILED, f"The queue refuses the password ({error}): correct {_NAME}."
        return
    except (RedisError, OSError) as error:
        yield AWAY, f"No queue answers ({error}): start Redis or Valkey, or correct {_NAME}."
        return
    except ValueError as error:
        yield FAILED, f"{_NAME} is not usable: {error}."
        return
    said = [*_needs(facts)]
    yield from said
    if all(state == WARNING for state, _ in said):
        kind = "Valkey" if "valkey_version" in facts else "Redis"
        version = facts.get("valkey_version", facts.get("redis_version", "of unknown version"))
        yield OK, f"{kind} {version} answers."


def _asked(address: str) -> Any:
    return Redis.from_url(
        address, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, protocol=2
    )


def _needs(facts: dict[str, Any]) -> Iterator[Said]:
    if facts.get("role") == "slave":
        yield (
            FAILED,
            f"The queue is a replica, which takes no message: {_NAME} must name the primary.",
        )
    if facts.get("aof_enabled") == 0:
        yield (
            WARNING,
            (
                "The queue keeps no append-only file: when it is killed, messages that wait are lost, and work is late until "
                "the beat has told of it again. No job is lost. `appendonly yes` keeps them."
            ),
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            WARNING,
            f"The queue throws messages away when its memory is full (maxmemory-policy is {policy}): set noeviction.",
        )


def check_workers(settings: Settings) -> Iterator[Said]:
    """Whether a worker answers."""
    if settings.service.broker is None:
        yield OK, "`geocrop serve` starts them."
        return
    try:
        with create_queue(settings, socket_timeout=_ANSWER_S) as app:
            answers = app.control.ping(timeout=_PING_S)
    except (OperationalError, RedisError, OSError, ValueError):
        yield AWAY, "They cannot be asked: the queue does not answer."
        return
    names = sorted(name for answer in answers for name in answer)
    if names:
        yield OK, f"{len(names)} answer: {', '.join(names)}."
    else:
        yield AWAY, f"None answers, so that jobs wait: start `{_WORKER}`."


def check_beat(settings: Settings) -> Iterator[Said]:
    """Whether a beat has looked for due steps lately."""
    address = settings.service.broker
    if address is None:
        yield OK, "`geocrop serve` is its own."
        return
    try:
        ago = last_beat(settings)
    except (RedisError, OSError, ValueError):
        yield AWAY, "It cannot be asked for: the queue does not answer."
        return
    if ago is None:
        yield AWAY, f"None runs, so that a lost message is not told again: start `{_BEAT}`."
    else:
        yield OK, f"It looked for due steps {ago:.0f} s ago."
