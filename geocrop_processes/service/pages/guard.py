"""What browsers may do with what the service sends."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
"""For pages that are a product's files: they have styles within, and no script is run, whatever they hold."""


def policy(map_origin: str = "") -> str:
    """The Content-Security-Policy of our own pages: all of it from this server, no script or style within.

    Args:
        map_origin: another host that pictures of a background map may come from.
    """
    pictures = f"'self' data: {map_origin}".rstrip()
    return (
        f"default-src 'self'; img-src {pictures}; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    )


class Guard:
    """Tells browsers to take nothing for what it is not said to be, and to run no script of a file.

    Args:
        app: whose answers these are. A page that brings a policy of its own keeps it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if headers.get("Content-Type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", _ALONE)
                    headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        await self._app(scope, receive, guarded)
