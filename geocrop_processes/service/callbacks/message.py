"""A message and its signature, by Standard Webhooks 1.0 (https://www.standardwebhooks.com).

Three headers go with each: `webhook-id`, the same for each attempt; `webhook-timestamp`, seconds since 1970;
`webhook-signature`, `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`. The key is what follows `whsec_`
in the secret, decoded from base64.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """What is told."""

    id: str
    """Names it: whoever gets it twice knows it by this."""
    body: bytes
    """JSON."""
    media_type: str
    """What kind of JSON."""
    job_url: str
    """The address of the job that it is about."""

    def headers(self, secret: str, now_s: int) -> dict[str, str]:
        """What is sent beside the body.

        Args:
            secret: `whsec_` and base64; without one the message is not signed.
            now_s: seconds since 1970.
        """
        headers = {
            "Content-Type": self.media_type,
            "Link": f'<{self.job_url}>; rel="monitor"',
            "webhook-id": self.id,
            "webhook-timestamp": str(now_s),
        }
        return headers | {"webhook-signature": signature(secret, self.id, now_s, self.body)}


def signature(secret: str, message_id: str, now_s: int, body: bytes) -> str:
    """What a receiver compares with what it computes itself."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{now_s}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
