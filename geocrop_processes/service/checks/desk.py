"""What inputs are checked against."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from geocrop_processes.errors import InvalidRequest
from geocrop_processes.service.given import Files
from geocrop_processes.service.problems import invalid
from geocrop_processes.settings import Settings

Resolve = Callable[[str, str], str]
"""A model's reference as somebody wrote it, and an as-of date "MM-DD" or "" -> `name@version`; raises `UnknownModel`,
`UnknownAsOf`."""


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
def refusing(
    name: str, others: Mapping[type[InvalidRequest], str] = MappingProxyType({})
) -> Iterator[None]:
    """Tell which input is at fault: this one, or that which an error stands for.

    Raises:
        Problem: what is done with the input's value refuses it.
    """
    try:
        yield
    except InvalidRequest as error:
        name = others.get(type(error), name)
        raise invalid(f"The input {name!r} cannot be used: {error}") from error


def today() -> date:
    """The day, UTC."""
    return datetime.now(UTC).date()
