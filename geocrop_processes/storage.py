"""Objects in buckets: a folder with one folder per bucket, or any S3.

The buckets and their layouts are a contract between all parts of a deployment:

    geocrop-models/      the registry's artefacts: native model files and their cards
    geocrop-baselines/   dw/zim/summer/...  Dynamic World baselines
    geocrop-results/     results/<job_id>/...  published products
    geocrop-datasets/    training tables and uploads
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from geocrop_processes.errors import InvalidSetting, StorageUnavailable

MODELS, BASELINES, RESULTS, DATASETS = (
    "geocrop-models",
    "geocrop-baselines",
    "geocrop-results",
    "geocrop-datasets",
)
"""The buckets."""


class Storage:
    """The object store of a deployment.

    Args:
        root: a folder, or `s3://` for buckets of an S3 server.
        endpoint: the S3 server's address; AWS where none is given. Credentials come from where boto3
            looks for them (environment, profile, instance role).
        region: the S3 region.

    Raises:
        InvalidSetting: the root has another scheme.
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
            self._s3 = boto3.client(
                "s3",
                endpoint_url=endpoint,
                region_name=region or "us-east-1",
                config=Config(
                    signature_version="s3v4",
                    connect_timeout=10,
                    read_timeout=60,
                    retries={"max_attempts": 4, "mode": "standard"},
                    # servers other than AWS's do not know the newer checksums
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        elif "://" in root:
            raise InvalidSetting(f"The storage root must be a folder or 's3://', not {root!r}.")
        else:
            self._folder = Path(root).absolute()

    def put_file(self, bucket: str, key: str, path: Path, media_type: str) -> None:
        """Store a file's content; a reader sees the old object or the whole new one, never a part."""
        if self._folder is None:
            with _translated(f"write {bucket}/{key}"):
                self._s3.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": media_type})
            return
        target = self._path(bucket, key)
        with _translated(f"write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.partial")
            shutil.copyfile(path, partial)
            partial.replace(target)

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Store bytes; a reader sees the old object or the whole new one, never a part."""
        if self._folder is None:
            with _translated(f"write {bucket}/{key}"):
                self._s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=media_type)
            return
        target = self._path(bucket, key)
        with _translated(f"write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.partial")
            partial.write_bytes(content)
            partial.replace(target)

    def get(self, bucket: str, key: str) -> bytes:
        """An object's content.

        Raises:
            StorageUnavailable: there is no such object, or the store does not answer.
        """
        if self._folder is None:
            with _translated(f"read {bucket}/{key}"):
                return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        path = self._path(bucket, key)
        with _translated(f"read {path}"):
            return path.read_bytes()

    def list(self, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket that start with a prefix, sorted."""
        if self._folder is None:
            with _translated(f"list {bucket}/{prefix}"):
                pages = self._s3.get_paginator("list_objects_v2").paginate(
                    Bucket=bucket, Prefix=prefix
                )
                return sorted(o["Key"] for page in pages for o in page.get("Contents", []))
        root = self._folder / bucket
        start = root / prefix.rpartition("/")[0]
        keys = (p.relative_to(root).as_posix() for p in start.rglob("*") if p.is_file())
        return sorted(k for k in keys if k.startswith(prefix) and not k.endswith(".partial"))

    def delete(self, bucket: str, prefix: str) -> None:
        """Remove every object whose key starts with a prefix; none is fine."""
        for key in self.list(bucket, prefix):
            if self._folder is None:
                with _translated(f"delete {bucket}/{key}"):
                    self._s3.delete_object(Bucket=bucket, Key=key)
            else:
                path = self._path(bucket, key)
                path.unlink(missing_ok=True)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def url(self, bucket: str, key: str = "") -> str:
        """Where GDAL, MLflow and people find an object: a path, or `s3://bucket/key`."""
        if self._folder is None:
            return f"s3://{bucket}/{key}".rstrip("/")
        return str(self._path(bucket, key))

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
                    self._s3.create_bucket(Bucket=bucket)

    def _path(self, bucket: str, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if ".." in parts or key.startswith("/"):
            raise ValueError(f"An object's key is relative and never climbs: {key!r}.")
        assert self._folder is not None  # noqa: S101 - only the folder side calls this
        return self._folder.joinpath(bucket, *parts)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, OSError) as error:
        raise StorageUnavailable(f"The storage cannot {action}: {error}.") from error
