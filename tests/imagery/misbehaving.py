"""A server of one file by ranges that misbehaves as its path says: `python misbehaving.py FILE`.

The path `/500-cut/B02.tif` asks that the first request of it fails with 500, the answer of the second is cut
short, and all others are as they should be. `/asked/...` tells how often the rest of the path was asked for.
It is a process of its own: opening a file may hold the interpreter, and a server in it would never answer.
"""

import re
import sys
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTENT = Path(sys.argv[1]).read_bytes()
ASKED: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/asked/"):
            self.answer(200, str(ASKED[self.path.removeprefix("/asked")]).encode())
            return
        ASKED[self.path] += 1
        planned = self.path.split("/")[1].split("-")
        turn = ASKED[self.path] - 1
        what = planned[turn] if turn < len(planned) else "fine"
        if what.isdigit():
            self.answer(int(what), b"", more={"Retry-After": "1"} if what == "503" else {})
            return
        self.serve(what)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def serve(self, what: str) -> None:
        found = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(found[1]) if found else 0
        last = min(int(found[2] or 10**9) if found else 10**9, len(CONTENT) - 1)
        place = {"Content-Range": f"bytes {first}-{last}/{len(CONTENT)}"} if found else {}
        part = CONTENT[first : last + 1]
        if what == "stall":
            # longer than any reader of the tests waits
            time.sleep(6)
            self.close_connection = True
        elif what == "cut":
            # a HEAD has no body to be cut: it says nothing at all
            half = part[: len(part) // 2] if self.command == "GET" else None
            self.answer(206 if found else 200, half, len(part), place)
            self.close_connection = True
        elif what == "short":
            # a length that is wrong, but honestly delivered
            self.answer(206 if found else 200, part[: len(part) // 2], None, place)
        else:
            self.answer(206 if found else 200, part, None, place)

    def answer(
        self,
        status: int,
        body: bytes | None,
        length: int | None = None,
        more: dict[str, str] | None = None,
    ) -> None:
        if body is None:
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Accept-Ranges", "bytes")
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so in http.server
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
