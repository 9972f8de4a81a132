"""Whether what is written can be kept: the data folder, and the object store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from uuid import uuid4

from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from geocrop_processes.errors import InvalidSetting, StorageUnavailable
from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, WARNING, Said
from geocrop_processes.settings import Settings
from geocrop_processes.storage import BASELINES, DATASETS, MODELS, RESULTS, Storage

_LITTLE = 2 << 30
"""Bytes of a disk below which work soon stops for want of space."""
_IN_PARTS = (8 << 20) + 1
"""Bytes that boto3 stores in parts: its `multipart_threshold` is 8 MiB."""
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

_WRONG = {
    "AccessDenied": f"the key may not do that: give it the right to, or correct {_KEYS}",
    "AllAccessDisabled": "the bucket is closed to everybody",
    "ExpiredToken": "the key has expired: make another",
    "InvalidAccessKeyId": "the server does not know the key: correct AWS_ACCESS_KEY_ID",
    "NoSuchBucket": "there is no such bucket: make it, or start GeoCrop with a key that may",
    "RequestTimeTooSkewed": "this machine's clock is more than 15 minutes off the server's: set both by NTP",
    "SignatureDoesNotMatch": "the secret is wrong: correct AWS_SECRET_ACCESS_KEY",
}
"""S3's error codes (Amazon S3 API Reference, Error responses) in words; waiting helps with none of them."""


def check_folder(settings: Settings) -> Iterator[Said]:
    """The data folder: writable, space left."""
    folder = settings.data.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        yield (
            FAILED,
            f"{folder} cannot be written to ({os.strerror(error.errno or 0)}): GEOCROP_DATA names another folder.",
        )
        return
    free = shutil.disk_usage(there).free
    left = f"{free / 2**30:.1f} GiB are free at {folder}"
    yield (WARNING, f"Only {left}.") if free < _LITTLE else (OK, f"{left}.")


def check_storage(settings: Settings) -> Iterator[Said]:
    """Every bucket: there, and what is done in it can be done; a file in parts, too."""
    try:
        storage = settings.reach_storage()
    except InvalidSetting as error:
        yield FAILED, str(error)
        return
    if not storage.url(RESULTS).startswith("s3://") and not Path(storage.url(RESULTS)).exists():
        yield OK, f"A folder, made at the first start: {_place(settings)}."
        return
    said = []
    for bucket in (MODELS, BASELINES, RESULTS, DATASETS):
        try:
            storage.list(bucket, f"{_folder()}/")
            if bucket != BASELINES:
                _try_out(storage, bucket)
        except StorageUnavailable as error:
            said.append(why(error))
            if said[-1][0] == AWAY:
                break  # the other buckets are in the same place
    # each bucket of a store whose key is wrong says the same
    yield from dict.fromkeys(said)
    if not said:
        yield OK, f"Objects are written, read and deleted in all buckets of {_place(settings)}."


def opened(settings: Settings) -> Iterator[Said]:
    """Open the store as the service does when it starts: missing buckets are made."""
    try:
        settings.open_storage()
    except InvalidSetting as error:
        yield FAILED, str(error)
    except StorageUnavailable as error:
        yield why(error)


def why(error: StorageUnavailable) -> Said:
    """What the store has refused, and what to do."""
    cause = error.__cause__
    if isinstance(cause, NoCredentialsError | PartialCredentialsError):
        return FAILED, f"There is no key for the storage: set {_KEYS}."
    if isinstance(cause, ClientError):
        code = str(cause.response.get("Error", {}).get("Code", ""))
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if code in _WRONG:
            action = str(error).partition(": ")[0]
            return FAILED, f"{action}: {_WRONG[code]}."
        return (FAILED if status < 500 else AWAY), str(error)
    if isinstance(cause, PermissionError):
        return FAILED, str(error)
    return AWAY, f"{error} GEOCROP_STORAGE__ENDPOINT says where it is."


def _folder() -> str:
    return "doctor"


def _place(settings: Settings) -> str:
    root = settings.storage.root or str(settings.data.absolute() / "storage")
    if root != "s3://":
        return root
    return f"the S3 server at {settings.storage.endpoint or 'AWS'}"


def _try_out(storage: Storage, bucket: str) -> None:
    """Write, read and delete an object; among the results one in parts."""
    key, content = f"{_folder()}/{uuid4()}", b"written by geocrop doctor"
    storage.put(bucket, key, content, "text/plain")
    try:
        if storage.get(bucket, key) != content:
            raise StorageUnavailable(f"The storage does not give back what {bucket} was given.")
        if bucket == RESULTS:
            with NamedTemporaryFile() as file:
                file.truncate(_IN_PARTS)
                storage.put_file(bucket, key, Path(file.name), "application/octet-stream")
    finally:
        storage.delete(bucket, key)
