"""A made-up landscape as a Sentinel-2 archive on disk: fields, seasons, noise and clouds that cost what real ones do.

Tiles of COGs are deflated in squares of 512 pixels, as Digital Earth Africa's are. One tile of files stands for any
number of neighbouring tiles: where a scene lies is read from its item, so that a large area needs no more disk.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from affine import Affine
from pyproj import Transformer
from rasterio.io import MemoryFile
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial import cKDTree

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS, BANDS_10M, SCL
from geocrop_processes.imagery.scene import FILES, Scene, parse_item

EPSG = 32736
"""The CRS of the tile."""
LEFT, TOP = 399_960, 8_100_040
"""Its corner, in metres."""
SIDE = 1024
"""Pixels of its sides at 10 m."""
SEASON = Season(2022)
"""The season that is seen."""
CLASSES = 8
"""Kinds of fields: 1 to 8."""

_COG_TILE = 512
_PIXELS_PER_FIELD = 90
_SOIL = (0.079, 0.113, 0.158, 0.185, 0.201, 0.218, 0.221, 0.230, 0.342, 0.279)
_GREEN = (0.030, 0.058, 0.030, 0.088, 0.354, 0.467, 0.497, 0.488, 0.173, 0.081)
"""Reflectance of bare soil and of a green canopy in the order of `BANDS`: medians of Sentinel-2 pixels in Africa."""
_CLOUDY = (0.20, 0.35, 0.52, 0.62, 0.67, 0.62, 0.50, 0.35, 0.22)
"""The share under cloud, September to May."""


@dataclass(frozen=True)
class Landscape:
    """The archive, and what grows where."""

    items: tuple[dict[str, Any], ...]
    """STAC items in the layout of `s2_l2a`, by time."""
    truth: npt.NDArray[np.uint8]
    """The class of each pixel (1024, 1024), 1 to 8."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The items, parsed."""
        return tuple(parse_item(item) for item in self.items)

    def mosaic(self, tiles: int) -> tuple[Scene, ...]:
        """The scenes of `tiles` x `tiles` neighbouring tiles, all of the same files."""
        return tuple(
            parse_item(_item(item, row, column))
            for item in self.items
            for row in range(tiles)
            for column in range(tiles)
        )


def landscape(folder: Path, dates: int, tile: int = _COG_TILE) -> Landscape:
    """Make the archive in a folder, or find it there.

    Args:
        folder: where its files go, 15 MB a date.
        dates: how many acquisitions, evenly spread over the season.
        tile: the side of the files' internal tiles in pixels.
    """
    truth, fields = _fields(np.random.default_rng(1))
    moments = [
        datetime(2022, 9, 1, 8, 10, tzinfo=UTC) + timedelta(days=int(272 * i / max(dates - 1, 1)))
        for i in range(dates)
    ]
    with ThreadPoolExecutor(2) as pool:
        items = list(
            pool.map(lambda moment: _acquire(folder, moment, truth, fields, tile), moments)
        )
    return Landscape(tuple(items), truth)


def _fields(
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.intp]]:
    """The class and the number of the field of each pixel: fields are the cells of random points."""
    count = SIDE * SIDE // _PIXELS_PER_FIELD
    points = random.uniform(0, SIDE, (count, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    _, nearest = cKDTree(points).query(np.stack([y.ravel(), x.ravel()], axis=1), workers=2)
    fields = nearest.reshape(SIDE, SIDE)
    classes = random.integers(1, CLASSES + 1, count).astype(np.uint8)
    return classes[fields], fields


def _greenness(
    truth: npt.NDArray[np.uint8], fields: npt.NDArray[np.intp], day: int
) -> npt.NDArray[np.float32]:
    """The share of green canopy on a day since 1 September: each class has its season, each field its delay."""
    count = int(fields.max()) + 1
    delay = np.random.default_rng(2).normal(0, 12, count)[fields]
    height = 0.25 + 0.08 * truth
    width = 22.0 + 4.0 * truth
    peak = 110.0 + 14.0 * truth + delay
    return (0.08 + height * np.exp(-(((day - peak) / width) ** 2))).astype(np.float32)


def _acquire(
    folder: Path,
    moment: datetime,
    truth: npt.NDArray[np.uint8],
    fields: npt.NDArray[np.intp],
    tile: int,
) -> dict[str, Any]:
    """Write one acquisition's files, unless they are there, and describe them."""
    title = f"S2A_36KUF_{moment:%Y%m%d}_0_L2A"
    home = folder / title
    if not (home / "whole").exists():
        home.mkdir(parents=True, exist_ok=True)
        day = (moment.date() - SEASON.start).days
        for name, pixels in _pictures(truth, fields, day):
            _write(home / f"{name}.tif", pixels, 10 if name in BANDS_10M else 20, tile)
        (home / "whole").touch()
    return _describe(home, title, moment)


def _pictures(
    truth: npt.NDArray[np.uint8], fields: npt.NDArray[np.intp], day: int
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Digital numbers of each band and SCL, at their own pixel sizes."""
    random = np.random.default_rng(1000 + day)
    green = _greenness(truth, fields, day)
    cloud = zoom(gaussian_filter(random.normal(size=(64, 64)), 6, mode="wrap"), SIDE // 64, order=1)
    share = _CLOUDY[min(day // 30, 8)]
    level = np.quantile(cloud, max(1 - share * random.uniform(0.3, 1.6), 0.05))
    cloudy = cloud > level
    shadow = np.roll(cloudy, 12, axis=(0, 1)) & ~cloudy
    for band, soil, plant in zip(BANDS, _SOIL, _GREEN, strict=True):
        value = soil + (plant - soil) * green
        value = np.where(cloudy, 0.55, np.where(shadow, 0.45 * value, value))
        if band not in BANDS_10M:
            value = value[::2, ::2]
        noisy = value * random.normal(1, 0.025, value.shape) + random.normal(0, 0.004, value.shape)
        yield band, np.rint(noisy * 1e4).clip(1, 20_000).astype(np.uint16)
    ground = np.where(green > 0.35, 4, 5)
    classes = np.where(cloudy, 9, np.where(shadow, 3, ground))
    yield SCL, classes[::2, ::2].astype(np.uint8)


def _write(path: Path, pixels: npt.NDArray[Any], pixel_m: int, tile: int) -> None:
    height, width = pixels.shape
    with (
        MemoryFile() as memory,
        memory.open(
            driver="GTiff",
            height=height,
            width=width,
            count=1,
            dtype=pixels.dtype,
            nodata=0,
            crs=f"EPSG:{EPSG}",
            transform=Affine(pixel_m, 0, LEFT, 0, -pixel_m, TOP),
        ) as plain,
    ):
        plain.write(pixels, 1)
        rasterio.shutil.copy(
            plain,
            path,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            blocksize=tile,
            overview_resampling="NEAREST",
        )


def _describe(home: Path, title: str, moment: datetime) -> dict[str, Any]:
    assets = {}
    for name in FILES:
        pixel = 10 if name in BANDS_10M else 20
        assets[name] = {
            "href": str((home / f"{name}.tif").absolute()),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "proj:shape": [SIDE * 10 // pixel] * 2,
            "proj:transform": [pixel, 0, LEFT, 0, -pixel, TOP, 0, 0, 1],
            "eo:bands": [{"name": name}],
        }
    x, y = _corners()
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
        ],
        "id": title,
        "collection": "s2_l2a",
        "geometry": {
            "type": "Polygon",
            "coordinates": [list(zip([*x, x[0]], [*y, y[0]], strict=True))],
        },
        "bbox": [min(x), min(y), max(x), max(y)],
        "properties": {
            "title": title,
            "datetime": moment.isoformat(),
            "platform": "sentinel-2a",
            "odc:region_code": "36KUF",
            "proj:epsg": EPSG,
            "sentinel:processing_baseline": "04.00",
            "sentinel:boa_offset_applied": True,
        },
        "assets": assets,
        "links": [],
    }


def _corners() -> tuple[list[float], list[float]]:
    """Longitudes and latitudes of the tile's corners."""
    size = SIDE * 10
    transform = Transformer.from_crs(EPSG, 4326, always_xy=True).transform
    x, y = transform([LEFT, LEFT + size, LEFT + size, LEFT], [TOP, TOP, TOP - size, TOP - size])
    return list(x), list(y)


def _item(item: dict[str, Any], row: int, column: int) -> dict[str, Any]:
    """The item as one of a neighbouring tile: another name, the same files at another place."""
    moved = item | {"assets": {}, "properties": dict(item["properties"])}
    title = item["properties"]["title"].replace("36KUF", _tile(row, column))
    moved["properties"] |= {"title": title, "odc:region_code": _tile(row, column)}
    for name, asset in item["assets"].items():
        transform = list(asset["proj:transform"])
        transform[2] += column * SIDE * 10
        transform[5] -= row * SIDE * 10
        moved["assets"][name] = asset | {"proj:transform": transform}
    return moved


def _tile(row: int, column: int) -> str:
    """A name of MGRS's form."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return f"36K{letters[column]}{letters[row]}"
