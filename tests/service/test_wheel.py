"""What is installed from a wheel is whole."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from geocrop_processes.service.processes import DESCRIPTIONS

ROOT = Path(__file__).parents[2]
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel({folder!r}))"
SERVE = """
import json, sys
from fastapi.testclient import TestClient
import geocrop_processes
from geocrop_processes.service.app import create_app
from geocrop_processes.service.host import CONFIG
client = TestClient(create_app())
told = {"path": sys.path, "package": geocrop_processes.__file__, "config": str(CONFIG)}
told["listed"] = [p["id"] for p in client.get("/processes").json()["processes"]]
print(json.dumps(told))
"""


@pytest.mark.slow
def test_the_service_runs_from_a_wheel_with_the_configuration_of_the_repository(
    tmp_path: Path,
) -> None:
    source, installed, elsewhere = (tmp_path / n for n in ("source", "installed", "elsewhere"))
    for folder in (source, elsewhere):
        folder.mkdir()
    for name in ("geocrop_processes", "pygeoapi-config"):
        shutil.copytree(ROOT / name, source / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-c", BUILD.format(folder=str(tmp_path))]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    shutil.rmtree(source)
    (wheel,) = tmp_path.glob("geocrop-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GEOCROP_")}
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVE],
        cwd=elsewhere,
        env={**environment, "PYTHONPATH": str(installed)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    told = json.loads(said)
    config = installed / "geocrop_processes" / "service" / "pygeoapi-config.yml"
    assert told["config"] == str(config)
    assert told["package"] == str(installed / "geocrop_processes" / "__init__.py")
    assert str(ROOT) not in told["path"]
    assert told["listed"] == list(DESCRIPTIONS)
    assert not config.is_symlink()
    assert config.read_bytes() == (ROOT / "pygeoapi-config" / "pygeoapi-config.yml").read_bytes()
