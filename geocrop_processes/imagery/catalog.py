"""Find the scenes of an AOI and season in a STAC API. All talk with the catalogue is in this file."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import requests
from pystac.errors import STACError, STACTypeError
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.util import Retry

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable, InvalidSeason, NoScenes, UnusableScene
from geocrop_processes.imagery.scene import LeftOut, Scene, item_key, parse_item

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
    """For each request. One that is answered by a server's error is tried three times, silence is not."""

    def find(self, aoi: Aoi, season: Season) -> Found:
        """Every scene that meets the circle's bounding box within the season.

        There is no filter by cloud: SCL masks pixel by pixel, and a cloudy tile can be clear where it matters.

        Raises:
            CatalogUnavailable: the API does not answer, or not as a STAC API does.
            InvalidSeason: the collection ends before the season, or starts after it.
            NoScenes: the collection covers the season, but holds no scene of the place.
        """
        bbox, interval, io = aoi.bbox(), season.interval, self._io()
        try:
            # the time-out is told here: opening takes back one that was told to the connection before
            client = Client.open(self.url, stac_io=io, timeout=self.timeout_s)
            self._check_extent(client, season)
            search = client.search(
                collections=[self.collection], bbox=bbox, datetime=interval, limit=PAGE
            )
            items = [dict(item) for item in search.items_as_dicts()]
        except _FOREIGN as error:
            raise CatalogUnavailable(
                f"The catalogue at {public_address(self.url)} cannot be searched: {_reason(error, self.timeout_s)}."
            ) from error
        scenes, left_out = [], []
        for item in items:
            try:
                scenes.append(parse_item(item))
            except UnusableScene as error:
                left_out.append(LeftOut(item_key(item), str(error)))
        if not items:
            raise NoScenes(
                f"The catalogue has no {self.collection} scene at {aoi.lon:g}, {aoi.lat:g} "
                f"between {season.start} and {season.end}."
            )
        return Found(tuple(sorted(scenes, key=lambda s: s.sort_key)), tuple(left_out))

    def _io(self) -> StacApiIO:
        retry = Retry(
            total=2,
            # who is silent once would keep whoever waits for three time-outs
            connect=0,
            read=0,
            backoff_factor=0.5,
            status_forcelist=[429, 500, 502, 503, 504],
            # a search is a POST, which is not tried again unless told to
            allowed_methods=None,
            retry_after_max=round(self.timeout_s),
        )
        return StacApiIO(max_retries=retry)

    def _check_extent(self, client: Client, season: Season) -> None:
        collection = client.get_collection(self.collection)
        if collection is None:
            raise CatalogUnavailable(
                f"The catalogue at {public_address(self.url)} has no collection {self.collection!r}."
            )
        start, end = map(_aware, collection.extent.temporal.intervals[0])
        first, last = season.interval
        if (end is not None and end < first) or (start is not None and start > last):
            raise InvalidSeason(
                f"There is no imagery of season {season.year} ({season}): "
                f"{self.collection} at {public_address(self.url)} covers {_day(start)} to {_day(end)}."
            )


def public_address(url: str) -> str:
    """An address without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


_NONSENSE = (
    *(STACError, STACTypeError, ClientTypeError, NotImplementedError),
    *(AttributeError, LookupError, TypeError, ValueError),
)
"""What the catalogue's libraries raise over JSON that is not as a STAC API's."""
_FOREIGN = (APIError, requests.RequestException, OSError, *_NONSENSE)
"""What they raise at all."""


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


def _day(moment: datetime | None) -> str:
    return "today" if moment is None else f"{moment:%Y-%m-%d}"


def _reason(error: BaseException, timeout_s: float) -> str:
    """One phrase for people; the whole chain stays on the exception."""
    status = getattr(error, "status_code", None)
    if status is not None:
        return f"it answers HTTP {status}"
    # the library wraps what it meets in an APIError without saying "from"
    met = error.__context__ if isinstance(error, APIError) and error.__context__ else error
    text = str(met)
    if failed := re.search(r"too many (\d+) error responses", text):
        return f"it answers HTTP {failed[1]} again and again"
    if isinstance(met, requests.Timeout) or "timed out" in text:
        return f"no answer within {timeout_s:g} s"
    return next(
        (phrase for kinds, phrase in _PHRASES if isinstance(met, kinds)),
        "its host name cannot be resolved, perhaps for want of a network"
        if "Failed to resolve" in text
        else "no connection, or one that broke off",
    )


_PHRASES = (
    (
        # a path is opened as a file
        (InvalidSchema, InvalidURL, MissingSchema, FileNotFoundError, IsADirectoryError),
        "its address is none that can be asked",
    ),
    (_NONSENSE, "it does not answer as a STAC API does"),
)
