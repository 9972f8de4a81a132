"""A published class map as it is judged: its classes, its pixels, and what lies at a point."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.errors import RasterioError

from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.errors import InvalidSample, UnusableModel

OUTSIDE = -1
"""Stands for the class of a point beside the raster."""


@dataclass(frozen=True)
class ClassMap:
    """A class map, read whole."""

    classes: npt.NDArray[np.uint8]
    """(height, width); 0 = no data."""
    legend: Legend
    """Its classes, that of a mask among them."""
    epsg: int
    """Its CRS."""
    transform: Affine
    """From (column, row) to (x, y) in metres."""
    tags: Mapping[str, str]
    """What the file says of itself."""

    @classmethod
    def of(cls, content: bytes) -> "ClassMap":
        """Read a class map's COG.

        Raises:
            InvalidSample: it is no class map of GeoCrop.
        """
        try:
            with rasterio.MemoryFile(content).open(driver="GTiff") as source:
                tags = source.tags()
                legend = Legend.from_json(json.loads(tags["LEGEND"]))
                if source.dtypes != ("uint8",):
                    raise InvalidSample(f"A class map has one band of bytes, not {source.dtypes}.")
                return cls(source.read(1), legend, source.crs.to_epsg(), source.transform, tags)
        except (RasterioError, KeyError, ValueError, TypeError, UnusableModel) as error:
            raise InvalidSample(
                f"The map is no class map of GeoCrop: {' '.join(str(error).split())[:200]}."
            ) from error

    @property
    def pixel_ha(self) -> float:
        """Hectares of a pixel."""
        return abs(self.transform.a * self.transform.e) / 10_000

    @property
    def year(self) -> int | None:
        """The season that it is of, as its title says; None where it does not."""
        found = re.search(r"\b(\d{4})-09-01\.\.", self.tags.get("TITLE", ""))
        return int(found[1]) if found else None

    @cached_property
    def pixels(self) -> dict[int, int]:
        """How many there are of each class that is mapped, by code."""
        counts = np.bincount(self.classes.reshape(-1), minlength=256)
        return {int(c): int(counts[c]) for c in np.flatnonzero(counts) if c != NO_DATA}

    def at(self, lon: Sequence[float], lat: Sequence[float]) -> npt.NDArray[np.int64]:
        """The class of the pixel that each point lies in (n,); 0 = no data, -1 = outside of the raster."""
        to = Transformer.from_crs(4326, self.epsg, always_xy=True)
        x, y = (np.asarray(v, np.float64) for v in to.transform(lon, lat))
        inverse = ~self.transform
        columns = np.floor(inverse.a * x + inverse.b * y + inverse.c)
        rows = np.floor(inverse.d * x + inverse.e * y + inverse.f)
        height, width = self.classes.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        found = np.full(len(x), OUTSIDE, np.int64)
        found[inside] = self.classes[rows[inside].astype(int), columns[inside].astype(int)]
        return found

    def centres(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Longitude and latitude of pixels' centres, degrees (n,)."""
        x = self.transform.c + self.transform.a * (columns + 0.5)
        y = self.transform.f + self.transform.e * (rows + 0.5)
        to = Transformer.from_crs(self.epsg, 4326, always_xy=True)
        lon, lat = to.transform(x, y)
        return np.asarray(lon), np.asarray(lat)
