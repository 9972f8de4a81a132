"""How an archive is laid out: Digital Earth Africa's product `s2_l2a`, and the MGRS tiles of the demo."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import PIXEL_M, Grid
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
    """What is added to every digital number: nothing here, since the provider took the offset off again."""


S2_L2A = Layout("s2_l2a", "sentinel-s2-l2a-cogs", {name: name for name in (*BANDS, SCL)})
"""Element 84's cloud-optimised GeoTIFFs as Digital Earth Africa mirrors them."""


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


def scene_name(tile: Tile, acquisition: Acquisition) -> str:
    """The name of a scene's folder, such as `S2A_36KTF_20221112_0_L2A`."""
    satellite = "S2" + acquisition.platform[-1].upper()
    return f"{satellite}_{tile.name}_{acquisition.when:%Y%m%d}_0_L2A"


def scene_folder(layout: Layout, tile: Tile, acquisition: Acquisition) -> str:
    """The folder of a scene's files within the bucket; no slash at its end."""
    when = acquisition.when
    zone, band, square = tile.name[:2], tile.name[2], tile.name[3:]
    name = scene_name(tile, acquisition)
    return f"{layout.prefix}/{zone}/{band}/{square}/{when.year}/{when.month}/{name}"
