"""Whether clients reach the service at the address that they are told."""

from collections.abc import Iterator
from typing import Any

import httpx

from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, WARNING, Said
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

_ANSWER_S = 5.0
"""Seconds that the service has to answer."""


def check_address(settings: Settings) -> Iterator[Said]:
    """The landing page at the public address: there, ours, with links to that address."""
    url = public_url(settings)
    try:
        answer = httpx.get(
            f"{url}/",
            headers={"Accept": "application/json"},
            timeout=_ANSWER_S,
            follow_redirects=True,
        )
    except httpx.InvalidURL as error:
        yield FAILED, f"{url} is no address ({error}): correct GEOCROP_SERVICE__URL."
        return
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        # a service of one machine is started when it is wanted
        state, also = (WARNING, "") if settings.service.url is None else (AWAY, " and its proxy")
        yield state, f"Nothing answers at {url} ({reason}): start the web server{also}."
        return
    links = _links(answer)
    if links is None:
        yield (
            FAILED,
            (
                f"{url} answers {answer.status_code}, but is not GeoCrop: the proxy must pass it on, "
                "or GEOCROP_SERVICE__URL be corrected."
            ),
        )
    elif not any(link == url or link.startswith((f"{url}/", f"{url}?")) for link in links):
        yield (
            FAILED,
            f"The service at {url} calls itself {links[0]}: give every process the same GEOCROP_SERVICE__URL.",
        )
    else:
        yield OK, f"Clients reach the service at {url}."


def _links(answer: httpx.Response) -> list[str] | None:
    """Where the landing page leads, its own address first; None where it is no landing page."""
    try:
        links: Any = answer.raise_for_status().json()["links"]
        found = [str(link["href"]) for link in links if link["rel"] == "service-desc"]
    except (ValueError, KeyError, TypeError, httpx.HTTPStatusError):
        return None
    return found or None
