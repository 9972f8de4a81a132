"""Files are fetched over https from listed hosts at public addresses, and from nowhere else."""

import ssl
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from geocrop_processes.errors import InvalidUpload, SourceUnavailable
from geocrop_processes.service.fetch import Fetched, fetch
from geocrop_processes.service.outward import Limits, check_address, public_addresses
from tests.tls import HOST, serving

CSV = b"lon,lat,class,season\n30.2,-17.36,maize,2022\n"


class Handler(BaseHTTPRequestHandler):
    """A server whose paths say how it behaves."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name, _, rest = self.path.partition("?")[0].strip("/").partition("/")
        getattr(self, f"do_{name}")(rest)

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in ({"Content_Length": str(len(content))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_csv(self, _rest: str) -> None:
        self.answer(200, CSV, Content_Type="text/csv; charset=utf-8", seen=self.headers["Host"])

    def do_status(self, rest: str) -> None:
        self.answer(int(rest), b"no")

    def do_to(self, rest: str) -> None:
        self.answer(302, Location=rest)

    def do_round(self, _rest: str) -> None:
        self.answer(302, Location="/round")

    def do_packed(self, _rest: str) -> None:
        self.answer(200, b"\x1f\x8b", Content_Encoding="gzip")

    def do_announced(self, _rest: str) -> None:
        self.answer(200, Content_Length="100000000")

    def do_endless(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with_chunk = b"%x\r\n%s\r\n" % (4096, b"x" * 4096)
        try:
            while True:
                self.wfile.write(with_chunk)
        except OSError:
            self.close_connection = True

    def do_trickle(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(1000):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            self.close_connection = True

    def do_short(self, _rest: str) -> None:
        self.answer(200, b"half", Content_Length="8")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


class Site:
    """A server over TLS on loopback, and how it is asked."""

    def __init__(self, port: int, tls: ssl.SSLContext, asked: list[str]) -> None:
        self.port = port
        self.tls = tls
        self.asked = asked
        self.looked_up: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append((host, port))
        return ["127.0.0.1"]

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.port}/{path}"

    def fetch(self, path: str, *, hosts: str = "", timeout_s: float = 10.0) -> Fetched:
        limits = Limits.of(hosts or f"{HOST}:{self.port}", 10_000, timeout_s)
        address = path if path.startswith("https:") else self.url(path)
        return fetch(address, limits, resolve=self.resolve, tls=self.tls)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext, Any]]:
    handler = type("Told", (Handler,), {"asked": []})
    with serving(handler, tmp_path_factory.mktemp("tls")) as (port, tls):
        yield port, tls, handler


@pytest.fixture
def site(server: tuple[int, ssl.SSLContext, Any]) -> Site:
    port, tls, handler = server
    handler.asked = []
    return Site(port, tls, handler.asked)


def test_a_file_of_a_listed_host_is_fetched_from_the_address_that_was_looked_up(site: Site) -> None:
    assert site.fetch("csv") == Fetched(CSV, "text/csv")
    assert site.looked_up == [(HOST, site.port)]


def test_a_redirect_on_the_list_is_followed(site: Site) -> None:
    assert site.fetch("to//csv").content == CSV
    assert site.fetch(f"to/{site.url('csv')}").content == CSV


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://127.0.0.1:{port}/csv",
        "https://localhost:{port}/csv",
        "https://other.example.org:{port}/csv",
        "http://data.example.org:{port}/csv",
        "file:///etc/passwd",
        "https://data.example.org:1/csv",
        "https://169.254.169.254/latest/meta-data",
        "//127.0.0.1:{port}/csv",
    ],
)
def test_a_redirect_off_the_list_is_not_followed(elsewhere: str, site: Site) -> None:
    target = elsewhere.format(port=site.port)
    with pytest.raises(InvalidUpload, match=r"not allowed"):
        site.fetch(f"to/{target}")
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "http://data.example.org/x.csv",
        "ftp://data.example.org/x.csv",
        "gopher://data.example.org/x",
        "data:text/csv,lon",
        "//data.example.org/x.csv",
        "x.csv",
        "",
        "https://",
        "https://data.example.org.evil.example/x.csv",
        "https://evil.example/data.example.org",
        "https://data.example.org@evil.example/x.csv",
        "https://user:password@data.example.org/x.csv",
        "https://evil.example\\@data.example.org/x.csv",
        "https://data.example.org:8443/x.csv",
        "https://data.example.org./x.csv",
        "https://127.0.0.1/x.csv",
        "https://[::1]/x.csv",
        "https://0x7f000001/x.csv",
        "https://2130706433/x.csv",
        "https://data.example.org\r\nX: y/",
        "https://" + "a" * 70 + ".example/x",
        "https://[/x",
        "https://data.example.org:99999999/x",
    ],
)
def test_an_address_that_is_not_allowed_is_refused_before_anything_is_asked(address: str) -> None:
    def nobody(host: str, port: int) -> list[str]:
        pytest.fail(f"{host}:{port} was looked up")

    limits = Limits.of("data.example.org", 10, 1.0)
    with pytest.raises(InvalidUpload):
        check_address(address, limits)
    with pytest.raises(InvalidUpload):
        fetch(address, limits, resolve=nobody)


def test_nothing_is_listed_where_the_setting_is_empty() -> None:
    for hosts in ("", " , ,"):
        with pytest.raises(InvalidUpload, match="allowed are: none"):
            check_address("https://data.example.org/x.csv", Limits.of(hosts, 10, 1.0))


def test_hosts_are_listed_with_their_ports_in_any_case() -> None:
    limits = Limits.of("Data.Example.org, files.example.org:8443", 10, 1.0)
    for address in ("https://DATA.example.org/x", "https://data.example.org:443/x"):
        assert check_address(address, limits).host == "data.example.org"
    assert check_address("https://files.example.org:8443/x", limits).port == 8443


def look_up(*addresses: str) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda _host, port, **_: [(0, 0, 0, "", (address, port)) for address in addresses]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::"),
        *("64:ff9b::7f00:1", "2001:0:1::1", "2001:db8::1", "no address"),
    ],
)
def test_a_host_that_is_not_public_is_refused_though_another_answer_is(address: str) -> None:
    for answers in ([address], ["93.184.215.14", address]):
        with pytest.raises(InvalidUpload, match="not public"):
            public_addresses(HOST, 443, look_up(*answers))


def test_a_public_host_is_asked_at_all_of_its_addresses() -> None:
    public = ["93.184.215.14", "2606:4700::1111"]
    assert public_addresses(HOST, 443, look_up(*public, public[0])) == public
    with pytest.raises(InvalidUpload):
        public_addresses(HOST, 443, look_up())


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    def fail(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise OSError("Name or service not known")

    with pytest.raises(SourceUnavailable, match="cannot be found"):
        public_addresses(HOST, 443, fail)


def test_loopback_is_refused_though_its_host_is_listed(site: Site) -> None:
    """No setting opens the service's own machine."""
    limits = Limits.of(f"localhost:{site.port},127.0.0.1:{site.port}", 10_000, 5.0)
    for host in ("localhost", "127.0.0.1"):
        with pytest.raises(InvalidUpload, match="not public"):
            fetch(f"https://{host}:{site.port}/csv", limits, tls=site.tls)
    assert site.asked == []


@pytest.mark.parametrize("path", ["announced", "endless"])
def test_what_is_too_large_is_left(path: str, site: Site) -> None:
    with pytest.raises(InvalidUpload, match="at most 10000 bytes"):
        site.fetch(path)


def test_what_trickles_is_left_in_time(site: Site) -> None:
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"within 0\.3 s"):
        site.fetch("trickle", timeout_s=0.3)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("status/404", InvalidUpload, "404"),
        ("status/403", InvalidUpload, "403"),
        ("status/206", InvalidUpload, "206"),
        ("status/503", SourceUnavailable, "503"),
        ("status/429", SourceUnavailable, "429"),
        ("packed", InvalidUpload, "compressed"),
        ("round", InvalidUpload, "redirects"),
        ("short", SourceUnavailable, "cannot be fetched"),
    ],
)
def test_what_is_no_file_is_told(path: str, error: type[Exception], said: str, site: Site) -> None:
    with pytest.raises(error, match=said):
        site.fetch(path)


def test_a_secret_of_an_address_is_not_told(site: Site) -> None:
    with pytest.raises(InvalidUpload) as caught:
        site.fetch("status/404?token=hidden")
    assert "hidden" not in str(caught.value)


def test_a_certificate_of_nobody_is_not_believed(site: Site) -> None:
    limits = Limits.of(f"{HOST}:{site.port}", 10_000, 5.0)
    with pytest.raises(SourceUnavailable, match="certificate"):
        fetch(site.url("csv"), limits, resolve=site.resolve)
    assert site.asked == []


def test_a_certificate_of_another_host_is_not_believed(site: Site) -> None:
    hosts = f"other.example.org:{site.port}"
    with pytest.raises(SourceUnavailable, match="certificate"):
        site.fetch(f"https://{hosts}/csv", hosts=hosts)
