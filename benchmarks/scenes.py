"""A small archive to read: scenes as Digital Earth Africa lays them out, whose decoding costs what theirs costs.

Digital numbers are correlated in space, as land is, with the noise of a sensor: a 10 m file is about 1.4 times smaller
than its pixels, nearly as real ones are (195 MB of 241 MB). SCL is coarse patches, mostly clear.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pystac
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter

from geocrop_processes.domain.grid import Grid
from geocrop_processes.features.bands import BANDS_10M, SCL
from geocrop_processes.imagery.scene import FILES, BandFile, Scene

FOLDER = Path(".geocrop/cache/bench/scenes-1")
"""Where the archive is kept; the number goes up when what is made changes."""
DATES, SIDE, TILE = 20, 1100, 512
"""Acquisitions, the side of a 10 m file in pixels, and that of its internal tiles."""
EPSG, LEFT, TOP = 32736, 300_000, 8_000_000
WINDOW = Grid(EPSG, LEFT + 500, TOP - 500, 1000, 1000)
"""What is read of each file."""
FIRST = datetime(2022, 10, 3, 7, 55, tzinfo=UTC)


def make() -> Path:
    """Make the archive unless it is there; its absolute folder."""
    done = FOLDER / "done"
    if not done.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_write_date, range(DATES)))
        done.touch()
    return FOLDER.absolute()


def scenes(root: str, dates: int = DATES) -> list[Scene]:
    """The archive's scenes, with the files under an address or a folder; without an offset."""
    return [
        Scene(
            key=f"S2A_36KTF_{n:02d}",
            collection="s2_l2a",
            acquired=FIRST + timedelta(days=5 * n),
            platform="sentinel-2a",
            tile="36KTF",
            epsg=EPSG,
            offset=0,
            baseline="04.00",
            files={name: _file(root, n, name) for name in FILES},
        )
        for n in range(dates)
    ]


def items(found: list[Scene]) -> list[pystac.Item]:
    """The same scenes as STAC items, for other readers."""
    return [_item(scene) for scene in found]


def _item(scene: Scene) -> pystac.Item:
    w, s, e, n = 31.0, -18.2, 31.2, -18.0
    ring = [[w, s], [e, s], [e, n], [w, n], [w, s]]
    made = pystac.Item(
        scene.key,
        {"type": "Polygon", "coordinates": [ring]},
        [w, s, e, n],
        scene.acquired,
        {"proj:code": f"EPSG:{EPSG}"},
        stac_extensions=["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
        collection="s2_l2a",
    )
    for name, file in scene.files.items():
        pixel = file.pixel_m
        place = {
            "proj:shape": list(file.shape),
            "proj:transform": [pixel, 0, file.left, 0, -pixel, file.top],
        }
        asset = pystac.Asset(file.href, media_type=pystac.MediaType.COG, roles=["data"])
        asset.extra_fields = place
        made.add_asset(name, asset)
    return made


def _file(root: str, date: int, name: str) -> BandFile:
    pixel = 10 if name in BANDS_10M else 20
    side = SIDE * 10 // pixel
    return BandFile(f"{root}/{date:02d}/{name}.tif", pixel, LEFT, TOP, (side, side))


def _write_date(date: int) -> None:
    random = np.random.default_rng(date)
    for name, values in _pixels(random).items():
        file = _file(str(FOLDER), date, name)
        Path(file.href).parent.mkdir(exist_ok=True)
        place = from_origin(file.left, file.top, file.pixel_m, file.pixel_m)
        side = {"height": file.shape[0], "width": file.shape[1], "count": 1}
        with rasterio.open(
            file.href,
            "w",
            driver="COG",
            dtype=values.dtype,
            nodata=0,
            crs=EPSG,
            transform=place,
            blocksize=TILE,
            compress="deflate",
            predictor="yes",
            **side,
        ) as target:
            target.write(values, 1)


def _pixels(
    random: np.random.Generator,
) -> Mapping[str, npt.NDArray[np.uint16] | npt.NDArray[np.uint8]]:
    """By name: fields some pixels wide, land that changes over kilometres, noise of some tens of numbers."""
    found: dict[str, npt.NDArray[np.uint16] | npt.NDArray[np.uint8]] = {}
    for name in FILES:
        side = SIDE if name in BANDS_10M else SIDE // 2
        noise = random.standard_normal((3, side, side), np.float32)
        fields, land = gaussian_filter(noise[0], 4), gaussian_filter(noise[1], 60)
        if name == SCL:
            found[name] = np.choose(np.digitize(land, [-2e-3, 2e-3]), [4, 5, 6]).astype(np.uint8)
            found[name][fields > 0.14] = 9
        else:
            level = 1500 + fields * 8000 + land * 60_000 + noise[2] * 60
            found[name] = np.clip(level, 1, 12_000).astype(np.uint16)
    return found
