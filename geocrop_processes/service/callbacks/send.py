"""Sends a message to an address that a client has named: under the same rules as files are fetched."""

import ssl
from collections.abc import Mapping

from geocrop_processes.service.outward import (
    Limits,
    Resolve,
    answered,
    check_address,
    connections,
    public_addresses,
)


def send(
    address: str,
    content: bytes,
    headers: Mapping[str, str],
    limits: Limits,
    *,
    resolve: Resolve = public_addresses,
    tls: ssl.SSLContext | None = None,
) -> int:
    """The status that a message is answered with; a redirect is not followed, what is answered is not read.

    Args:
        address: where it goes.
        content: the message.
        headers: what is sent beside it.
        limits: who may be told, and how long it may take.
        resolve: looks a host up.
        tls: which certificates are believed; those of the public authorities where it is not given.

    Raises:
        InvalidUpload: the address is not allowed, or not public.
        SourceUnavailable: its server does not answer, or not in time.
    """
    url = check_address(address, limits)
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    given.append((b"Content-Length", str(len(content)).encode()))
    with (
        connections(limits, resolve, tls) as pool,
        answered(pool, url, limits, given, content) as answer,
    ):
        return int(answer.status)
