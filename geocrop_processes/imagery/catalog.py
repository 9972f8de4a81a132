"""Find the scenes of an AOI and season in a STAC API. All talk with the catalogue is in this file."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import requests
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3.util import Retry

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable, InvalidSeason, NoScenes, UnusableScene
from geocrop_processes.imagery.scene import LeftOut, Scene, parse_item

PAGE = 250
"""Items asked for at once."""


@dataclass(frozen=True)
class Found:
    """What a catalogue holds of an AOI and season."""

    scenes: tuple[Scene, ...]
    """By time, then name."""
    left_out: tuple[LeftOut, ...]
    """Items that cannot be scenes, and why."""


@dataclass(frozen=True)
class Catalog:
    """A STAC API that holds Sentinel-2 L2A in one of the known layouts."""

    url: str
    """Its landing page."""
    collection: str
    """The collection that is searched."""
    timeout_s: float = 30.0
    """For each request; a request is tried three times."""

    def find(self, aoi: Aoi, season: Season) -> Found:
        """Every scene that meets the circle's bounding box within the season.

        There is no filter by cloud: SCL masks pixel by pixel, and a cloudy tile can be clear where it matters.

        Raises:
            CatalogUnavailable: the API does not answer, or not as a STAC API does.
            InvalidSeason: the collection ends before the season, or starts after it.
            NoScenes: the collection covers the season, but holds no scene of the place.
        """
        try:
            client = Client.open(self.url, stac_io=self._io())
            self._check_extent(client, season)
            search = client.search(
                collections=[self.collection], bbox=aoi.bbox(), datetime=season.interval, limit=PAGE
            )
            items = list(search.items_as_dicts())
        except (APIError, requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise CatalogUnavailable(
                f"The catalogue at {self.url} cannot be searched: {_reason(error, self.timeout_s)}."
            ) from error
        scenes, left_out = [], []
        for item in items:
            try:
                scenes.append(parse_item(item))
            except UnusableScene as error:
                left_out.append(
                    LeftOut(str(item["properties"].get("title") or item["id"]), str(error))
                )
        if not items:
            raise NoScenes(
                f"The catalogue has no {self.collection} scene at {aoi.lon:g}, {aoi.lat:g} "
                f"between {season.start} and {season.end}."
            )
        return Found(tuple(sorted(scenes, key=lambda s: s.sort_key)), tuple(left_out))

    def _io(self) -> StacApiIO:
        retry = Retry(total=2, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504])
        return StacApiIO(max_retries=retry, timeout=self.timeout_s)

    def _check_extent(self, client: Client, season: Season) -> None:
        collection = client.get_collection(self.collection)
        if collection is None:
            raise ValueError(f"it has no collection {self.collection!r}")
        start, end = collection.extent.temporal.intervals[0]
        first, last = season.interval
        if (end is not None and end < first) or (start is not None and start > last):
            raise InvalidSeason(
                f"There is no imagery of season {season.year} ({season}): "
                f"{self.collection} at {self.url} covers {_day(start)} to {_day(end)}."
            )


def _day(moment: datetime | None) -> str:
    return "today" if moment is None else f"{moment:%Y-%m-%d}"


def _reason(error: Exception, timeout_s: float) -> str:
    """One phrase for people; the whole chain stays on the exception."""
    if isinstance(error, APIError) and isinstance(error.__cause__, requests.RequestException):
        return _reason(error.__cause__, timeout_s)
    text = str(error)
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return f"no answer within {timeout_s:g} s"
    if "NameResolutionError" in text or "resolve" in text:
        return "its host name cannot be resolved; is there a network?"
    if isinstance(error, requests.ConnectionError):
        return (
            f"no connection to {urlsplit(getattr(error.request, 'url', '') or '').netloc or 'it'}"
        )
    return " ".join(text.split())[:200].rstrip(".") or type(error).__name__
