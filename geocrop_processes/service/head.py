"""HEAD wherever GET is (RFC 9110, 9.1): answered as GET is, without the body; and which methods an address has."""

from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswersHead:
    """Lets GET answer HEAD, and keeps the body back.

    Args:
        app: what it is in front of.
        routes: whose routes decide: one that knows HEAD, such as that of files, which then reads nothing, is
            left to answer for itself.
    """

    def __init__(self, app: ASGIApp, routes: Starlette) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or self._is_known(scope):
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)

    def _is_known(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self._routes.routes)


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def methods_of(routes: Starlette, scope: Scope) -> list[str]:
    """The methods that the address of a request has, whichever of several routes answers them."""
    have = [
        method
        for method in _METHODS
        if any(r.matches({**scope, "method": method})[0] is Match.FULL for r in routes.routes)
    ]
    return ["HEAD", *have] if "GET" in have else have
