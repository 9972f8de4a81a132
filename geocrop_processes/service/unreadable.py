"""A file of a map that GDAL cannot read: it is gone, or the storage does not do what it should."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import RasterioError

from geocrop_processes.errors import StorageUnavailable
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.storage import RESULTS, Storage
from geocrop_processes.storage.rasters import forget

logger = logging.getLogger(__name__)


class Unreadable(Exception):
    """GDAL could not read the file at an address, and has forgotten what it had of it."""


@contextmanager
def reading(address: str) -> Iterator[None]:
    """Read a file, within GDAL's environment.

    Raises:
        Unreadable: it cannot be read; another try asks for all of it anew.
    """
    try:
        yield
    except RasterioError as error:
        logger.warning("%s cannot be read: %s", address, error)
        forget(address)
        raise Unreadable(address) from error


def explained(storage: Storage, error: Unreadable) -> Problem | StorageUnavailable:
    """Why a file of a map could not be read, for clients.

    Raises:
        StorageUnavailable: the store does not answer.
    """
    address = str(error)
    if not storage.has(RESULTS, address.removeprefix(f"{storage.url(RESULTS)}/")):
        return Problem(404, "No such file", "The file of the map cannot be read.", BLANK)
    return StorageUnavailable(f"The file {address} is there and cannot be read.")
