"""Answers that differ by what a client accepts, and say so to the caches between."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from geocrop_processes.service.problems import Problem


class Varied(APIRoute):
    """A route whose answers and problems have `Vary: Accept` (RFC 9110, 12.5.5)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        handle = super().get_route_handler()

        async def handle_and_say(request: Request) -> Response:
            try:
                response = await handle(request)
            except Problem as problem:
                problem.headers.setdefault("Vary", "Accept")
                raise
            if "accept" not in response.headers.get("Vary", "").lower():
                response.headers.add_vary_header("Accept")
            return response

        return handle_and_say
