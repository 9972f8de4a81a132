"""Temporary files of a process: room is told, nothing is left, and what dead processes left goes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from geocrop_processes.errors import ScratchFull, Unavailable
from geocrop_processes.storage import scratch
from geocrop_processes.storage.scratch import occupy, room


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setattr(scratch._Quota, "root", None)
    monkeypatch.setattr(scratch._Quota, "bytes", None)


def test_room_is_a_folder_that_goes(tmp_path: Path) -> None:
    own = occupy(tmp_path)
    with room(1000) as folder:
        assert own in folder.parents
        (folder / "a").write_bytes(b"1")
    assert [path.name for path in own.iterdir()] == ["owner.lock"]


def test_more_than_the_quota_is_told_with_folder_free_and_needed_bytes(tmp_path: Path) -> None:
    own = occupy(tmp_path, quota=5_000)
    (tmp_path / "of another").write_bytes(b"x" * 3_000)
    with (
        pytest.raises(
            ScratchFull, match=f"{own} is full: 2000 bytes are free, about 2001 are needed"
        ),
        room(2_001),
    ):
        pass
    assert issubclass(ScratchFull, Unavailable)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_becomes_full_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    own = occupy(tmp_path)

    def write() -> None:
        with room(10) as folder:
            (folder / "a").write_bytes(b"1")
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"1")

    with pytest.raises(ScratchFull, match=r"is full: .* about 10 are needed"):
        write()
    assert [path.name for path in own.iterdir()] == ["owner.lock"]


def test_what_goes_wrong_otherwise_stays_what_it_is(tmp_path: Path) -> None:
    occupy(tmp_path)
    with pytest.raises(KeyError), room(10):
        raise KeyError("other")


def test_files_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from geocrop_processes.storage.scratch import occupy\n"
        "folder = occupy(Path(sys.argv[1])); (folder / 'left').write_bytes(b'1'); print(folder, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        occupy(tmp_path)
        assert (left / "left").exists()
        os.kill(process.pid, signal.SIGKILL)
    own = occupy(tmp_path)
    assert not left.exists()
    assert own.exists()
