"""Objects as files of a folder: they appear whole or not at all, and leave no empty folders behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

PARTIAL = ".partial"
"""Ends the names of files that are being written."""


def files(root: Path, prefix: str) -> list[str]:
    """The keys of all files below a bucket's folder that start with a prefix."""
    files = (root / prefix.rpartition("/")[0]).rglob("*")
    keys = (p.relative_to(root).as_posix() for p in files if p.is_file())
    return [key for key in keys if key.startswith(prefix)]


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


def remove(root: Path, key: str) -> None:
    """Remove a file, and the folders below the bucket that are empty then."""
    path = root / key
    path.unlink(missing_ok=True)
    for folder in path.relative_to(root).parents[:-1]:
        try:
            (root / folder).rmdir()
        except OSError:
            return
