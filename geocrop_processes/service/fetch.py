"""Fetches a file that a client names by its address; redirects are followed on the list of hosts only."""

import ssl
from dataclasses import dataclass

import httpcore
import httpx

from geocrop_processes.errors import InvalidUpload, SourceUnavailable
from geocrop_processes.service.outward import (
    Limits,
    Resolve,
    answered,
    check_address,
    connections,
    public_addresses,
    shown_address,
)

_REDIRECTS = 3
"""More redirects than this are not followed."""
_LATER = {408, 425, 429}
"""Refusals that may pass, beside those from 500 on."""


@dataclass(frozen=True)
class Fetched:
    """What came."""

    content: bytes
    """The file."""
    media_type: str
    """What its server says it is, without parameters, lower case; empty where it says nothing."""


def fetch(
    address: str,
    limits: Limits,
    *,
    resolve: Resolve = public_addresses,
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Fetch a file.

    Args:
        address: where it is.
        limits: what may be fetched.
        resolve: looks a host up.
        tls: which certificates are believed; those of the public authorities where it is not given.

    Raises:
        InvalidUpload: the address is not allowed, there is no such file, or it is too large.
        SourceUnavailable: its server does not answer, or not in time.
    """
    with connections(limits, resolve, tls) as pool:
        for _ in range(_REDIRECTS + 1):
            url = check_address(address, limits)
            answer = _ask(pool, url, limits)
            if isinstance(answer, Fetched):
                return answer
            address = str(answer)
    raise InvalidUpload(
        f"{shown_address(address)} is not fetched: it was reached by more than {_REDIRECTS} redirects."
    )


def plain(media_type: str) -> str:
    """A media type without its parameters, lower case."""
    return media_type.partition(";")[0].strip().lower()


def _ask(pool: httpcore.ConnectionPool, url: httpx.URL, limits: Limits) -> Fetched | httpx.URL:
    """The file, or where else it is."""
    # what is unpacked could be of any size
    headers = [(b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]
    shown = shown_address(str(url))
    with answered(pool, url, limits, headers) as answer:
        told = httpx.Headers(answer.headers)
        if answer.status in {301, 302, 303, 307, 308} and "location" in told:
            try:
                return url.join(told["location"])
            except (httpx.InvalidURL, ValueError) as error:
                raise InvalidUpload(f"{shown} leads to no address: {error}.") from error
        if answer.status in _LATER or answer.status >= 500:
            raise SourceUnavailable(f"{shown} was answered with {answer.status}.")
        if answer.status != 200:
            raise InvalidUpload(f"{shown} was answered with {answer.status}, not with a file.")
        if told.get("content-encoding", "identity").lower() != "identity":
            raise InvalidUpload(f"{shown} comes compressed; it must be given as it is.")
        content = _read(answer, told.get("content-length", ""), limits, shown)
        return Fetched(content, plain(told.get("content-type", "")))


def _read(answer: httpcore.Response, announced: str, limits: Limits, shown: str) -> bytes:
    """The body, as long as it is not too long."""
    too_large = InvalidUpload(
        f"{shown} is too large: at most {limits.max_bytes} bytes are allowed."
    )
    if announced.isdigit() and int(announced[:20]) > limits.max_bytes:
        raise too_large
    content = bytearray()
    for piece in answer.iter_stream():
        content += piece
        if len(content) > limits.max_bytes:
            raise too_large
    return bytes(content)
