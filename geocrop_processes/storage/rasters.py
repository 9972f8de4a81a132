"""Rasters of the store, opened by GDAL, which has a client and a memory of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import rasterio
from rasterio.env import getenv, hasenv, setenv
from rasterio.errors import RasterioError

from geocrop_processes.errors import StorageUnavailable
from geocrop_processes.storage.store import Storage

_CHANGED = ("CPL_VSIL_CURL_NON_CACHED", "GDAL_HTTP_TIMEOUT", "GDAL_HTTP_CONNECTTIMEOUT")
_BRIEFLY_S = 0.5


@contextmanager
def opened(storage: Storage, bucket: str, key: str, what: str) -> Iterator[rasterio.DatasetReader]:
    """A stored raster, open.

    Args:
        storage: the store.
        bucket: the bucket.
        key: the object.
        what: it is, as a sentence begins: "The baseline ...".

    Raises:
        StorageUnavailable: it cannot be opened or read.
    """
    address = storage.url(bucket, key)
    try:
        with rasterio.Env(**storage.gdal_options()):
            try:
                with rasterio.open(address) as source:
                    yield source
            except (RasterioError, OSError):
                forget(address)
                raise
    except (RasterioError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise StorageUnavailable(f"{what} cannot be read: {reason}.") from error


def is_remote(address: str) -> bool:
    """Whether reading what lies there waits for a network."""
    return "://" in address and not address.startswith("file://")


def forget(address: str) -> None:
    """Make GDAL forget what it has of a file; within the environment that the file was opened in.

    It keeps the bytes that it fetched for as long as the process lives, those of an answer that broke off
    too: another try would read the same. Closing a file that must not be cached drops them.
    """
    if not is_remote(address) or not hasenv():
        return
    kept = {"CPL_VSIL_CURL_NON_CACHED": "", **getenv()}
    # the file is opened only to be closed: a server that does not answer is not waited for once more
    setenv(
        CPL_VSIL_CURL_NON_CACHED="/vsicurl/:/vsis3/",
        GDAL_HTTP_TIMEOUT=_BRIEFLY_S,
        GDAL_HTTP_CONNECTTIMEOUT=_BRIEFLY_S,
    )
    try:
        with suppress(RasterioError, OSError):
            rasterio.open(address).close()
    finally:
        setenv(**{name: kept[name] for name in _CHANGED if name in kept})
