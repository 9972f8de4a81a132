"""A small archive, built once: about a kilometre, every eighth pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from geocrop_processes.simulation.archive import Extent, build_archive

EXTENT = Extent(size_m=960, every=8)


def _silent(_: float, __: str) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="session")
def extent() -> Extent:
    return EXTENT


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulation") / "archive"
    build_archive(folder, _silent, EXTENT)
    return folder


@pytest.fixture(scope="session")
def items(archive: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted(archive.rglob("S2*.json"))]
