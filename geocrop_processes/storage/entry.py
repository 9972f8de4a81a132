"""What is told of objects when they are listed."""

from dataclasses import dataclass

PIECE = 1 << 20
"""Bytes of an object that are read at once."""


@dataclass(frozen=True)
class Entry:
    """An object of a bucket."""

    key: str
    """Its key."""
    age_s: float
    """Seconds since it was last written, by the clock of who keeps it."""
    size: int
    """Its bytes."""


@dataclass(frozen=True)
class Unfinished:
    """What a writer has begun and not brought to an end: a partial file, or an upload of many parts."""

    key: str
    """The object that it would become; of a partial file its own key."""
    age_s: float
    """Seconds since it was begun, or last written to."""
    upload: str = ""
    """The upload's name at the S3 server; empty for a file."""
