"""The commands of docs/http.md, as they stand there, against the running service."""

import re
import shutil
import subprocess
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.service.standard.conftest import Running

DOCUMENT = Path(__file__).parents[3] / "docs" / "http.md"


def _make_maps(service: Running, stop: Event) -> None:
    """Do the jobs of maps by hand, as they come."""
    while not stop.is_set():
        open_jobs, _ = service.shop.store.list(
            process="crop-classification", status=["accepted"], limit=1
        )
        for job in open_jobs:
            service.shop.complete(job.id)
        stop.wait(0.1)


@pytest.mark.system
def test_the_commands_of_the_document_do_what_it_says(service: Running, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl, which is absent")
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    script = "\n".join(["set -euo pipefail", f"S={service.url}", *blocks])
    stop = Event()
    maker = Thread(target=_make_maps, args=(service, stop))
    maker.start()
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            text=True,
            timeout=300,
        )
    finally:
        stop.set()
        maker.join()
    assert done.returncode == 0, (done.stderr, done.stdout[-2000:])
    assert (tmp_path / "head.tif").read_bytes()[:4] == b"II*\0"
    assert (tmp_path / "class-map.tif").read_bytes() == (tmp_path / "map.tif").read_bytes()
    assert '"message":"done"' in done.stdout
    assert "201 Created" in done.stdout
    assert 'rel="monitor"' in done.stdout
    assert '"status":"dismissed"' in done.stdout
