"""Whether scenes are found, and their pixels can be read."""

from collections.abc import Iterator
from typing import Any

import httpx
import rasterio
from rasterio.errors import RasterioError

from geocrop_processes.errors import UnusableScene
from geocrop_processes.imagery.scene import parse_item
from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, Said
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.demonstration import ARCHIVE, is_prepared

_ANSWER_S = 10.0
"""Seconds that the catalogue has for each request."""


def check_catalogue(settings: Settings) -> Iterator[Said]:
    """The STAC API: reachable, a STAC API, with the collection."""
    url, collection = settings.catalog.url, settings.catalog.collection
    if url == ARCHIVE:
        built = is_prepared(settings.data.absolute(), collection)
        yield OK, f"The simulated archive, {'' if built else 'not '}built{'' if built else ' yet'}."
        return
    try:
        with _client(url) as client:
            root = _document(client.get(""))
            found = client.get(f"collections/{collection}")
    except httpx.InvalidURL as error:
        yield FAILED, f"GEOCROP_CATALOG__URL={url} is no address: {error}."
    except httpx.HTTPError as error:
        yield (
            AWAY,
            f"No catalogue answers at {url} ({_reason(error)}): correct GEOCROP_CATALOG__URL.",
        )
    else:
        if "stac_version" not in root:
            yield FAILED, f"{url} answers, but is no STAC API: correct GEOCROP_CATALOG__URL."
        elif found.status_code == httpx.codes.NOT_FOUND:
            yield (
                FAILED,
                f"{url} has no collection {collection}: correct GEOCROP_CATALOG__COLLECTION.",
            )
        elif not found.is_success:
            yield AWAY, f"{url} answers {found.status_code} when asked for {collection}."
        else:
            yield OK, f"{url} has the collection {collection}."


def check_imagery(settings: Settings) -> Iterator[Said]:
    """The header of one file of one scene of the region."""
    if settings.catalog.url == ARCHIVE:
        yield OK, "Files of the simulated archive."
        return
    try:
        with _client(settings.catalog.url) as client:
            href = _some_file(client, settings)
    except (httpx.HTTPError, httpx.InvalidURL, UnusableScene):
        href = None
    if href is None:
        yield FAILED, "Not tried: the catalogue gives no usable scene of the region."
        return
    try:
        with settings.access().environment(), rasterio.open(href) as file:
            yield OK, f"{href} can be opened ({file.width} x {file.height} pixels)."
    except RasterioError as error:
        yield (
            AWAY,
            f"{href} cannot be opened ({error}): GEOCROP_IMAGERY__* say how scenes are reached.",
        )


def _client(url: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{url.rstrip('/')}/", timeout=_ANSWER_S, follow_redirects=True, trust_env=True
    )


def _some_file(client: httpx.Client, settings: Settings) -> str | None:
    """The address of a file of any scene of the region; None where there is none."""
    region = settings.region
    asked = {
        "collections": [settings.catalog.collection],
        "bbox": [region.west, region.south, region.east, region.north],
        "limit": 1,
    }
    items = _document(client.post("search", json=asked)).get("features") or []
    for item in items[:1]:
        return str(next(iter(parse_item(item).files.values())).href)
    return None


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.raise_for_status().json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
