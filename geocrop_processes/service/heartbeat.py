"""The sign of life that a beat leaves in the queue, for whoever wants to know whether one runs."""

from redis import Redis
from redis.exceptions import RedisError

from geocrop_processes.service.queue import unavailable
from geocrop_processes.settings import Settings

_SIGN = "geocrop.beat"
"""What the queue remembers a beat by."""
_REDIS = ("redis://", "rediss://")
_ANSWER_S = 5.0
"""Seconds that the queue has to answer."""


def leave_sign(settings: Settings) -> None:
    """Have the queue remember for a while that a beat has looked.

    Raises:
        BrokerUnavailable: the queue does not answer.
    """
    address = settings.service.broker or ""
    if address.startswith(_REDIS):
        try:
            with Redis.from_url(address, socket_timeout=_ANSWER_S) as queue:
                queue.set(_SIGN, 1, px=_remembered_ms(settings))
        except RedisError as error:
            raise unavailable(error) from error


def last_beat(settings: Settings) -> float | None:
    """Seconds since a beat has looked for due steps; None where that is too long ago.

    Raises:
        RedisError: the queue does not answer.
    """
    with Redis.from_url(str(settings.service.broker), socket_timeout=_ANSWER_S) as queue:
        left = queue.pttl(_SIGN)
    return max(0, _remembered_ms(settings) - int(left)) / 1000 if int(left) > 0 else None


def _remembered_ms(settings: Settings) -> int:
    return int(1000 * max(30.0, 5 * settings.service.republish_s))
