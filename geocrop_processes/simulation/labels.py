"""What a surveyor would bring home from the demo's place: outlines of fields, points, and answers to a design's points.

The classes are the simulator's truth. Of each class, half of the fields are for training; points lie in the others.
"""

import csv
import json
from collections.abc import Iterable
from functools import cache
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from rasterio.features import shapes

from geocrop_processes.domain.grid import PIXEL_M, Grid
from geocrop_processes.errors import InvalidSample
from geocrop_processes.simulation.demo import DEMO_AOI, DEMO_SEASON, demo_landscape, truth
from geocrop_processes.simulation.layout import TILES
from geocrop_processes.simulation.legend import LEGEND

LEAST_PIXELS = 12
"""Smaller patches of a field are not surveyed: nothing of them would be left within their edges."""
POINTS = 400
"""Points where no other number is asked for."""

Ints = npt.NDArray[np.int64]


def field_labels(seed: int = 1) -> bytes:
    """The training fields as GeoJSON: outlines along pixels, with class, colour, cropland, season and field."""
    grid, fields = _fields()
    mine = np.isin(fields, _training(seed))
    to = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    outlines = shapes(fields.astype(np.int32), mask=mine, connectivity=4, transform=grid.transform)
    features = []
    for outline, number in outlines:
        polygon = shapely.geometry.shape(outline)
        if polygon.area < LEAST_PIXELS * PIXEL_M**2:
            continue
        code = int(demo_landscape().code(np.array([int(number)]))[0])
        degrees = shapely.transform(polygon, to.transform, interleaved=False)
        # a ten-millionth of a degree is a centimetre
        rounded = shapely.transform(degrees, lambda at: np.round(at, 7))
        features.append(_feature(rounded, code, field=f"field {int(number)}"))
    return _collection(features)


def point_labels(seed: int = 1, count: int = POINTS) -> bytes:
    """Points in the other fields as GeoJSON: centres of pixels that are drawn at random, with the class that is there."""
    grid, fields = _fields()
    others = ~np.isin(fields, _training(seed)) & grid.inside(DEMO_AOI)
    rows, columns = np.nonzero(others)
    drawn = np.random.default_rng([seed, 2]).choice(len(rows), min(count, len(rows)), replace=False)
    rows, columns = rows[drawn], columns[drawn]
    x, y = grid.centres()
    to = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    lon, lat = to.transform(x[columns], y[rows])
    codes = truth(grid)[rows, columns]
    features = [
        _feature(shapely.Point(round(float(a), 7), round(float(b), 7)), int(code), id=str(n))
        for n, (a, b, code) in enumerate(zip(lon, lat, codes, strict=True), start=1)
    ]
    return _collection(features)


def answer(points: bytes) -> bytes:
    """The points of a sample's design with the class that is there, in the form that they came in.

    Args:
        points: GeoJSON or CSV, as `sample-design` writes them.

    Raises:
        InvalidSample: they are neither, or one lies beyond what is simulated.
    """
    try:
        text = points.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            document = json.loads(text)
            features = document["features"]
            places = [f["geometry"]["coordinates"][:2] for f in features]
            for feature, name in zip(features, _names(places), strict=True):
                feature["properties"]["class"] = name
            return json.dumps(document, indent=1).encode()
        rows = list(csv.DictReader(StringIO(text)))
        names = list(rows[0])
        found = _names([[float(row["lon"]), float(row["lat"])] for row in rows])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidSample(f"The points are none of a sample's design: {error!r}.") from error
    out = StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "class": name} for row, name in zip(rows, found, strict=True))
    return out.getvalue().encode()


def _names(places: Iterable[Iterable[float]]) -> list[str]:
    """The classes at points in degrees."""
    grid, _ = _fields()
    lon, lat = np.array([list(place) for place in places], np.float64).reshape(-1, 2).T
    x, y = Transformer.from_crs(4326, grid.epsg, always_xy=True).transform(lon, lat)
    rows = np.floor((grid.top - y) / PIXEL_M).astype(np.int64)
    columns = np.floor((x - grid.left) / PIXEL_M).astype(np.int64)
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    if not inside.all():
        raise InvalidSample("A point lies beyond the demo's place.")
    return [LEGEND.name_of(int(code)) for code in truth(grid)[rows, columns]]


@cache
def _fields() -> tuple[Grid, Ints]:
    """The demo's grid, and the field that each of its pixels' centres lies in (height, width)."""
    grid = Grid.of_aoi(DEMO_AOI, TILES[0].epsg)
    landscape = demo_landscape()
    local_x, local_y = landscape.place.local_lattice(grid.epsg, *grid.centres())
    found = landscape.terrain.field(local_x.ravel(), local_y.ravel()).reshape(grid.shape)
    return grid, np.where(grid.inside(DEMO_AOI), found, -1)


def _training(seed: int) -> Ints:
    """The fields for training: of each class every other one, in an order drawn by the seed; of a single one that."""
    _, fields = _fields()
    numbers = np.unique(fields[fields >= 0])
    codes = demo_landscape().code(numbers)
    random = np.random.default_rng([seed, 1])
    parts = [random.permutation(numbers[codes == code])[::2] for code in LEGEND.codes]
    return np.sort(np.concatenate(parts))


def _feature(geometry: Any, code: int, **more: str) -> dict[str, Any]:
    known = next(c for c in LEGEND if c.code == code)
    return {
        "type": "Feature",
        "geometry": json.loads(shapely.to_geojson(geometry)),
        "properties": {
            **more,
            "class": known.name,
            "season": DEMO_SEASON.year,
            "colour": known.colour,
            "cropland": known.cropland,
        },
    }


def _collection(features: list[dict[str, Any]]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()
