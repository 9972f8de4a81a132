"""Where files of models and of their trainings lie: in folders and in buckets of S3.

They are read and written by the deployment's own storage, so that its settings (endpoint, region, credentials) are all
that an operator must know: MLflow has settings of its own for the same.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from geocrop_processes.errors import UnusableModel
from geocrop_processes.storage import Storage


@dataclass(frozen=True)
class Place:
    """A folder, or a part of a bucket, that files lie in."""

    storage: Storage
    """What reads and writes it."""
    bucket: str
    """Its bucket."""
    prefix: str
    """What the keys of all files of the place start with: empty, or it ends with `/`."""

    @classmethod
    def of(cls, address: str, storage: Storage | None = None) -> "Place":
        """The place at an address as MLflow keeps it: a path, `file:///...` or `s3://bucket/...`.

        Args:
            address: the address.
            storage: the deployment's own, whose S3 server is asked; else boto3's default one.

        Raises:
            UnusableModel: the address is of another kind.
        """
        parts = urlsplit(address)
        if parts.scheme == "s3":
            prefix = f"{parts.path.strip('/')}/".removeprefix("/")
            # one client for all: each that is opened looks for credentials anew
            server = (storage and storage.unprefixed()) or Storage("s3://")
            return cls(server, parts.netloc, prefix)
        if parts.scheme not in {"", "file"}:
            raise UnusableModel(
                f"Files of models are read from folders and from s3://, not from {address!r}."
            )
        path = Path(unquote(parts.path) if parts.scheme else address).absolute()
        return cls(Storage(str(path.parent)), path.name, "")

    def write(self, files: Mapping[str, bytes]) -> None:
        """Store files by their paths within the place.

        Raises:
            StorageUnavailable: the store refuses or does not answer.
        """
        for name, content in files.items():
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self.storage.put(self.bucket, f"{self.prefix}{name}", content, kind)

    def names(self) -> list[str]:
        """The paths of all files within the place; none where it does not exist.

        Raises:
            StorageUnavailable: the store does not answer.
        """
        address = Path(self.storage.url(self.bucket))
        if not self.prefix and address.is_absolute() and not address.is_dir():
            return []
        return [
            key.removeprefix(self.prefix) for key in self.storage.list(self.bucket, self.prefix)
        ]

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            StorageUnavailable: there is no such file, or the store does not answer.
        """
        return self.storage.get(self.bucket, f"{self.prefix}{name}")
