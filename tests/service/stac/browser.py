"""STAC Browser, built from npm once and kept under .geocrop, and a server of its files."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.conftest import ROOT

PACKAGE, VERSION = "@radiantearth/stac-browser", "4.0.1"
MAPS = ("ol-stac@1.1.0", "ol@10.6.1")
"""The versions that it can be built with."""
HOME = ROOT / ".geocrop" / f"stac-browser-{VERSION}"


def built() -> Path:
    """The folder of its files; made where it is missing, which takes minutes and the registry of npm."""
    files = HOME / "dist"
    if (files / "index.html").is_file():
        return files
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"needs {command} to build STAC Browser, which is absent")
    work = HOME / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / ".npmrc").write_text("omit-lockfile-registry-resolved=true\n")
    _npm(work, "pack", "--silent", f"{PACKAGE}@{VERSION}")
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        archive.extractall(work, filter="data")
    package = work / "package"
    shutil.copy(work / ".npmrc", package)
    _npm(package, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *MAPS)
    _npm(package, "run", "build:minimal")
    # whole or not at all
    (package / "dist").rename(files)
    shutil.rmtree(work)
    return files


def _npm(folder: Path, *words: str) -> None:
    said = subprocess.run(
        ["nice", "npm", *words],
        cwd=folder,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if said.returncode and words[0] in {"pack", "install"}:
        pytest.skip(f"needs the registry of npm to build STAC Browser: {said.stderr[-300:]}")
    assert said.returncode == 0, said.stderr[-3000:]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(files: Path) -> Iterator[str]:
    """Its address, while it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(files)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
