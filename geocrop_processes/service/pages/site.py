"""What every page of a deployment knows."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import geocrop_processes
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings


@dataclass(frozen=True)
class Site:
    """A deployment as its pages name it."""

    url: str = ""
    """The address that clients see, without a trailing slash."""
    region: str = ""
    """What people call the part of the Earth that is mapped."""
    bounds: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)
    """Its west, south, east and north in degrees."""
    map_tiles: str = ""
    """The template of a background map's tiles; none where empty."""
    map_attribution: str = ""
    """Whose map that is."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What a deployment's settings say."""
        region = settings.region
        return cls(
            public_url(settings),
            region.name,
            (region.west, region.south, region.east, region.north),
            settings.pages.map_tiles or "",
            settings.pages.map_attribution,
        )

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The pages that every page leads to, with their paths."""
        return (
            ("Start", "/"),
            ("Processes", "/processes"),
            ("Jobs", "/jobs"),
            ("Maps", "/collections"),
            ("Conformance", "/conformance"),
        )

    @property
    def version(self) -> str:
        """Of the service; a new one has new scripts and styles."""
        return geocrop_processes.__version__

    @property
    def base(self) -> str:
        """The path that everything of the service lies under, without a trailing slash.

        Pages link by paths: they work under whatever name of the host they were asked for.
        """
        return urlsplit(self.url).path.rstrip("/")

    @property
    def map_origin(self) -> str:
        """Where a background map comes from; empty where there is none, or it is of this very server."""
        parts = urlsplit(self.map_tiles)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    def address(self, href: object) -> str:
        """An address that a page may link to: one of http or https, or a path here; else empty.

        Addresses of this service become paths.
        """
        if not isinstance(href, str) or any(c <= " " or c == "\\" for c in href):
            return ""
        if self.url and (href == self.url or href.startswith((f"{self.url}/", f"{self.url}?"))):
            return f"{self.base}{href.removeprefix(self.url)}" or "/"
        is_path = href.startswith("/") and not href.startswith("//")
        return href if is_path or href.startswith(("http://", "https://")) else ""
