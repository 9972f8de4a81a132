"""A scene: one STAC item of Sentinel-2 L2A, parsed to values before any pixel is touched.

Two layouts of Digital Earth Africa are known (its product definitions `s2_l2a` and `s2_l2a_c1`). Their items
carry no `raster:bands` that could be trusted: scale, offset and no data come from the table here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from geocrop_processes.errors import UnusableScene
from geocrop_processes.features.bands import BANDS, SCL

FILES = (*BANDS, SCL)
"""What is read of every scene: the ten bands and the scene classification."""
OFFSET = -1000
"""What takes off ESA's `BOA_ADD_OFFSET`, in pixels since processing baseline 04.00 (in force 2022-01-25)."""


@dataclass(frozen=True)
class Layout:
    """How a collection names its assets, and whether its pixels carry the offset."""

    assets: Mapping[str, str]
    """Asset key by band name."""
    always_offset: bool
    """Whether every pixel of every date carries +1000 (Collection 1 was reprocessed as a whole)."""


_V0 = Layout({name: name for name in FILES}, always_offset=False)
_C1 = Layout(
    {
        "B02": "blue",
        "B03": "green",
        "B04": "red",
        "B05": "rededge1",
        "B06": "rededge2",
        "B07": "rededge3",
        "B08": "nir",
        "B8A": "nir08",
        "B11": "swir16",
        "B12": "swir22",
        "SCL": "scl",
    },
    always_offset=True,
)
LAYOUTS: Mapping[str, Layout] = {
    "s2_l2a": _V0,
    "s2_l2a_c1": _C1,
    # the name under which Digital Earth Africa's source delivers the items of s2_l2a
    "sentinel-s2-l2a-cogs": _V0,
}
"""Layouts by collection id."""


@dataclass(frozen=True)
class BandFile:
    """One single-band COG of a scene."""

    href: str
    """Where it is: `s3://`, `https://` or a path."""
    pixel_m: float
    """The side of its square pixels in metres."""
    left: float
    """Easting of its left side in metres."""
    top: float
    """Northing of its upper side in metres."""
    shape: tuple[int, int]
    """(height, width) in pixels."""


@dataclass(frozen=True)
class Scene:
    """One tile of one acquisition."""

    key: str
    """The product's name (the item's title; ids of the explorer are UUIDs)."""
    collection: str
    """The STAC collection."""
    acquired: datetime
    """When, UTC."""
    platform: str
    """The satellite, such as `sentinel-2a`."""
    tile: str
    """The MGRS tile, such as `36KTF`."""
    epsg: int
    """The UTM zone of its pixels."""
    offset: int
    """What is added to its digital numbers: 0 or -1000."""
    baseline: str
    """The processing baseline, such as `04.00`; empty where the item has none."""
    files: Mapping[str, BandFile]
    """By band name: those of `FILES`."""
    cloud_cover: float | None = None
    """Percent of the tile under cloud, as the item says."""
    link: str | None = None
    """The item's own address, where it has one."""
    simulated: bool = field(default=False)
    """Whether the pixels are simulated."""

    @property
    def sort_key(self) -> tuple[datetime, str]:
        """The order in which scenes are looked at: by time, then name."""
        return self.acquired, self.key

    def solar_day(self, lon: float) -> date:
        """The local day of the acquisition by the sun at a longitude: overpasses belong to one day."""
        return (self.acquired + timedelta(hours=lon / 15)).date()


@dataclass(frozen=True)
class LeftOut:
    """A scene that was found and not used."""

    key: str
    """The product's name, or the item's id."""
    reason: str
    """Why, in words for people."""


def parse_item(item: Mapping[str, Any]) -> Scene:
    """Parse a STAC item of a known collection.

    Args:
        item: the item as JSON values.

    Raises:
        UnusableScene: the collection is unknown, or something that a scene needs is missing.
    """
    key = item_key(item)
    properties = item.get("properties")
    if not isinstance(properties, Mapping):
        raise UnusableScene(f"Scene {key} lacks 'properties'.")
    layout = LAYOUTS.get(str(item.get("collection")))
    if layout is None:
        raise UnusableScene(
            f"Scene {key} is of the collection {item.get('collection')!r}; known are {', '.join(LAYOUTS)}."
        )
    baseline = str(
        properties.get("sentinel:processing_baseline")
        or properties.get("s2:processing_baseline")
        or ""
    )
    try:
        return Scene(
            key=key,
            collection=str(item["collection"]),
            acquired=_utc(str(properties["datetime"])),
            platform=str(properties["platform"]),
            tile=_tile(properties, key),
            epsg=_epsg(properties, item["assets"][layout.assets["B02"]]),
            offset=_offset(layout, properties.get("sentinel:boa_offset_applied"), baseline),
            baseline=baseline,
            files={name: _file(item, layout.assets[name]) for name in FILES},
            cloud_cover=properties.get("eo:cloud_cover"),
            link=next(
                (link["href"] for link in item.get("links", []) if link["rel"] == "self"), None
            ),
            simulated=bool(properties.get("geocrop:simulated", False)),
        )
    except KeyError as error:
        raise UnusableScene(f"Scene {key} lacks {error}.") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UnusableScene(f"Scene {key} cannot be read: {error}.") from error


def item_key(item: Mapping[str, Any]) -> str:
    """What an item is called: the product's name (its title), or its id."""
    properties = item.get("properties")
    title = properties.get("title") if isinstance(properties, Mapping) else None
    return str(title or item.get("id") or "without a name")


def _offset(layout: Layout, applied: bool | None, baseline: str) -> int:  # noqa: FBT001 - a STAC property
    """The offset by collection, flag and baseline: never by date, never by a block's pixels.

    Older baselines know no offset. From 04.00 on, `sentinel:boa_offset_applied` says whether it was taken
    off the pixels already; an item that does not say so is taken to carry it.
    """
    if layout.always_offset:
        return OFFSET
    if not baseline or float(baseline) < 4:
        return 0
    return 0 if applied else OFFSET


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tile(properties: Mapping[str, Any], key: str) -> str:
    region = properties.get("odc:region_code") or properties.get("cubedash:region_code")
    if region:
        return str(region)
    if "grid:code" in properties:
        return str(properties["grid:code"]).removeprefix("MGRS-")
    match = re.search(r"(?<![0-9A-Z])T?(\d{2}[C-X][A-Z]{2})(?![0-9A-Z])", key.replace("_", " "))
    if match is None:
        raise UnusableScene(f"Scene {key} does not say which MGRS tile it is of.")
    return match[1]


def _epsg(properties: Mapping[str, Any], asset: Mapping[str, Any]) -> int:
    """`proj:code` or `proj:epsg`, of the asset or the item."""
    for source in (asset, properties):
        if source.get("proj:code"):
            return int(str(source["proj:code"]).removeprefix("EPSG:"))
        if source.get("proj:epsg"):
            return int(source["proj:epsg"])
    raise KeyError("proj:code")


def _file(item: Mapping[str, Any], name: str) -> BandFile:
    """The asset's place on its grid: transforms have 6 or 9 numbers, at the asset or at the item."""
    asset = item["assets"][name]
    transform = asset.get("proj:transform") or item["properties"]["proj:transform"]
    height, width = asset.get("proj:shape") or item["properties"]["proj:shape"]
    pixel_x, shear_x, left, shear_y, pixel_y, top = (float(v) for v in transform[:6])
    if shear_x or shear_y or pixel_x != -pixel_y or not pixel_x > 0:
        raise ValueError(f"the pixels of {name} are not square and north-up")
    return BandFile(str(asset["href"]), pixel_x, left, top, (int(height), int(width)))
