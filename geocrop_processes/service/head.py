"""HEAD wherever GET is (RFC 9110, 9.1): answered as GET is, without the body."""

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
