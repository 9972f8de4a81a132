"""The ground's own coordinates: one plane for all UTM zones, so that every tile sees the same fields."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

Floats = npt.NDArray[np.float64]

PLANE_EPSG = 32735
"""The plane: UTM zone 35 south, used beyond its zone as well (30.2 E is distorted by less than 0.2 %)."""
_LATTICE_M = 100.0
"""Step of the exact transformation; between its points, bilinear interpolation errs by under a millimetre."""


@dataclass(frozen=True)
class Place:
    """A place whose landscape is simulated."""

    lon: float
    """Degrees east, WGS 84."""
    lat: float
    """Degrees north, WGS 84."""
    seed: int
    """The same seed makes the same landscape."""

    @property
    def origin(self) -> tuple[float, float]:
        """Where the place's own coordinates are (0, 0), in the plane, metres."""
        x, y = Transformer.from_crs(4326, PLANE_EPSG, always_xy=True).transform(self.lon, self.lat)
        return float(x), float(y)

    def local(self, epsg: int, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Coordinates of a projected CRS as metres east and north of the place, in the plane."""
        px, py = Transformer.from_crs(epsg, PLANE_EPSG, always_xy=True).transform(x, y)
        return np.asarray(px) - self.origin[0], np.asarray(py) - self.origin[1]

    def local_lattice(self, epsg: int, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Like `local` for all pairs of x (nx,) and y (ny,), both evenly spaced; two arrays (ny, nx)."""
        coarse_x, coarse_y = _coarse(x), _coarse(y)
        px, py = self.local(epsg, *np.meshgrid(coarse_x, coarse_y))
        to_x, to_y = _linear(coarse_x, x), _linear(coarse_y, y)
        return to_y @ px @ to_x.T, to_y @ py @ to_x.T


def _coarse(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, high, max(2, int((high - low) / _LATTICE_M) + 2))


def _linear(coarse: Floats, fine: Floats) -> Floats:
    """The matrix that interpolates from coarse to fine positions; shape (fine, coarse)."""
    matrix = np.zeros((len(fine), len(coarse)))
    position = np.clip((fine - coarse[0]) / max(coarse[1] - coarse[0], 1e-9), 0, len(coarse) - 1)
    low = np.minimum(position.astype(np.int64), len(coarse) - 2)
    rows = np.arange(len(fine))
    matrix[rows, low] = low + 1 - position
    matrix[rows, low + 1] = position - low
    return matrix
