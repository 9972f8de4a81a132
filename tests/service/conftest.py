"""A job store of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.settings import Settings


@pytest.fixture
def settings_of() -> Callable[[Path], Settings]:
    """Settings whose data folder is the one given."""
    return lambda folder: Settings(data=folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    """An empty store on SQLite."""
    opened = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}", lease_s=60, attempts=3)
    yield opened
    opened.close()
