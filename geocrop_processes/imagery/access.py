"""How scenes' files are opened: tuned GDAL, unsigned S3, time-outs, retries."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.env import getenv, hasenv, setenv
from rasterio.errors import RasterioError
from rasterio.session import AWSSession
from rasterio.windows import Window
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.imagery.scene import BandFile

ATTEMPTS = 3
"""How often a file is tried."""


@dataclass(frozen=True)
class Access:
    """What a deployment says about reading scenes."""

    s3_endpoint: str | None = None
    """Host of the S3 server of `s3://` hrefs; AWS's own of the region where none is given."""
    s3_region: str = "af-south-1"
    """Its region: Digital Earth Africa's buckets are in Cape Town."""
    timeout_s: float = 30.0
    """For each try of an HTTP request."""
    threads: int = 8
    """Acquisitions read at once; the wait is for the network more than for the CPU."""

    @contextmanager
    def environment(self) -> Iterator[None]:
        """GDAL as it reads COGs fastest; enter it in every thread that reads.

        Measured against GDAL's defaults over HTTP: a listing of the folder and sidecar look-ups double
        the requests, and a header larger than the first read costs one more.
        """
        options = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
            "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "GDAL_HTTP_TIMEOUT": self.timeout_s,
            "GDAL_HTTP_CONNECTTIMEOUT": self.timeout_s,
            # tries are counted in one place, below
            "GDAL_HTTP_MAX_RETRY": 0,
        }
        # without a session of its own rasterio would look for AWS credentials on this machine
        session = AWSSession(
            aws_unsigned=True, region_name=self.s3_region, endpoint_url=self.s3_endpoint
        )
        with rasterio.Env(session=session, **options):
            yield


def _may_pass(error: BaseException) -> bool:
    """Whether another try may help: a file of another size than its item says is as it is."""
    return isinstance(error, SceneUnreadable) and error.__cause__ is not None


_retried = retry(
    retry=retry_if_exception(_may_pass),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential_jitter(multiplier=0.2, max=5),
    reraise=True,
)


@_retried
def read_window(file: BandFile, window: tuple[slice, slice]) -> npt.NDArray[np.uint16]:
    """Read (rows, columns) of a single-band file, within its extent; in the file's dtype.

    Raises:
        SceneUnreadable: the file cannot be opened or read, after several tries.
    """
    with _open(file) as source:
        pixels: npt.NDArray[np.uint16] = source.read(1, window=Window.from_slices(*window))
        return pixels


@_retried
def read_overview(file: BandFile, shape: tuple[int, int] | None = None) -> npt.NDArray[np.uint16]:
    """Read the whole of a file at its coarsest overview, or nearest to a given (height, width).

    Raises:
        SceneUnreadable: the file cannot be opened or read, after several tries.
    """
    with _open(file) as source:
        coarsest = max(source.overviews(1), default=1)
        out_shape = shape or tuple(-(-side // coarsest) for side in source.shape)
        pixels: npt.NDArray[np.uint16] = source.read(1, out_shape=out_shape)
        return pixels


@contextmanager
def _open(file: BandFile) -> Iterator[rasterio.DatasetReader]:
    try:
        with rasterio.open(file.href) as source:
            if source.shape != file.shape:
                raise SceneUnreadable(
                    f"{file.href} has {source.shape} pixels, its item says {file.shape}."
                )
            yield source
    except (RasterioError, OSError) as error:
        _forget(file)
        reason = " ".join(str(error).split()).rstrip(".")
        raise SceneUnreadable(f"{file.href} cannot be read: {reason}.") from error


_CHANGED = ("CPL_VSIL_CURL_NON_CACHED", "GDAL_HTTP_TIMEOUT", "GDAL_HTTP_CONNECTTIMEOUT")
_BRIEFLY_S = 0.5


def _forget(file: BandFile) -> None:
    """Make GDAL forget what it has of a file.

    It keeps the bytes that it fetched for as long as the process lives, those of an answer that broke off
    too: another try would read the same. Closing a file that must not be cached drops them.
    """
    if "://" not in file.href or not hasenv():
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
            rasterio.open(file.href).close()
    finally:
        setenv(**{name: kept[name] for name in _CHANGED if name in kept})
