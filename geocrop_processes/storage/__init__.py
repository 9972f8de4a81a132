"""Objects in buckets: a folder with one folder per bucket, or any S3.

The buckets and their layouts are a contract between all parts of a deployment:

    geocrop-models/      the registry's artefacts: native model files and their cards
    geocrop-baselines/   dw/zim/summer/...  Dynamic World baselines
    geocrop-results/     results/<job_id>/...  published products
    geocrop-datasets/    training tables and uploads
"""

import hashlib
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from geocrop_processes.errors import InvalidSetting, StorageUnavailable
from geocrop_processes.storage.folder import PARTIAL, files, remove, replacing

MODELS, BASELINES, RESULTS, DATASETS = (
    "geocrop-models",
    "geocrop-baselines",
    "geocrop-results",
    "geocrop-datasets",
)
"""The buckets."""


def result_key(job_id: str, name: str = "") -> str:
    """Where a file of a job lies among the results; without a name what the keys of all its files begin with."""
    return f"results/{job_id}/{name}"


_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=10,
    read_timeout=60,
    retries={"max_attempts": 4, "mode": "standard"},
    # servers other than AWS's do not know the newer checksums
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class Storage:
    """The object store of a deployment.

    Args:
        root: a folder, or `s3://` for buckets of an S3 server.
        endpoint: the S3 server's address; AWS where none is given. Credentials come from where boto3
            looks for them (environment, profile, instance role).
        region: the S3 region.

    Raises:
        InvalidSetting: the root has another scheme, or the endpoint is no address.

    Keys are relative, of parts joined by `/`; one that climbs or has an empty part is a `ValueError`.
    """

    def __init__(
        self, root: str, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        self._folder: Path | None = None
        if root.startswith("s3://"):
            if root != "s3://":
                raise InvalidSetting(
                    f"The storage root {root!r} names a bucket: the buckets' names are fixed, 's3://' is enough."
                )
            try:
                # a session of its own: the module's shared one is not safe among threads
                self._s3 = Session().client(
                    "s3",
                    endpoint_url=endpoint,
                    region_name=region or "us-east-1",
                    config=_CONFIG,
                )
            except ValueError as error:
                raise InvalidSetting(
                    f"The storage endpoint {endpoint!r} is no address such as 'http://localhost:9000'."
                ) from error
        elif "://" in root:
            raise InvalidSetting(f"The storage root must be a folder or 's3://', not {root!r}.")
        else:
            self._folder = Path(root).absolute()

    def put_file(self, bucket: str, key: str, path: Path, media_type: str) -> None:
        """Store a file's content; a reader sees the old object or the whole new one, never a part."""
        _check_key(key)
        if self._folder is None:
            with _translated(f"write {bucket}/{key}"):
                self._s3.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": media_type})
            return
        target = self._folder / bucket / key
        with _translated(f"write {target}"), replacing(target) as partial:
            shutil.copyfile(path, partial)

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Store bytes; a reader sees the old object or the whole new one, never a part."""
        _check_key(key)
        if self._folder is None:
            with _translated(f"write {bucket}/{key}"):
                self._s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=media_type)
            return
        target = self._folder / bucket / key
        with _translated(f"write {target}"), replacing(target) as partial:
            partial.write_bytes(content)

    def get(self, bucket: str, key: str) -> bytes:
        """An object's content.

        Raises:
            StorageUnavailable: there is no such object, or the store does not answer.
        """
        _check_key(key)
        if self._folder is None:
            with _translated(f"read {bucket}/{key}"):
                return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        path = self._folder / bucket / key
        with _translated(f"read {path}"):
            return path.read_bytes()

    def open_range(self, bucket: str, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from `start` to before `stop` of an object, piece by piece; closed at its end, or by `close`.

        Args:
            bucket: the bucket.
            key: the object.
            start: the first byte, 0 or more.
            stop: the byte after the last one, above `start`.

        Raises:
            StorageUnavailable: there is no such object, or the store does not answer: told by this call;
                or the object ends before `stop`: told while it is read.
        """
        _check_key(key)
        action = f"read {self.url(bucket, key)}"
        with _translated(action):
            if self._folder is None:
                asked = f"bytes={start}-{stop - 1}"
                answer = self._s3.get_object(Bucket=bucket, Key=key, Range=asked)
                return _pieces(answer["Body"], stop - start, action)
            file = (self._folder / bucket / key).open("rb")
            file.seek(start)
            return _pieces(file, stop - start, action)

    def version(self, bucket: str, key: str) -> str:
        """What tells an object from any other that is ever stored under its key: its SHA-256, or S3's ETag.

        Raises:
            StorageUnavailable: there is no such object, or the store does not answer.
        """
        _check_key(key)
        if self._folder is None:
            with _translated(f"read {bucket}/{key}"):
                tag = self._s3.head_object(Bucket=bucket, Key=key)["ETag"]
                return f"etag:{tag.strip(chr(34))}"
        path = self._folder / bucket / key
        with _translated(f"read {path}"), path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    def list(self, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket that start with a prefix, sorted; none is fine.

        Raises:
            StorageUnavailable: there is no such bucket, or the store does not answer.
        """
        _check_key(f"{prefix}*")
        with _translated(f"list {bucket}/{prefix}"):
            if self._folder is None:
                pages = self._s3.get_paginator("list_objects_v2").paginate(
                    Bucket=bucket, Prefix=prefix
                )
                return sorted(o["Key"] for page in pages for o in page.get("Contents", []))
            root = self._folder / bucket
            root.stat()
            return sorted(k for k in files(root, prefix) if not k.endswith(PARTIAL))

    def ages(self, bucket: str, prefix: str) -> dict[str, float]:
        """Seconds since each object whose key starts with a prefix was last written, by key.

        Raises:
            StorageUnavailable: there is no such bucket, or the store does not answer.
        """
        now = time.time()
        if self._folder is not None:
            folder = self._folder / bucket
            found = {}
            for key in self.list(bucket, prefix):
                # what another removes meanwhile has no age any more
                with suppress(FileNotFoundError):
                    found[key] = now - (folder / key).stat().st_mtime
            return found
        _check_key(f"{prefix}*")
        with _translated(f"list {bucket}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            objects = [o for page in pages for o in page.get("Contents", [])]
        return {o["Key"]: now - o["LastModified"].timestamp() for o in objects}

    def delete(self, bucket: str, prefix: str, ending: str = "") -> None:
        """Remove every object whose key starts with a prefix, and ends so; none is fine.

        With them goes what a killed writer has left half written.
        """
        keys = self.list(bucket, prefix)
        keys = keys if self._folder is None else files(self._folder / bucket, prefix)
        for key in (k for k in keys if k.endswith(ending)):
            with _translated(f"delete {bucket}/{key}"):
                if self._folder is None:
                    self._s3.delete_object(Bucket=bucket, Key=key)
                else:
                    remove(self._folder / bucket, key)

    def url(self, bucket: str, key: str = "") -> str:
        """Where GDAL, MLflow and people find an object or a bucket: a path, or `s3://bucket/key`."""
        if key:
            _check_key(key)
        if self._folder is None:
            return f"s3://{bucket}/{key}".rstrip("/")
        return str(self._folder / bucket / key)

    def gdal_options(self) -> dict[str, str]:
        """What GDAL must be told to open the addresses that `url` gives; credentials it finds as boto3 does."""
        if self._folder is not None:
            return {}
        endpoint = urlsplit(self._s3.meta.endpoint_url)
        return {
            "AWS_S3_ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"),
            "AWS_HTTPS": "YES" if endpoint.scheme == "https" else "NO",
            "AWS_REGION": self._s3.meta.region_name,
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        }

    def ensure_buckets(self) -> None:
        """Make the buckets that do not exist yet."""
        for bucket in (MODELS, BASELINES, RESULTS, DATASETS):
            if self._folder is not None:
                with _translated(f"make {self._folder / bucket}"):
                    (self._folder / bucket).mkdir(parents=True, exist_ok=True)
                continue
            with _translated(f"make the bucket {bucket}"):
                try:
                    self._s3.head_bucket(Bucket=bucket)
                except ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                        raise
                    self._create(bucket)

    def _create(self, bucket: str) -> None:
        region = self._s3.meta.region_name
        if region == "us-east-1":
            self._s3.create_bucket(Bucket=bucket)
        else:
            # S3 makes buckets elsewhere only if the place is said twice
            place: Any = {"LocationConstraint": region}
            self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)


_PIECE = 1 << 20
"""Bytes that are read at once."""


def _pieces(body: Any, size: int, action: str) -> Generator[bytes]:
    """Read a file, or an S3 server's answer, piece by piece; it is closed, even where nobody asks for a piece."""
    pieces = _read(body, size, action)
    # a generator that has not begun has nothing to end
    next(pieces)
    return pieces


def _read(body: Any, size: int, action: str) -> Generator[bytes]:
    with closing(body), _translated(action):
        yield b""
        while size > 0:
            piece = body.read(min(size, _PIECE))
            if not piece:
                raise EOFError(f"it ends {size} bytes too early")
            yield piece
            size -= len(piece)


def _check_key(key: str) -> None:
    if "\0" in key or any(part in {"", ".", ".."} for part in key.split("/")):
        raise ValueError(
            f"An object's key is relative, never climbs and has no empty part: {key!r}."
        )


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, EOFError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise StorageUnavailable(f"The storage cannot {action}: {reason}.") from error
