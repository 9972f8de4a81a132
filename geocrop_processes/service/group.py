"""The processes of a process group: who they are, and how they end."""

import os
import subprocess
from collections.abc import Collection

import psutil

GONE_S = 2.0
"""Seconds that a killed process may take to disappear."""


def members(group: int) -> list[psutil.Process]:
    """The living processes of a group."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return members


def end_orphans(group: int, children: Collection[int]) -> None:
    """End what is of the group, but neither its leader, nor one of these children, nor started by one of it."""
    known = {*children, group}
    for _ in range(20):
        orphans = [p for p in members(group) if _is_orphan(p, known, group)]
        if not orphans:
            return
        for orphan in orphans:
            orphan.kill()
        psutil.wait_procs(orphans, timeout=GONE_S)


def _is_orphan(process: psutil.Process, known: set[int], group: int) -> bool:
    if process.pid in known:
        return False
    try:
        return os.getpgid(process.ppid()) != group
    except (ProcessLookupError, PermissionError, psutil.Error):
        return True


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a process to end, and end it where it has not in time."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def how_it_ended(code: int) -> str:
    """What a return code says, in words."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
