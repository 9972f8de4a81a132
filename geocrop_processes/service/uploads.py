"""What clients have brought: files under the SHA-256 of their content, kept as long as an open job needs them.

A job's inputs only name such a file. What nobody needs any more is swept after a while: not at once, since
another job may just be bringing the same content.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from geocrop_processes.errors import InvalidUpload
from geocrop_processes.storage import DATASETS, Storage

_FOLDER = "uploads/"


@dataclass(frozen=True)
class Upload:
    """A file that a client has brought."""

    content: bytes
    """The file."""
    media_type: str
    """What it is."""

    @property
    def sha256(self) -> str:
        """Its name: the SHA-256 of its content, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.content)

    def named(self) -> dict[str, Any]:
        """What a job's inputs say of it."""
        return {"upload": self.sha256, "mediaType": self.media_type, "size": self.size}


def keep(storage: Storage, upload: Upload) -> None:
    """Store a file; one that is stored already is as if it were new.

    Raises:
        StorageUnavailable: it cannot be stored.
    """
    storage.put(DATASETS, _FOLDER + upload.sha256, upload.content, upload.media_type)


def read(storage: Storage, sha256: str, media_type: str) -> Upload:
    """A stored file.

    Raises:
        InvalidUpload: it is not there any more, or was changed.
        StorageUnavailable: the store does not answer.
    """
    key = _FOLDER + sha256
    if not storage.has(DATASETS, key):
        raise InvalidUpload(f"The uploaded file {sha256} is not there any more: bring it again.")
    upload = Upload(storage.get(DATASETS, key), media_type)
    if upload.sha256 != sha256:
        raise InvalidUpload(f"The uploaded file {sha256} was changed: its checksum is wrong.")
    return upload


def unneeded(
    storage: Storage, inputs_of_open_jobs: Callable[[], Iterable[Mapping[str, Any]]], keep_s: float
) -> list[str]:
    """The keys of the files that no open job names and that were brought longer ago than `keep_s` seconds.

    Raises:
        StorageUnavailable: the store does not answer.
    """
    old = [entry.key for entry in storage.entries(DATASETS, _FOLDER) if entry.age_s > keep_s]
    if not old:
        return []
    needed = {
        _FOLDER + str(value["upload"])
        for inputs in inputs_of_open_jobs()
        for value in inputs.values()
        if isinstance(value, dict) and "upload" in value
    }
    free = set(old) - needed
    # looked at again: whoever brings the same file now has made it young
    return [
        entry.key
        for entry in storage.entries(DATASETS, _FOLDER)
        if entry.key in free and entry.age_s > keep_s
    ]
