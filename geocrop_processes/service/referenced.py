"""Inputs that are no files, given by reference: read when the request comes, as if their values stood there.

What is read becomes the input's value and is checked like any other: a job keeps the value, not the address.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from geocrop_processes.errors import InvalidUpload, SourceUnavailable
from geocrop_processes.service.edge import check_text
from geocrop_processes.service.fetch import Fetched, plain
from geocrop_processes.service.given import Files
from geocrop_processes.service.outward import Limits, shown_address
from geocrop_processes.service.problems import Problem, invalid
from geocrop_processes.service.processes.description import media_types_of
from geocrop_processes.service.strict_json import read_json

MAX_BYTES = 64 * 1024
"""The most bytes of a value that is fetched: far more than any input that is no file needs."""
TIMEOUT_S = 5.0
"""Seconds until it must have come: whoever asks is waiting."""
_AT_ONCE = 8
"""Values that are fetched at the same time: servers that are slow hold no more threads than this."""
_JSON = "application/json"
_TEXT = "text/plain"
_VAGUE = {"", "application/octet-stream", "binary/octet-stream", _TEXT}
"""What servers say of what they do not know."""

_turns = BoundedSemaphore(_AT_ONCE)


def referenced(name: str, given: Mapping[str, Any], schema: Mapping[str, Any], files: Files) -> Any:
    """The value of an input that names its address: JSON, or a text; base64 of what came where the schema has that.

    Args:
        name: the input.
        given: `href`, and perhaps the media type as `type`.
        schema: what the input's value may be; it is not yet held against it.
        files: what may be read.

    Raises:
        Problem: the address is not allowed, or what is there is no such value (400); its server does not answer
            (502); too many others are fetching (503).
        StorageUnavailable: an output of this service cannot be read.
    """
    href, told = given["href"], given.get("type")
    if not isinstance(href, str) or not isinstance(told, str | None):
        raise invalid(f"The input {name!r} is given by reference: `href` and `type` must be texts.")
    possible = media_types_of(schema)
    with _refusing(name, href):
        kind = plain(told) if told is not None else ""
        if kind and kind not in possible:
            raise InvalidUpload(f"Its type is {told!r}, allowed are {', '.join(possible)}.")
        found = files.small_output(href, MAX_BYTES)
        if found is None:
            found = _fetched(href, files)
        if not isinstance(found, Fetched):
            # a value is kept as JSON anyway
            return found
        return _read(found, _kind(found.media_type, kind, possible), schema)


@contextmanager
def _refusing(name: str, href: str) -> Iterator[None]:
    """Tell which input is at fault, and where it was to come from."""
    start = f"The input {name!r} is given by reference ({shown_address(href)}) and cannot be read:"
    try:
        yield
    except InvalidUpload as error:
        raise invalid(f"{start} {error}") from error
    except SourceUnavailable as error:
        raise Problem(502, "Bad gateway", f"{start} {error}") from error


def _fetched(href: str, files: Files) -> Fetched:
    if not _turns.acquire(blocking=False):
        detail = f"{_AT_ONCE} values are being fetched already; try again soon."
        raise Problem(503, "Not available now", detail, headers={"Retry-After": "10"})
    try:
        set_up = files.settings.uploads
        most, longest = min(MAX_BYTES, set_up.max_bytes), min(TIMEOUT_S, set_up.timeout_s)
        return files.fetch(href, Limits.of(set_up.hosts, most, longest))
    finally:
        _turns.release()


def _kind(served: str, told: str, possible: tuple[str, ...]) -> str:
    """What the content is taken for: what was told of it, what its server says, or else JSON.

    Raises:
        InvalidUpload: its server says that it is something else.
    """
    if served.endswith("+json") and _JSON in possible:
        served = _JSON
    if served not in {*_VAGUE, *possible} or (told and served not in {*_VAGUE, told}):
        allowed = told or ", ".join(possible)
        raise InvalidUpload(f"What came is of the media type {served!r}, allowed are {allowed}.")
    if told or served in possible:
        return told or served
    return _JSON if _JSON in possible else possible[0]


def _read(found: Fetched, kind: str, schema: Mapping[str, Any]) -> Any:
    """The value that a content stands for."""
    if schema.get("contentEncoding") == "base64":
        return base64.b64encode(found.content).decode()
    try:
        if kind != _TEXT:
            return read_json(found.content)
        text = found.content.decode()
        check_text(text)
    except (ValueError, Problem) as error:
        raise InvalidUpload(f"It is no {kind}: {str(error).rstrip('.')}.") from error
    return text
