"""Who is to be told of a job, as an execution request names it."""

from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.service.outward import Limits, check_address
from geocrop_processes.service.problems import invalid
from geocrop_processes.service.strict_json import brief
from geocrop_processes.settings import Settings

IN_PROGRESS, SUCCEEDED, FAILED = "inProgressUri", "successUri", "failedUri"
"""What is told: how far a job is, its results, or why it has none; called as in an execution request."""
OCCASIONS = (SUCCEEDED, IN_PROGRESS, FAILED)
_MAX_ADDRESS = 2048
"""The most characters of an address."""


def limits_of(settings: Settings) -> Limits:
    """Whom the service may tell, and how long it waits for an answer, whose content it does not read."""
    callbacks = settings.callbacks
    return Limits.of(callbacks.hosts, 0, callbacks.timeout_s)


def check_subscriber(given: Any, settings: Settings) -> dict[str, str]:
    """The addresses by what they are to be told; members that are not known are left out.

    Raises:
        Problem: one of them is none that the service may ask (400), or there is none for the results.
    """
    if not isinstance(given, dict):
        raise invalid(f"`subscriber` must be an object of addresses, not {brief(given)}.")
    if not settings.callbacks.hosts:
        raise invalid(
            "`subscriber` is not offered here: this service calls no host back. Ask for the job's status instead."
        )
    named = {name: given[name] for name in OCCASIONS if given.get(name) is not None}
    if SUCCEEDED not in named:
        raise invalid(
            f"`subscriber` lacks `{SUCCEEDED}`, the address that the results are sent to."
        )
    for name, address in named.items():
        _check(name, address, limits_of(settings))
    return named


def _check(name: str, address: Any, limits: Limits) -> None:
    if not isinstance(address, str) or len(address) > _MAX_ADDRESS:
        raise invalid(
            f"`{name}` of the subscriber must be an address of at most {_MAX_ADDRESS} characters, "
            f"not {brief(address)}."
        )
    try:
        check_address(address, limits)
    except InvalidUpload as error:
        raise invalid(f"`{name}` of the subscriber cannot be used: {error}") from error
