"""Sweeps again and again, beside the beat that tells of due work: a sweep of many objects holds nobody up."""

import logging
from collections.abc import Callable
from threading import Event

from geocrop_processes.errors import GeoCropError
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.sweeping.sweep import sweep
from geocrop_processes.settings import Settings

logger = logging.getLogger(__name__)


def sweep_regularly(
    settings: Settings, store: JobStore, ended: Event, say: Callable[[str], None]
) -> None:
    """Sweep until the end; nothing that goes wrong meanwhile ends it."""
    while not ended.wait(settings.keep.sweep_s):
        try:
            swept = sweep(settings, store, settings.open_storage())
            logger.info("swept: %s", swept)
        except GeoCropError as error:
            say(str(error))
        except Exception:
            logger.exception("what nobody needs could not be removed")
