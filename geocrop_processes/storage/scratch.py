"""Files that a process needs for a while: in a folder of its own, which goes with it, also where it is killed.

There is one for each process, as there is one folder for temporary files in Python: libraries write theirs there too.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from geocrop_processes.errors import ScratchFull

_LOCK = "owner.lock"
"""Locked by the process that a folder is of, for as long as it lives: the system lets go of it whatever happens."""
_LITTLE = 1 << 20
"""With fewer free bytes than this a write that failed has failed for want of room."""


class _Quota:
    """What the process is allowed; as its folder, there is one."""

    root: Path | None = None
    bytes: int | None = None


def occupy(root: Path, quota: int | None = None) -> Path:
    """Take a folder below `root` for the temporary files of this process; those of dead ones are removed.

    Args:
        root: the folder of all processes that share a disk.
        quota: the most bytes of all of them together; as many as the disk has where None.
    """
    root.mkdir(parents=True, exist_ok=True)
    _remove_dead(root)
    # named last: nobody takes it for a dead one's before it is locked
    hidden = root / f".{uuid4().hex}"
    hidden.mkdir()
    lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder = hidden.rename(root / f"{os.getpid()}-{uuid4().hex[:8]}")
    tempfile.tempdir = str(folder)
    _Quota.root, _Quota.bytes = root, quota
    return folder


def _remove_dead(root: Path) -> None:
    for lock in root.glob("[!.]*/" + _LOCK):
        with suppress(FileNotFoundError), lock.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.parent, ignore_errors=True)


@contextmanager
def room(needed: int) -> Iterator[Path]:
    """A folder for a while; nothing of it is left, whatever happens.

    Args:
        needed: about how many bytes will be written.

    Raises:
        ScratchFull: there is not so much room, or it was used up meanwhile.
    """
    if free() < needed:
        raise _full(free(), needed)
    with tempfile.TemporaryDirectory() as name:
        try:
            yield Path(name)
        except Exception as error:
            left = free()
            if _is_full(error) or left < _LITTLE:
                raise _full(left, needed) from error
            raise


def free() -> int:
    """Bytes that can still be written, by the disk and the quota."""
    of_disk = shutil.disk_usage(tempfile.gettempdir()).free
    if _Quota.bytes is None or _Quota.root is None:
        return of_disk
    used = 0
    for path in _Quota.root.rglob("*"):
        with suppress(FileNotFoundError):
            used += path.stat().st_size if path.is_file() else 0
    return max(0, min(of_disk, _Quota.bytes - used))


def _full(left: int, needed: int) -> ScratchFull:
    where = tempfile.gettempdir()
    return ScratchFull(
        f"The scratch folder {where} is full: {left} bytes are free, about {needed} are needed."
    )


def _is_full(error: BaseException | None) -> bool:
    """Whether an error is of a full disk, or was raised because of one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
