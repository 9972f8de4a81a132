"""A server between the service and a real S3 server, that does to requests what networks and busy servers do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

CUT, BUSY, REFUSE = "cut", "busy", "refuse"
"""Half of the body, then the connection is closed; 503; 403."""


@dataclass
class Proxy:
    """What is done to requests, and which there were."""

    url: str = ""
    fault: Callable[[str, str], str] = lambda _method, _path: ""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def times(self, kind: str, count: int, method: str = "GET") -> None:
        """Do a fault to the next `count` requests of a method."""
        left = [count]

        def fault(asked: str, _path: str) -> str:
            if asked != method or not left[0]:
                return ""
            left[0] -= 1
            return kind

        self.fault = fault


@contextmanager
def proxy_of(endpoint: str) -> Iterator[Proxy]:
    """A proxy of an S3 server; signatures name the host, so that it is asked for as the proxy is."""
    proxy = Proxy()
    target = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.seen.append((self.command, self.path))
            kind = proxy.fault(self.command, self.path)
            if kind in {BUSY, REFUSE}:
                code, name = (503, "SlowDown") if kind == BUSY else (403, "AccessDenied")
                content = f"<Error><Code>{name}</Code><Message>{name}</Message></Error>".encode()
                self.answer(code, {"Content-Type": "application/xml"}, content, len(content))
                return
            connection = HTTPConnection(target)
            connection.request(self.command, self.path, body or None, dict(self.headers))
            answer = connection.getresponse()
            content, headers = answer.read(), dict(answer.getheaders())
            connection.close()
            size = int(headers.pop("Content-Length", len(content)))
            headers.pop("Transfer-Encoding", None)
            sent = content[: len(content) // 2] if kind == CUT else content
            # rclone says 200 to a range, S3 says 206, and GDAL takes what comes with 200 for the whole file
            status = 206 if "Content-Range" in headers else answer.status
            self.answer(status, headers, sent, size if self.command == "HEAD" else len(content))
            self.close_connection = kind == CUT

        def answer(self, status: int, headers: dict[str, str], content: bytes, size: int) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(content)

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
