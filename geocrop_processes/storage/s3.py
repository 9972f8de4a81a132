"""Objects in the buckets of an S3 server: what can pass is tried again, and nothing cut off is taken for whole."""

import hashlib
import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from itertools import batched
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from rasterio.session import AWSSession
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)
from urllib3.exceptions import HTTPError

from geocrop_processes.storage.client import CONNECT_S, TRIES, client_of
from geocrop_processes.storage.entry import PIECE, Entry, Unfinished
from geocrop_processes.storage.refusals import Damaged, translated

logger = logging.getLogger(__name__)

_BATCH = 1000
"""The most keys that one request deletes (S3 API, DeleteObjects)."""
_BROKEN_OFF = (
    *(Damaged, EOFError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError, HTTPError),
)
"""What is raised while a body is read: botocore tries only what comes before it."""
_CHECKSUM = "sha256"
"""Under this name an object's metadata holds its checksum."""


class Buckets:
    """The buckets of an S3 server.

    Args:
        endpoint: its address; AWS where none is given.
        region: its region.
        public_endpoint: the address that clients see, where it is another.
        timeout_s: seconds until a silent server is given up; each request is tried several times.

    Raises:
        InvalidSetting: an endpoint is no address.
    """

    def __init__(
        self,
        endpoint: str | None,
        region: str | None,
        public_endpoint: str | None,
        timeout_s: float,
    ) -> None:
        # a session of its own: the module's shared one is not safe among threads
        self._session = Session(region_name=region or "us-east-1")
        self._timeout_s = timeout_s
        self._s3 = client_of(self._session, endpoint, timeout_s)
        self._public = (
            client_of(self._session, public_endpoint, timeout_s) if public_endpoint else self._s3
        )
        self._endpoint = self._s3.meta.endpoint_url
        self._parts = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20)

    @contextmanager
    def _doing(self, action: str, bucket: str) -> Iterator[None]:
        with translated(action, bucket, self._endpoint):
            yield

    def put_file(self, bucket: str, key: str, path: Path, media_type: str) -> None:
        """Store a file's content, in parts where it is large; an upload that fails leaves no part."""
        with self._doing(f"write {bucket}/{key}", bucket):
            with path.open("rb") as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()
            about = {"ContentType": media_type, "Metadata": {_CHECKSUM: checksum}}
            self._s3.upload_file(str(path), bucket, key, ExtraArgs=about, Config=self._parts)

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Store bytes."""
        with self._doing(f"write {bucket}/{key}", bucket):
            self._s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=content,
                ContentType=media_type,
                Metadata={_CHECKSUM: hashlib.sha256(content).hexdigest()},
            )

    def get(self, bucket: str, key: str) -> bytes:
        """An object's content, whole: by its length, and by its checksum where that was stored with it."""
        with self._doing(f"read {bucket}/{key}", bucket):
            trying = Retrying(
                retry=retry_if_exception_type(_BROKEN_OFF),
                stop=stop_after_attempt(TRIES),
                wait=wait_exponential_jitter(multiplier=0.2, max=5),
                reraise=True,
            )
            return trying(self._whole, bucket, key)

    def _whole(self, bucket: str, key: str) -> bytes:
        answer = self._s3.get_object(Bucket=bucket, Key=key)
        with closing(answer["Body"]) as body:
            content = bytes(body.read())
        told = answer.get("Metadata", {}).get(_CHECKSUM)
        if told and told != hashlib.sha256(content).hexdigest():
            raise Damaged("its checksum is not the one that it was stored with")
        return content

    def open_range(self, bucket: str, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from `start` to before `stop`; the server has answered before the first is asked for.

        Where the answer breaks off, the rest is asked for again.
        """
        with self._doing(f"read {bucket}/{key}", bucket):
            answer = self._range(bucket, key, start, stop)
        pieces = self._pieces(bucket, key, answer, (start, stop))
        # a generator that has not begun has nothing to end
        next(pieces)
        return pieces

    def _range(
        self, bucket: str, key: str, start: int, stop: int, **conditions: str
    ) -> Mapping[str, Any]:
        asked = f"bytes={start}-{stop - 1}"
        answer: Mapping[str, Any] = self._s3.get_object(
            Bucket=bucket, Key=key, Range=asked, **conditions
        )
        return answer

    def _pieces(
        self, bucket: str, key: str, answer: Mapping[str, Any], span: tuple[int, int]
    ) -> Generator[bytes]:
        at, stop = span
        failures, tag = 0, str(answer["ETag"])
        with self._doing(f"read {bucket}/{key}", bucket):
            while True:
                came, end = at, at + int(answer["ContentLength"])
                try:
                    with closing(answer["Body"]) as body:
                        yield b""
                        while at < end:
                            piece = body.read(min(end - at, PIECE))
                            at += len(piece)
                            yield piece
                    break
                except _BROKEN_OFF as error:
                    failures = 0 if at > came else failures + 1
                    if failures >= TRIES:
                        raise
                    logger.warning("%s/%s broke off at byte %d: %s", bucket, key, at, error)
                    time.sleep(min(0.2 * 2**failures, 5.0))
                # the rest of the very same content
                answer = self._range(bucket, key, at, stop, IfMatch=tag)
            if at < stop:
                raise EOFError(f"it ends {stop - at} bytes too early")

    def has(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        with self._doing(f"look for {bucket}/{key}", bucket):
            try:
                self._s3.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if _status(error) != 404:
                    raise
                return False
            return True

    def version(self, bucket: str, key: str) -> str:
        """S3's ETag of an object."""
        with self._doing(f"read {bucket}/{key}", bucket):
            tag = self._s3.head_object(Bucket=bucket, Key=key)["ETag"]
            return f"etag:{tag.strip(chr(34))}"

    def entries(self, bucket: str, prefix: str) -> Iterator[Entry]:
        """The objects whose keys start with a prefix, sorted; asked for by thousands, while they are read."""
        with self._doing(f"list {bucket}/{prefix}", bucket):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                now = _now(page)
                for found in page.get("Contents", []):
                    age_s = now - found["LastModified"].timestamp()
                    yield Entry(found["Key"], age_s, found["Size"])

    def unfinished(self, bucket: str, prefix: str) -> Iterator[Unfinished]:
        """The uploads of many parts that were neither completed nor given up."""
        with self._doing(f"list uploads to {bucket}/{prefix}", bucket):
            pages = self._s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=bucket, Prefix=prefix
            )
            try:
                for page in pages:
                    now = _now(page)
                    for found in page.get("Uploads", []):
                        # not every server keeps to the prefix
                        if found["Key"].startswith(prefix):
                            age_s = now - found["Initiated"].timestamp()
                            yield Unfinished(found["Key"], age_s, found["UploadId"])
            except ClientError as error:
                # so some servers say that there is none, or that they know of none
                if error.response["Error"]["Code"] not in {"NoSuchUpload", "NotImplemented"}:
                    raise

    def remove(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove objects, a thousand at once; those that are not there any more are fine."""
        for batch in batched(keys, _BATCH):
            with self._doing(f"delete {bucket}/{batch[0]}", bucket):
                named: Any = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
                answer = self._s3.delete_objects(Bucket=bucket, Delete=named)
                failed = [e for e in answer.get("Errors", []) if e.get("Code") != "NoSuchKey"]
                if failed:
                    raise ClientError({"Error": failed[0]}, "DeleteObjects")

    def discard(self, bucket: str, left: Unfinished) -> None:
        """Give up an upload; one that has ended meanwhile is fine."""
        with self._doing(f"give up an upload to {bucket}/{left.key}", bucket):
            try:
                self._s3.abort_multipart_upload(Bucket=bucket, Key=left.key, UploadId=left.upload)
            except ClientError as error:
                if _status(error) != 404:
                    raise

    def url(self, bucket: str, key: str) -> str:
        """`s3://bucket/key`."""
        return f"s3://{bucket}/{key}".rstrip("/")

    def link(self, bucket: str, key: str, seconds: int, named: str | None) -> str:
        """An address that whoever has it may read the object by until it expires; the server is not asked."""
        with self._doing(f"sign an address of {bucket}/{key}", bucket):
            asked = {"Bucket": bucket, "Key": key}
            if named:
                asked["ResponseContentDisposition"] = f'attachment; filename="{named}"'
            return str(self._public.generate_presigned_url("get_object", asked, ExpiresIn=seconds))

    def gdal_options(self) -> dict[str, object]:
        """Where GDAL finds the server, with what credentials, and what it does when that fails.

        The session is one for all: opened anew for each file, it looks for credentials each time.
        """
        endpoint = urlsplit(self._endpoint)
        return {
            "session": AWSSession(self._session),
            "AWS_S3_ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"),
            "AWS_HTTPS": "YES" if endpoint.scheme == "https" else "NO",
            "AWS_REGION": self._s3.meta.region_name,
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_TIMEOUT": self._timeout_s,
            "GDAL_HTTP_CONNECTTIMEOUT": CONNECT_S,
            "GDAL_HTTP_MAX_RETRY": TRIES - 1,
            "GDAL_HTTP_RETRY_DELAY": 0.2,
        }

    def make(self, bucket: str) -> None:
        """Make a bucket that does not exist yet."""
        with self._doing(f"make the bucket {bucket}", bucket):
            try:
                self._s3.head_bucket(Bucket=bucket)
            except ClientError as error:
                if _status(error) != 404:
                    raise
                self._create(bucket)

    def _create(self, bucket: str) -> None:
        region = self._s3.meta.region_name
        try:
            if region == "us-east-1":
                self._s3.create_bucket(Bucket=bucket)
            else:
                # S3 makes buckets elsewhere only if the place is said twice
                place: Any = {"LocationConstraint": region}
                self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        except ClientError as error:
            # another process was quicker
            if error.response.get("Error", {}).get("Code") != "BucketAlreadyOwnedByYou":
                raise


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _now(page: Mapping[str, Any]) -> float:
    """The server's time, seconds since 1970: ages do not depend on this machine's clock."""
    told = page["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told).timestamp() if told else time.time()
