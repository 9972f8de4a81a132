"""How an archive is laid out: Digital Earth Africa's products `s2_l2a` and `s2_l2a_c1`, and the demo's tiles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import PIXEL_M, Grid
from geocrop_processes.errors import InvalidSetting
from geocrop_processes.features.bands import BANDS, BANDS_10M, SCL
from geocrop_processes.simulation.passes import Acquisition

_ALIGNMENT_M = 60
"""Tiles hold bands of 10, 20 and 60 m: a window that starts at a multiple suits them all."""


@dataclass(frozen=True)
class Layout:
    """Names and numbers in which Digital Earth Africa's Sentinel-2 products differ."""

    collection: str
    """The STAC collection."""
    prefix: str
    """What keys in the bucket start with."""
    assets: Mapping[str, str] = field(default_factory=dict)
    """The asset's name of every band and the scene classification, in the order of delivery."""
    added_dn: int = 0
    """What every digital number holds too much; 0 where the provider took the offset off again."""
    named_by_second: bool = False
    """Whether names of scenes tell the second of the acquisition, not its day and a sequence number."""


S2_L2A = Layout("s2_l2a", "sentinel-s2-l2a-cogs", {name: name for name in (*BANDS, SCL)})
"""Element 84's cloud-optimised GeoTIFFs as Digital Earth Africa mirrors them."""
S2_L2A_C1 = Layout(
    "s2_l2a_c1",
    "sentinel-2-c1-l2a",
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
        SCL: "scl",
    },
    added_dn=1000,
    named_by_second=True,
)
"""ESA's Collection 1, reprocessed as a whole: every pixel of every date carries `BOA_ADD_OFFSET`."""
_LAYOUTS = {layout.collection: layout for layout in (S2_L2A, S2_L2A_C1)}


def layout_of(collection: str) -> Layout:
    """The layout of a collection.

    Raises:
        InvalidSetting: the simulator knows none of that name.
    """
    if collection not in _LAYOUTS:
        raise InvalidSetting(
            f"The simulated archive has no collection {collection!r}; it can have {' or '.join(_LAYOUTS)}."
        )
    return _LAYOUTS[collection]


@dataclass(frozen=True)
class Tile:
    """A tile of the Sentinel-2 grid (MGRS), 109.8 km wide; its origin is a multiple of 20 m."""

    name: str
    """Zone, latitude band and square, such as `36KTF`."""
    epsg: int
    """The CRS of its UTM zone."""
    left: int
    """Easting of its left side, metres."""
    top: int
    """Northing of its upper side, metres."""

    def window(self, aoi: Aoi, size_m: int) -> Grid:
        """A square window about a place, moved into the tile where it would leave it."""
        x, y = aoi.centre(self.epsg)
        col = max(0, int((x - size_m / 2 - self.left) // _ALIGNMENT_M))
        row = max(0, int((self.top - y - size_m / 2) // _ALIGNMENT_M))
        left, top = self.left + col * _ALIGNMENT_M, self.top - row * _ALIGNMENT_M
        return Grid(self.epsg, left, top, size_m // PIXEL_M, size_m // PIXEL_M)


TILES = (Tile("35KRA", 32735, 799_980, 8_100_040), Tile("36KTF", 32736, 199_980, 8_100_040))
"""Two tiles of different zones that overlap: the demo's place lies in both."""


def resolution(band: str) -> int:
    """The side of a band's pixels in metres."""
    return 10 if band in BANDS_10M else 20


def scene_name(layout: Layout, tile: Tile, acquisition: Acquisition) -> str:
    """The name of a scene's folder: `S2A_36KTF_20221112_0_L2A`, or `S2A_T36KTF_20221112T081931_L2A`."""
    satellite = "S2" + acquisition.platform[-1].upper()
    if layout.named_by_second:
        return f"{satellite}_T{tile.name}_{acquisition.when:%Y%m%dT%H%M%S}_L2A"
    return f"{satellite}_{tile.name}_{acquisition.when:%Y%m%d}_0_L2A"


def scene_folder(layout: Layout, tile: Tile, acquisition: Acquisition) -> str:
    """The folder of a scene's files within the bucket; no slash at its end."""
    when = acquisition.when
    zone, band, square = tile.name[:2], tile.name[2], tile.name[3:]
    name = scene_name(layout, tile, acquisition)
    return f"{layout.prefix}/{zone}/{band}/{square}/{when.year}/{when.month}/{name}"
