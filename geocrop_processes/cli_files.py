"""Files that commands read and write: one that cannot be is told in a sentence."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from geocrop_processes.errors import (
    InvalidLabels,
    InvalidSample,
)
from geocrop_processes.pipeline.labels import CSV, GEOJSON, GEOPACKAGE, Labels, read_labels
from geocrop_processes.service.sweeping.sweep import BY_HAND
from geocrop_processes.settings import Settings


def by_hand() -> str:
    """The name of a job of the command line, which no job store knows: its files are never swept."""
    return f"{BY_HAND}{uuid4().hex}"


KINDS = {".geojson": GEOJSON, ".json": GEOJSON, ".csv": CSV, ".txt": CSV, ".gpkg": GEOPACKAGE}
"""Media types by the ending of a file's name."""


def labels_of(path: Path, settings: Settings, **known: Any) -> Labels:
    """Read labels; arguments and errors as `read_labels`, its kind by the ending of its name."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise InvalidLabels(f"Labels are read from {', '.join(KINDS)}, not from {path.name!r}.")
    today = datetime.now(UTC).date()
    return read_labels(read(path), kind, region=settings.service_region(), today=today, **known)


def read(path: Path) -> bytes:
    """A file's content.

    Raises:
        InvalidSample: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSample(f"{path} cannot be read: {error.strerror}.") from error


def write(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        InvalidSample: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidSample(f"{path} cannot be written: {error.strerror}.") from error
