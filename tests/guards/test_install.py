import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNEL = "geocrop_processes/models/_forest."


def built(folder: Path, **environment: str) -> set[str]:
    """The names of the files in a wheel of this checkout."""
    shutil.copytree(
        ROOT / "geocrop_processes",
        folder / "geocrop_processes",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    code = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")
def test_with_a_compiler_the_kernel_is_built(tmp_path: Path) -> None:
    names = built(tmp_path)
    assert any(name.startswith(KERNEL) and name.endswith((".so", ".pyd")) for name in names)


@pytest.mark.slow
def test_without_a_compiler_the_package_is_built_all_the_same(tmp_path: Path) -> None:
    names = built(tmp_path, CC="false")
    assert "geocrop_processes/models/forest/votes.py" in names
    assert "geocrop_processes/publish/card_page.html" in names
    assert not any(name.endswith((".so", ".pyd")) for name in names)
