"""A server's certificate that only tests believe, and a server that has it."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "data.example.org"
"""Whom it is of."""


def certify(folder: Path) -> tuple[Path, Path]:
    """An authority of the tests' own, and a server's certificate by it with its key; tells where they are."""
    now = datetime.now(UTC)
    whole = x509.BasicConstraints(ca=True, path_length=0)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests' authority")])

    def build(subject: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    root = build(authority, authority_key).add_extension(whole, critical=True)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), key).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    trusted, chain = folder / "authority.pem", folder / "server.pem"
    sign = hashes.SHA256()
    pem = serialization.Encoding.PEM
    trusted.write_bytes(root.sign(authority_key, sign).public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(server.sign(authority_key, sign).public_bytes(pem) + private)
    return trusted, chain


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], folder: Path
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A server over TLS on loopback: its port, and which certificates are to be believed."""
    trusted, chain = certify(folder)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    httpd.daemon_threads = True
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd.server_address[1], ssl.create_default_context(cafile=trusted)
    httpd.shutdown()
    httpd.server_close()
    thread.join()
