"""boto3's client as the store needs it: time-outs, tries, connections, checksums."""

import base64
import hashlib
from typing import Any

from boto3.session import Session
from botocore.config import Config

from geocrop_processes.errors import InvalidSetting

TRIES = 4
"""How often a request is tried, and a body read on after it broke off without a byte more."""
CONNECT_S = 5.0
"""Seconds until a server that does not take a connection is given up."""
_CONNECTIONS = 64
"""Connections kept open: an API has some 40 threads, an upload ten of its own."""


def client_of(session: Session, endpoint: str | None, timeout_s: float) -> Any:
    """A client of an S3 server; AWS where no endpoint is given.

    Raises:
        InvalidSetting: the endpoint is no address.
    """
    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_S,
        read_timeout=timeout_s,
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        # names of buckets become names of hosts at AWS alone
        s3={"addressing_style": "path" if endpoint else "auto"},
        # servers other than AWS's do not know the newer checksums
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        client = session.client("s3", endpoint_url=endpoint, config=config)
    except ValueError as error:
        raise InvalidSetting(
            f"The storage endpoint {endpoint!r} is no address such as 'http://localhost:9000'."
        ) from error
    # older servers know no other checksum of a request that must have one
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    return client


def _add_md5(params: dict[str, Any], **_: object) -> None:
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
