"""Objects as files of a folder: they appear whole or not at all, and leave no empty folders behind."""

import hashlib
import os
import shutil
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from geocrop_processes.storage.entry import PIECE, Entry, Unfinished
from geocrop_processes.storage.refusals import translated

PARTIAL = ".partial"
"""Ends the names of files that are being written."""


class Folder:
    """Buckets as folders of a folder.

    Args:
        root: the folder; one that is relative stays where it is now.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put_file(self, bucket: str, key: str, path: Path, media_type: str) -> None:
        """Store a file's content."""
        del media_type  # a folder keeps none
        target = self._root / bucket / key
        with translated(f"write {target}"), replacing(target) as partial:
            shutil.copyfile(path, partial)

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Store bytes."""
        del media_type
        target = self._root / bucket / key
        with translated(f"write {target}"), replacing(target) as partial:
            partial.write_bytes(content)

    def get(self, bucket: str, key: str) -> bytes:
        """An object's content."""
        path = self._root / bucket / key
        with translated(f"read {path}"):
            return path.read_bytes()

    def open_range(self, bucket: str, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from `start` to before `stop`; the file is open before the first is asked for."""
        path = self._root / bucket / key
        with translated(f"read {path}"):
            file = path.open("rb")
            file.seek(start)
        pieces = _pieces(file, stop - start, f"read {path}")
        # a generator that has not begun has nothing to end
        next(pieces)
        return pieces

    def has(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        return (self._root / bucket / key).is_file()

    def version(self, bucket: str, key: str) -> str:
        """The SHA-256 of an object."""
        path = self._root / bucket / key
        with translated(f"read {path}"), path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    def entries(self, bucket: str, prefix: str) -> Iterator[Entry]:
        """The objects whose keys start with a prefix, in no order; what another removes meanwhile is left out."""
        for key, stat in self._files(bucket, prefix):
            if not key.endswith(PARTIAL):
                yield Entry(key, time.time() - stat.st_mtime, stat.st_size)

    def unfinished(self, bucket: str, prefix: str) -> Iterator[Unfinished]:
        """The files that are being written, or that a killed writer has left."""
        for key, stat in self._files(bucket, prefix):
            if key.endswith(PARTIAL):
                yield Unfinished(key, time.time() - stat.st_mtime)

    def remove(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there any more are fine."""
        for key in keys:
            with translated(f"delete {self._root / bucket / key}"):
                _remove(self._root / bucket, key)

    def discard(self, bucket: str, left: Unfinished) -> None:
        """Remove a partial file."""
        self.remove(bucket, [left.key])

    def url(self, bucket: str, key: str) -> str:
        """An object's path."""
        return str(self._root / bucket / key)

    def gdal_options(self) -> dict[str, object]:
        """Nothing is to be said of files."""
        return {}

    def make(self, bucket: str) -> None:
        """Make a bucket that does not exist yet."""
        with translated(f"make {self._root / bucket}"):
            (self._root / bucket).mkdir(parents=True, exist_ok=True)

    def _files(self, bucket: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        root = self._root / bucket
        with translated(f"list {bucket}/{prefix}"):
            root.stat()
            for path in (root / prefix.rpartition("/")[0]).rglob("*"):
                key = path.relative_to(root).as_posix()
                # what another removes meanwhile is there no more
                with suppress(FileNotFoundError):
                    if key.startswith(prefix) and path.is_file():
                        yield key, path.stat()


def _pieces(file: IO[bytes], size: int, action: str) -> Generator[bytes]:
    with closing(file), translated(action):
        yield b""
        while size > 0:
            piece = file.read(min(size, PIECE))
            if not piece:
                raise EOFError(f"it ends {size} bytes too early")
            yield piece
            size -= len(piece)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file beside the target, of this writer alone, that takes its place once it is whole."""
    partial = target.with_name(f".{uuid4().hex}{PARTIAL}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _remove(root: Path, key: str) -> None:
    """Remove a file, and the folders below the bucket that are empty then."""
    path = root / key
    path.unlink(missing_ok=True)
    for folder in path.relative_to(root).parents[:-1]:
        try:
            (root / folder).rmdir()
        except OSError:
            return
