"""What a request prefers: JSON or HTML (RFC 9110), asynchronous or not (RFC 7240); pages of lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import Request
from fastapi.responses import Response

from geocrop_processes.service.problems import invalid

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
"""What stands between the commas of a header that are not quoted."""
_PREFERENCE = re.compile(
    rf'\s*({_WORD})(?:\s*=\s*({_WORD}|"(?:[^"\\]|\\.)*"))?\s*(?:;|$)', re.ASCII
)
"""A preference's name and value; its parameters are not looked at. No two runs of blanks stand side by side: to share
one between them takes time with the square of its length."""
_MAX_PREFER = 1000
"""The most characters of a header `Prefer` that is read."""


def of_json(
    document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """What is asked for again and again as JSON: written some ten times faster than by `JSONResponse`.

    Args:
        document: of texts, and numbers of 64 bits at most.
        status: of the answer.
        headers: of the answer.
    """
    return Response(orjson.dumps(document), status, headers, "application/json")


def asked_format(request: Request, *allowed: str) -> str | None:
    """The parameter `f`, which says what an answer is written as; None where it is not there.

    Raises:
        Problem: it names none of those that are allowed.
    """
    asked = request.query_params.get("f")
    if asked is not None and asked not in allowed:
        raise invalid(f"The parameter 'f' is {asked[:60]!r}, allowed are {', '.join(allowed)}.")
    return asked


def wants_html(request: Request) -> bool:
    """Whether HTML is asked for explicitly; JSON is what everybody else gets.

    Raises:
        Problem: the parameter `f` names neither.
    """
    asked = asked_format(request, "json", "html")
    if asked is not None:
        return asked == "html"
    weights = dict.fromkeys(("text/html", "json"), 0.0)
    for media_type, weight in _accepted(request.headers.get("Accept", "")):
        kind = "text/html" if media_type == "text/html" else "json"
        weights[kind] = max(weights[kind], weight)
    return weights["text/html"] > 0 and weights["text/html"] >= weights["json"]


@dataclass(frozen=True)
class Preferences:
    """What a client prefers of an execution (RFC 7240)."""

    respond_async: bool
    """Whether it would rather have a job than wait for the results."""
    wait_s: int
    """Seconds that it would wait for an answer; 0 where it says nothing."""

    @classmethod
    def of(cls, request: Request) -> "Preferences":
        """Those of a request's headers `Prefer`; what is no preference is passed over, the first of a name counts.

        A header that is longer than all preferences together is passed over whole.
        """
        said: dict[str, str] = {}
        fields = request.headers.getlist("Prefer")
        for field in (field for field in fields if len(field) <= _MAX_PREFER):
            for part in _PARTS.findall(field):
                match = _PREFERENCE.match(part)
                if match is not None:
                    said.setdefault(match[1].lower(), (match[2] or "").strip('"'))
        wait = said.get("wait", "")
        seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) <= 9 else 0
        return cls("respond-async" in said, seconds)


def whole_number(request: Request, name: str, default: int, least: int) -> int:
    """A parameter that counts.

    Raises:
        Problem: it is no whole number, or too small.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
        raise invalid(
            f"The parameter {name!r} is {text!r}: a whole number from {least} is allowed."
        )
    return int(text)


def page_links(
    request: Request, address: str, limit: int, offset: int, total: int
) -> list[dict[str, str]]:
    """The links `self`, `alternate` (HTML), `next` and `prev` of a page of a list."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in {"limit", "offset"}]

    def link(rel: str, start: int, title: str) -> dict[str, str]:
        query = urlencode([*kept, ("limit", limit), ("offset", start)])
        return {
            "rel": rel,
            "href": f"{address}?{query}",
            "type": "application/json",
            "title": title,
        }

    own = str(request.url.query)
    links = [
        {
            "rel": "self",
            "href": f"{address}?{own}" if own else address,
            "type": "application/json",
            "title": "This page",
        },
        {
            "rel": "alternate",
            "href": f"{address}?{_as_page(request)}",
            "type": "text/html",
            "title": "This page for people",
        },
    ]
    if offset + limit < total:
        links.append(link("next", offset + limit, "The next page"))
    if offset:
        links.append(link("prev", max(0, offset - limit), "The page before"))
    return links


def _as_page(request: Request) -> str:
    """The query of the same page of a list in HTML."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "f"]
    return urlencode([*kept, ("f", "html")])


def _accepted(header: str) -> Iterator[tuple[str, float]]:
    """Each media type of an Accept header with its weight; a weight that is none counts as 0."""
    for part in header.split(","):
        media_type, *parameters = (p.strip().lower() for p in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value.strip())
        yield media_type, weight


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
