"""How a process of the service begins: once what it needs is there."""

import logging
import time
from collections.abc import Callable, Mapping

from geocrop_processes.errors import GeoCropError, InvalidSetting, ServiceUnavailable
from geocrop_processes.service.doctor import examine
from geocrop_processes.service.doctor.broker import check_queue
from geocrop_processes.service.doctor.database import store_opened
from geocrop_processes.service.doctor.findings import FAILED, WARNING, Check
from geocrop_processes.service.doctor.places import opened
from geocrop_processes.settings import Settings

NEEDED: Mapping[str, Check] = {
    "database": store_opened,
    "queue": check_queue,
    "storage": opened,
}
"""What a process cannot begin without."""
_PAUSE_S = 1.0
"""Seconds between two tries of parts that do not answer yet."""

logger = logging.getLogger(__name__)


def begun() -> Settings:
    """The settings of the environment, once the parts that they name are there.

    Raises:
        SystemExit: a setting or a part is wrong; its message says what, for whoever started the process.
    """
    try:
        settings = Settings.read()
        wait_for(settings)
    except GeoCropError as error:
        raise SystemExit(str(error)) from error
    return settings


def wait_for(
    settings: Settings,
    checks: Mapping[str, Check] = NEEDED,
    say: Callable[[str], None] = logger.warning,
) -> None:
    """Wait until a process can begin: parts of a deployment are started in any order.

    Args:
        settings: of the deployment; they say how long.
        checks: what the process needs.
        say: told what is waited for, and what had better be otherwise.

    Raises:
        InvalidSetting: a part is wrong in a way that does not pass.
        ServiceUnavailable: a part has not come in time.
    """
    until = time.monotonic() + settings.service.start_s
    told: set[str] = set()
    while True:
        findings = [*examine(settings, checks)]
        failed = [each for each in findings if each.state == FAILED]
        for each in failed:
            if not each.may_pass:
                raise InvalidSetting(f"{each.part}: {each.text}")
        for each in findings:
            if each.state in {WARNING, FAILED} and each.part not in told:
                say(f"{each.part}: {each.text}")
                told.add(each.part)
        if not failed:
            return
        if time.monotonic() > until:
            raise ServiceUnavailable(f"{failed[0].part}: {failed[0].text}")
        time.sleep(_PAUSE_S)
