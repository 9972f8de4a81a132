"""How the service asks others: over https, hosts on a list, at public addresses only.

Whoever names an address could make the service ask what only the service can reach. So hosts are listed by
the deployment, their names are looked up here, every answer must be a public address, and the connection goes
to the very address that was checked.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from geocrop_processes.errors import InvalidUpload, SourceUnavailable

_USER = re.compile(r"(?<=//)[^/]*@")
"""Who asks, and the password."""

Resolve = Callable[[str, int], Sequence[str]]
"""A host and a port -> the addresses that may be connected to; raises what is wrong with them."""


@dataclass(frozen=True)
class Limits:
    """Who may be asked, for how much and how long."""

    hosts: frozenset[str]
    """`host`, or `host:port` where the port is another than 443; lower case."""
    max_bytes: int
    """The most bytes of an answer."""
    timeout_s: float
    """Seconds until all of it must have come."""

    @classmethod
    def of(cls, hosts: str, max_bytes: int, timeout_s: float) -> "Limits":
        """Limits whose hosts are separated by commas."""
        named = (host.strip().lower() for host in hosts.split(","))
        return cls(frozenset(host for host in named if host), max_bytes, timeout_s)


@contextmanager
def connections(
    limits: Limits, resolve: Resolve, tls: ssl.SSLContext | None
) -> Iterator[httpcore.ConnectionPool]:
    """Connections to addresses that were checked, until the time is up.

    Args:
        limits: how long it may take.
        resolve: looks a host up.
        tls: which certificates are believed; those of the public authorities where it is not given.
    """
    backend = _Pinned(resolve, time.monotonic() + limits.timeout_s)
    trusted = tls or httpx.create_ssl_context(trust_env=False)
    with httpcore.ConnectionPool(ssl_context=trusted, network_backend=backend) as pool:
        yield pool


@contextmanager
def answered(
    pool: httpcore.ConnectionPool,
    url: httpx.URL,
    limits: Limits,
    headers: Iterable[tuple[bytes, bytes]],
    message: bytes | None = None,
) -> Iterator[httpcore.Response]:
    """What is answered at a checked address: to GET, or to POST where there is a message; its body is not read yet.

    Raises:
        SourceUnavailable: its server does not answer, or not in time; also while the body is read.
    """
    shown = shown_address(str(url))
    target = httpcore.URL(
        scheme=b"https", host=url.raw_host, port=url.port or 443, target=url.raw_path
    )
    extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), limits.timeout_s)}
    try:
        with pool.stream(
            "GET" if message is None else "POST",
            target,
            headers=[(b"Host", url.netloc), *headers],
            content=message,
            extensions=extensions,
        ) as answer:
            yield answer
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise SourceUnavailable(
            f"{shown} did not come whole within {limits.timeout_s:g} s."
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise SourceUnavailable(f"{shown} cannot be fetched: {str(error).rstrip('.')}.") from error


def check_address(address: str, limits: Limits) -> httpx.URL:
    """Accept an address, or say why not; nothing is asked.

    Raises:
        InvalidUpload: it is none of https, or its host is not listed.
    """
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise InvalidUpload(f"{shown_address(address)} is no address: {error}.") from error
    if url.scheme != "https" or url.userinfo:
        raise InvalidUpload(
            f"The address {shown_address(address)} is not allowed: it must be one of https, without a password."
        )
    host = url.raw_host.decode("ascii")
    named = host if url.port in {None, 443} else f"{host}:{url.port}"
    if named not in limits.hosts:
        allowed = ", ".join(sorted(limits.hosts)) or "none"
        raise InvalidUpload(
            f"The host {shown_address(named)} is not allowed; allowed are: {allowed}."
        )
    return url


def public_addresses(
    host: str,
    port: int,
    look_up: Callable[..., Iterable[tuple[Any, ...]]] = socket.getaddrinfo,
) -> list[str]:
    """The addresses of a host, each of them public.

    Raises:
        InvalidUpload: one of them is not.
        SourceUnavailable: the name cannot be looked up.
    """
    try:
        answers = look_up(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    except (OSError, UnicodeError) as error:
        raise SourceUnavailable(f"The host {host!r} cannot be found: {error}.") from error
    if not found or not all(_is_public(address) for address in found):
        # which address it is, is nobody's business who does not know it
        raise InvalidUpload(f"The host {host!r} is not allowed: it is not public.")
    return found


def _is_public(address: str) -> bool:
    """Whether an address is one of the public Internet; one of IPv6 that stands for another is none."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def shown_address(address: str) -> str:
    """An address in words for people: not too long, and without what may be a secret of it."""
    plain = _USER.sub("", address.partition("?")[0].partition("#")[0])
    return repr(plain if len(plain) <= 120 else f"{plain[:117]}...")


class _Pinned(httpcore.NetworkBackend):
    """Connects to addresses that were checked, and to no other, until a moment."""

    def __init__(self, resolve: Resolve, deadline: float) -> None:
        self._resolve = resolve
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of a host's addresses that answers."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._resolve(host, port):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream, self._deadline)
        raise failed


class _Timed(httpcore.NetworkStream):
    """A connection that ends at a moment: one that trickles does not hold a worker for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(
            ssl_context, server_hostname, _left(self._deadline, timeout)
        )
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    """Seconds that may still be waited.

    Raises:
        TimeoutException: none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("it takes too long")
    return left if timeout is None else min(left, timeout)
