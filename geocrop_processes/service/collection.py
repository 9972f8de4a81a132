"""The collection of all products, in STAC's words."""

from collections.abc import Sequence
from typing import Any

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.settings import Settings

STAC_VERSION = "1.1.0"
"""The version of what is written here and of the items."""
TITLE = "Crop maps"
"""What it is, for people."""
DESCRIPTION = "Crop-type maps from Sentinel-2, one item per map: classes, confidence, figures."
"""What is in it."""

Json = dict[str, Any]


def description(settings: Settings) -> Json:
    """What is so whatever products there are; extent, summaries and links come beside it."""
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": COLLECTION,
        "title": TITLE,
        "description": DESCRIPTION,
        "keywords": ["crop type", "Sentinel-2", "agriculture", settings.region.name],
        "license": "other",
        "providers": [{"name": "GeoCrop", "roles": ["processor", "host"]}],
        "item_assets": {
            key: {"title": kind.title, "type": kind.media_type, "roles": list(kind.roles)}
            for key, kind in KINDS.items()
        },
    }


def contents(items: Sequence[Json], settings: Settings) -> Json:
    """Extent and summaries of all items; of none: the region that is mapped, at any time."""
    if not items:
        region = settings.region
        box = [region.west, region.south, region.east, region.north]
        return {"extent": _extent(box, [None, None]), "summaries": {"gsd": [PIXEL_M]}}
    west, south, east, north = zip(*(item["bbox"] for item in items), strict=True)
    properties = [item["properties"] for item in items]
    start = min(p["start_datetime"] for p in properties)
    end = max(p["end_datetime"] for p in properties)
    models = {f"{p['geocrop:model']['name']}@{p['geocrop:model']['version']}" for p in properties}
    return {
        "extent": _extent([min(west), min(south), max(east), max(north)], [start, end]),
        "summaries": {
            "gsd": [PIXEL_M],
            "proj:code": sorted({p["proj:code"] for p in properties}),
            "geocrop:simulated": sorted({p["geocrop:simulated"] for p in properties}),
            "geocrop:season": sorted({p["geocrop:season"]["year"] for p in properties}),
            "geocrop:model": sorted(models),
        },
    }


def _extent(box: list[float], interval: list[str | None]) -> Json:
    return {"spatial": {"bbox": [box]}, "temporal": {"interval": [interval]}}
