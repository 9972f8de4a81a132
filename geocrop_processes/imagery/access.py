"""How scenes' files are opened: tuned GDAL, unsigned S3, time-outs, retries."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.session import AWSSession
from rasterio.windows import Window
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.imagery.scene import BandFile
from geocrop_processes.storage.rasters import forget, is_remote

ATTEMPTS = 3
"""How often a file is tried."""
LOCAL_THREADS = 2
"""Files on disk that are read at once: decoding is all there is to do, and other blocks fill other cores."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """What a deployment says about reading scenes."""

    s3_endpoint: str | None = None
    """Host of the S3 server of `s3://` hrefs; AWS's own of the region where none is given."""
    s3_region: str = "af-south-1"
    """Its region: Digital Earth Africa's buckets are in Cape Town."""
    timeout_s: float = 30.0
    """For each try of an HTTP request."""
    threads: int = 32
    """Files read at once over the network: enough that decoding, not waiting, takes the time."""

    @contextmanager
    def environment(self) -> Iterator[None]:
        """GDAL as it reads COGs best; enter it in every thread that reads, or take a `pool`."""
        with self._environment():
            yield

    @contextmanager
    def pool(self, files: Iterable[BandFile]) -> Iterator[ThreadPoolExecutor]:
        """Threads to read some files with, in this environment: many if one of them is remote, else few."""
        threads = self.threads if any(is_remote(f.href) for f in files) else LOCAL_THREADS
        with ThreadPoolExecutor(threads, "reading", self._enter) as pool:
            yield pool

    def _enter(self) -> None:
        """Have the environment in this thread for as long as it lives."""
        self._environment().__enter__()

    def _environment(self) -> rasterio.Env:
        """Each option with what it does to the requests of a window of one file, counted.

        There are three round trips: HEAD, the header, then all pixels at once. A second window of the file
        costs the last one alone: GDAL keeps sizes and headers, so that files need not be kept open.
        """
        options = {
            # else the folder is asked for too: one request more for every window
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            # else sidecars (.aux.xml, .msk, ...) are looked for: with the above unset, 14 requests and not 4
            "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
            # for headers larger than the 16 KiB of GDAL's default; those that are not cost the same without it
            "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
            # room for the headers of a job's files: without it blocks that follow asked 420-500 times for the
            # windows of 220 files, with it 80-440 times, and 1 MB made it slower by seconds
            "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
            # neighbouring internal tiles come in one answer: so they did with it unset too
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "GDAL_HTTP_TIMEOUT": self.timeout_s,
            "GDAL_HTTP_CONNECTTIMEOUT": self.timeout_s,
            # tries are counted in one place, below
            "GDAL_HTTP_MAX_RETRY": 0,
        }
        # Left as they are: VSI_CACHE and HTTP/2 change no request; CPL_VSIL_CURL_CHUNK_SIZE of 1 MB saves one of a
        # small file, for a megabyte of each. Without HEAD (CPL_VSIL_CURL_USE_HEAD) the whole file is asked for and
        # the answer broken off. GDAL_NUM_THREADS saves none, and adds threads to threads.
        # GDAL_CACHEMAX is of the whole process, its writing too: decoded tiles go when their file is closed, so that
        # only those of the windows in flight are kept.
        # Without a session of its own rasterio would look for AWS credentials on this machine.
        session = AWSSession(
            aws_unsigned=True, region_name=self.s3_region, endpoint_url=self.s3_endpoint
        )
        return rasterio.Env(session=session, **options)


def _may_pass(error: BaseException) -> bool:
    """Whether another try may help: a file of another size than its item says is as it is."""
    return isinstance(error, SceneUnreadable) and error.__cause__ is not None


def _tell(state: RetryCallState) -> None:
    """Leave a trace of a try that failed, before the next."""
    if state.outcome is not None:
        _LOG.warning(
            "%s Try %d of %d follows.",
            state.outcome.exception(),
            state.attempt_number + 1,
            ATTEMPTS,
        )


_retried = retry(
    retry=retry_if_exception(_may_pass),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential_jitter(multiplier=0.2, max=5),
    before_sleep=_tell,
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
        forget(file.href)
        reason = " ".join(str(error).split()).rstrip(".")
        raise SceneUnreadable(f"{file.href} cannot be read: {reason}.") from error
