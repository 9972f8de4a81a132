"""What no route gets to see: headers and bodies that are too large, and texts that can be neither stored nor sent.

PostgreSQL keeps no NUL character, and half a surrogate pair is no UTF-8: both are refused here, whatever comes
behind, and by `check_text` where texts come as JSON.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geocrop_processes.service.problems import Problem, invalid

MAX_BODY = 1 << 20
"""The most bytes of a request's body, where it brings no file."""
MAX_HEADERS = 1 << 16
"""The most bytes of a request's headers, names and values together."""


class Edge:
    """Hands requests on to an application, their bodies read whole.

    Args:
        app: the application.
        larger: the most bytes of a body by path, where they are not `MAX_BODY`.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int] = MappingProxyType({})) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with what is wrong with it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            _check_headers(scope)
            most = self._larger.get(scope["path"], MAX_BODY)
            whole = await _whole(Headers(scope=scope), receive, most)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, whole, send)


def check_text(value: Any) -> None:
    """Accept a JSON value whose texts and names can all be stored and sent.

    Raises:
        Problem: one of them holds a NUL character or half a surrogate pair (400).
    """
    if isinstance(value, str):
        if "\0" in value:
            raise invalid("A text of the request holds a NUL character; none is allowed.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise invalid(
                "A text of the request holds half a surrogate pair, which is no character."
            )
    elif isinstance(value, dict):
        for name, inner in value.items():
            check_text(name)
            check_text(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_text(inner)


def _check_address(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        raise invalid("The address holds a NUL character; none is allowed.")


def _check_headers(scope: Scope) -> None:
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        detail = f"The headers of the request are larger than {MAX_HEADERS} bytes."
        raise Problem(431, "Headers too large", detail)


async def _whole(headers: Headers, receive: Receive, most: int) -> Receive:
    """Where the application gets the body from, which is read here to its end.

    Raises:
        Problem: it is too large (413); what is announced as too large is not read.
    """
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return receive
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > most:
        raise _too_large(most)
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return _replay(message, receive)
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _too_large(most)
    return _replay({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


def _replay(first: Message, receive: Receive) -> Receive:
    """What was received, then whatever comes."""
    messages = [first]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _too_large(most: int) -> Problem:
    detail = f"The body of the request is larger than {most} bytes."
    return Problem(413, "Too large", detail)
