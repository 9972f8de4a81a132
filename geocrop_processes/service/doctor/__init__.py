"""What is missing or wrong with a deployment: one sentence for each part, and what to do.

All parts are asked at once, each for a bounded time, so that none hides or holds up another.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from threading import Thread

from geocrop_processes.service.doctor.address import check_address
from geocrop_processes.service.doctor.broker import check_beat, check_queue, check_workers
from geocrop_processes.service.doctor.database import check_database
from geocrop_processes.service.doctor.findings import AWAY, FAILED, Check, Finding, Said
from geocrop_processes.service.doctor.imagery import check_catalogue, check_imagery
from geocrop_processes.service.doctor.models import check_model, check_registry
from geocrop_processes.service.doctor.places import check_folder, check_storage
from geocrop_processes.settings import Settings

__all__ = ["CHECKS", "Finding", "examine"]

CHECKS: Mapping[str, Check] = {
    "data folder": check_folder,
    "database": check_database,
    "queue": check_queue,
    "storage": check_storage,
    "registry": check_registry,
    "model": check_model,
    "catalogue": check_catalogue,
    "imagery": check_imagery,
    "workers": check_workers,
    "beat": check_beat,
    "address": check_address,
}
"""The parts of a deployment."""
_LIMIT_S = 25.0
"""Seconds that a check may take."""

logger = logging.getLogger(__name__)


def examine(
    settings: Settings, checks: Mapping[str, Check] = CHECKS, limit_s: float = _LIMIT_S
) -> Iterator[Finding]:
    """What each part is like, in the order of the checks; all of them run at once.

    Args:
        settings: of the deployment.
        checks: which parts are asked.
        limit_s: seconds after which a part counts as one that does not answer.
    """
    until = time.monotonic() + limit_s
    asked = {part: _ask(check, settings) for part, check in checks.items()}
    for part, answer in asked.items():
        try:
            said = answer.result(max(0.0, until - time.monotonic()))
        except TooLate:
            said = [(AWAY, f"It has not answered within {limit_s:g} s.")]
        except Exception as error:
            # its words are told: whoever asks is whoever runs the deployment
            logger.debug("the check of the %s failed", part, exc_info=True)
            said = [(FAILED, f"It cannot be checked: {type(error).__name__}: {error}.")]
        yield from (Finding.of(part, each, settings) for each in said)


def _ask(check: Check, settings: Settings) -> Future[list[Said]]:
    answer: Future[list[Said]] = Future()

    def run() -> None:
        try:
            answer.set_result([*check(settings)])
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            answer.set_exception(error)

    # one that is too late is left, and holds up nobody who ends the process
    Thread(target=run, name="doctor", daemon=True).start()
    return answer
