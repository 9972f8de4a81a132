"""STAC items as Digital Earth Africa's explorer renders them.

Its items have a UUID for an id and the product's name for a title, no `raster:bands`, and their CRS as
`proj:code` or as `proj:epsg`, on the item or on the assets. Files are named relative to the archive.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from geocrop_processes.domain.grid import Grid
from geocrop_processes.simulation.ground import PLANE_EPSG, Place
from geocrop_processes.simulation.items_c1 import properties_c1
from geocrop_processes.simulation.layout import (
    S2_L2A_C1,
    Layout,
    Tile,
    resolution,
    scene_folder,
)
from geocrop_processes.simulation.passes import Acquisition

Json = dict[str, Any]

_NAMESPACE = uuid.UUID("6f7b1c1e-64b5-5b53-9c0a-2f4c4a0d0f9e")
"""The namespace of this archive's ids."""
_CLOUDS = (8, 9, 10)
"""SCL classes that `eo:cloud_cover` counts."""
_BASELINE_0509 = "2022-12-06"
"""The day from which products carry processing baseline 05.09; before, 04.00."""
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_SCHEMAS = "https://stac-extensions.github.io"


@dataclass(frozen=True)
class Subject:
    """The scene that an item describes."""

    layout: Layout
    """The product's names."""
    tile: Tile
    """The tile."""
    grid: Grid
    """The window of the tile that the archive holds."""
    acquisition: Acquisition
    """The pass."""
    swath: tuple[float, float] | None
    """The swath's western edge: metres east of the place, metres east per metre north; none where it sees all."""
    flagged: bool
    """What `sentinel:boa_offset_applied` says; Collection 1 has no such flag."""


def item(subject: Subject, place: Place, scl: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """The STAC item of a scene, without links; hrefs are relative to the archive.

    Args:
        subject: the scene.
        place: the origin of the swath's coordinates.
        scl: its scene classification.
    """
    layout, tile, acquisition = subject.layout, subject.tile, subject.acquisition
    folder = scene_folder(layout, tile, acquisition)
    ring = _footprint(subject, place)
    code, epsg = {"proj:code": f"EPSG:{tile.epsg}"}, {"proj:epsg": tile.epsg}
    # three ways in which items in the wild give their CRS
    ways: tuple[tuple[Json, Json], ...] = (({**code, **epsg}, code), (epsg, {}), ({}, epsg))
    on_item, on_assets = ways[acquisition.number % len(ways)]
    projection = "v2.0.0" if "proj:code" in on_assets else "v1.1.0"
    return {
        "type": "Feature",
        "stac_version": "1.1.0" if "proj:code" in on_assets else "1.0.0",
        "stac_extensions": [
            f"{_SCHEMAS}/eo/v1.1.0/schema.json",
            f"{_SCHEMAS}/projection/{projection}/schema.json",
            f"{_SCHEMAS}/view/v1.0.0/schema.json",
        ],
        "id": str(uuid.uuid5(_NAMESPACE, folder)),
        "collection": layout.collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [
            min(x for x, _ in ring),
            min(y for _, y in ring),
            max(x for x, _ in ring),
            max(y for _, y in ring),
        ],
        "properties": {
            **(
                properties_c1(tile, acquisition, scl)
                if layout is S2_L2A_C1
                else _properties(subject, scl)
            ),
            **on_item,
            **_raster(subject.grid, 10),
            # the one property that a real item has not: products read from it what they are
            "geocrop:simulated": True,
        },
        "links": [],
        "assets": {
            asset: {
                "href": f"{folder}/{band}.tif",
                "type": _COG,
                "title": asset,
                "eo:bands": [{"name": asset}],
                **on_assets,
                **_raster(subject.grid, resolution(band)),
                "roles": ["data"],
            }
            for band, asset in layout.assets.items()
        },
    }


def _properties(subject: Subject, scl: npt.NDArray[np.uint8]) -> dict[str, Any]:
    tile, acquisition = subject.tile, subject.acquisition
    when = acquisition.when
    baseline = "05.09" if f"{when:%Y-%m-%d}" >= _BASELINE_0509 else "04.00"
    product = (
        f"S2{acquisition.platform[-1].upper()}_MSIL2A_{when:%Y%m%dT%H%M%S}_N{baseline.replace('.', '')}"
        f"_R{acquisition.orbit:03d}_T{tile.name}_{when:%Y%m%d}T123456"
    )
    seen = scl > 0
    cloudy = np.isin(scl[seen], _CLOUDS)
    stamp = f"{when:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "title": product,
        "eo:cloud_cover": round(100 * float(cloudy.mean()), 2) if seen.any() else 0.0,
        "constellation": "sentinel-2",
        "gsd": 10,
        "instruments": ["msi"],
        "view:off_nadir": 0,
        "platform": acquisition.platform,
        "odc:file_format": "GeoTIFF",
        "created": stamp,
        "odc:region_code": tile.name,
        "sentinel:boa_offset_applied": subject.flagged,
        "sentinel:data_coverage": round(100 * float(seen.mean()), 2),
        "sentinel:grid_square": tile.name[3:],
        "sentinel:latitude_band": tile.name[2],
        "sentinel:processing_baseline": baseline,
        "sentinel:product_id": product,
        "sentinel:sequence": "0",
        "sentinel:utm_zone": int(tile.name[:2]),
        "sentinel:valid_cloud_cover": True,
        "cubedash:region_code": tile.name,
        "datetime": stamp,
    }


def _raster(grid: Grid, pixel_m: int) -> dict[str, Any]:
    factor = pixel_m // 10
    return {
        "proj:shape": [grid.height // factor, grid.width // factor],
        "proj:transform": [
            float(pixel_m),
            0.0,
            float(grid.left),
            0.0,
            -float(pixel_m),
            float(grid.top),
            0.0,
            0.0,
            1.0,
        ],
    }


def _footprint(subject: Subject, place: Place) -> list[list[float]]:
    """The ring of the ground that was seen, counter-clockwise, degrees."""
    left, bottom, right, top = subject.grid.bounds
    corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
    x, y = place.local(subject.grid.epsg, *corners.T)
    ring = list(zip(x.tolist(), y.tolist(), strict=True))
    if subject.swath is not None:
        ring = _east_of(ring, subject.swath)
    east, north = np.array(ring).T
    lon, lat = Transformer.from_crs(PLANE_EPSG, 4326, always_xy=True).transform(
        east + place.origin[0], north + place.origin[1]
    )
    points = [[round(float(a), 9), round(float(b), 9)] for a, b in zip(lon, lat, strict=True)]
    return [*points, points[0]]


def _east_of(
    ring: list[tuple[float, float]], swath: tuple[float, float]
) -> list[tuple[float, float]]:
    """The part of a convex ring to the east of a line."""
    beyond = [x - swath[0] - swath[1] * y for x, y in ring]
    kept = []
    for i, (x, y) in enumerate(ring):
        last_x, last_y = ring[i - 1]
        if beyond[i] * beyond[i - 1] < 0:
            part = beyond[i - 1] / (beyond[i - 1] - beyond[i])
            kept.append((last_x + part * (x - last_x), last_y + part * (y - last_y)))
        if beyond[i] > 0:
            kept.append((x, y))
    return kept
