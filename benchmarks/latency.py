"""A file server on loopback that answers late, as one far away does: `python -m benchmarks.latency FOLDER SECONDS`.

It is a process of its own, so that it holds up nobody who reads. It knows GET and HEAD, one range, and connections
that stay open. The first part of a path is left to the client: another one is another address of the same
file, of which a client has nothing cached. `/asked` tells how many requests came since it was last told.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.request import urlopen

_RANGE = re.compile(rb"(?i)\r\nrange: *bytes=(\d+)-(\d*)")


@contextmanager
def served(folder: Path, delay_s: float) -> Iterator[str]:
    """Serve a folder while the context lasts; gives the address, without a slash at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.latency", str(folder), str(delay_s)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("The server has no output.")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def asked(address: str) -> int:
    """How many requests came since this was last asked."""
    with urlopen(f"{address}/asked") as answer:  # noqa: S310 - an address that `served` gave
        return int(json.load(answer))


class _Connection(asyncio.Protocol):
    """Answers the requests of one connection in their order, each after the delay."""

    requests = 0

    def __init__(self, folder: Path, delay_s: float) -> None:
        self._folder, self._delay_s = folder, delay_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport} is not what a server is given.")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[: end + 2], self._received[end + 4 :]
            method, path, _ = head.split(b" ", 2)
            if path == b"/asked":
                told = str(_Connection.requests).encode()
                _Connection.requests = 0
                self._send(b"200 OK", b"", told)
            else:
                _Connection.requests += 1
                loop = asyncio.get_running_loop()
                loop.call_later(self._delay_s, self._answer, method, path.decode(), head)

    def _answer(self, method: bytes, path: str, head: bytes) -> None:
        try:
            handle, size = _opened(self._folder / path.split("/", 2)[2])
        except (OSError, IndexError):
            self._send(b"404 Not Found", b"", b"")
            return
        asked_for = _RANGE.search(head)
        if method == b"HEAD" or asked_for is None:
            body = b"" if method == b"HEAD" else os.pread(handle, size, 0)
            self._send(b"200 OK", b"", body, size)
            return
        first, last = int(asked_for[1]), min(int(asked_for[2] or size), size - 1)
        place = b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, size)
        self._send(b"206 Partial Content", place, os.pread(handle, last + 1 - first, first))

    def _send(self, status: bytes, more: bytes, body: bytes, length: int | None = None) -> None:
        if self._transport.is_closing():
            return
        size = len(body) if length is None else length
        start = b"HTTP/1.1 %s\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n" % (status, size)
        self._transport.writelines([start, more, b"\r\n", body])


@cache
def _opened(path: Path) -> tuple[int, int]:
    """A file's handle, kept open, and its size; a folder is not served."""
    if not path.is_file():
        raise FileNotFoundError(path)
    handle = os.open(path, os.O_RDONLY)
    return handle, os.fstat(handle).st_size


async def _serve(folder: Path, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(folder, delay_s), "127.0.0.1", 0, backlog=512
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit(130)
