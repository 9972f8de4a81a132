"""What inputs are checked against."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from geocrop_processes.errors import InvalidRequest
from geocrop_processes.service.given import Files
from geocrop_processes.service.problems import invalid
from geocrop_processes.settings import Settings

Resolve = Callable[..., str]
"""A model's reference as somebody wrote it -> `name@version`; raises `UnknownModel`."""


@dataclass(frozen=True)
class Desk:
    """What a request is checked against."""

    settings: Settings
    """The deployment."""
    resolve: Resolve
    """Looks a model up."""
    files: Files
    """Where files can come from."""


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Tell which input is at fault.

    Raises:
        Problem: what is done with the input's value refuses it.
    """
    try:
        yield
    except InvalidRequest as error:
        raise invalid(f"The input {name!r} cannot be used: {error}") from error


def today() -> date:
    """The day, UTC."""
    return datetime.now(UTC).date()
