"""The collection of all products, in STAC's words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.domain.legend import NO_DATA
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.publish.cog import CLASS_BAND, CONFIDENCE_BANDS, Band
from geocrop_processes.service.products import COLLECTION, Contents
from geocrop_processes.settings import Settings

STAC_VERSION = "1.1.0"
"""The version of what is written here and of the items."""
TITLE = "Crop maps"
"""What it is, for people."""
DESCRIPTION = "Crop-type maps from Sentinel-2, one item per map: classes, confidence, figures."
"""What is in it."""

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "processing/v1.2.0", "render/v2.0.0")
)
"""The schemas that the collection follows beside the core's."""

Json = dict[str, Any]


def description(settings: Settings) -> Json:
    """What is so whatever products there are; extent, summaries and links come beside it."""
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": COLLECTION,
        "title": TITLE,
        "description": DESCRIPTION,
        "keywords": ["crop type", "Sentinel-2", "agriculture", settings.region.name],
        "license": "other",
        "providers": [{"name": "GeoCrop", "roles": ["processor", "host"]}],
        "item_assets": _assets(),
        "renders": {
            "classes": {
                "title": "Crop classes",
                "assets": ["class-map"],
                "resampling": "nearest",
                "nodata": NO_DATA,
                # the colours are in the file
            },
        },
    }


def together(contents: Contents, settings: Settings) -> Json:
    """Extent and summaries of all items; of none: the region that is mapped, at any time."""
    summaries: Json = {"gsd": [PIXEL_M], "processing:level": ["L4"]}
    if contents.bbox is None:
        region = settings.region
        box = [region.west, region.south, region.east, region.north]
        return {"extent": _extent(box, [None, None]), "summaries": summaries}
    interval = [_stamp(contents.begins), _stamp(contents.ends)]
    return {
        "extent": _extent(list(contents.bbox), interval),
        "summaries": summaries
        | {
            "proj:code": list(contents.reference_systems),
            "geocrop:simulated": list(contents.simulated),
            "geocrop:season": list(contents.seasons),
            "geocrop:model": [f"{name}@{version}" for name, version in contents.models],
        },
    }


def _assets() -> Json:
    """What items have, and how the confidence is drawn; the classes of a map are those of its model."""
    assets: Json = {
        key: {"title": kind.title, "type": kind.media_type, "roles": list(kind.roles)}
        for key, kind in KINDS.items()
    }
    assets["class-map"]["bands"] = _named([CLASS_BAND])
    assets["confidence"]["bands"] = _named(CONFIDENCE_BANDS)
    return assets


def _named(bands: Sequence[Band]) -> list[Json]:
    return [{"name": band.name, "description": band.description} for band in bands]


def _extent(box: list[float], interval: list[str | None]) -> Json:
    return {"spatial": {"bbox": [box]}, "temporal": {"interval": [interval]}}


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
