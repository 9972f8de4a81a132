"""From plots of ground to pixels: which plots a pixel sees, and how much of each.

A pixel sees the ground through a Gaussian point spread function, of 5 m (standard deviation) in the 10 m
bands and 10 m in the 20 m bands; it is sampled by 5 x 5 points one standard deviation apart. So pixels at
the edges of fields are mixed, more so in the 20 m bands.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from geocrop_processes.domain.grid import Grid
from geocrop_processes.simulation.ground import Floats
from geocrop_processes.simulation.landscape import Landscape
from geocrop_processes.simulation.plots import Plots

Ints = npt.NDArray[np.int64]

SIGMA_10M, SIGMA_20M = 5.0, 10.0
"""Standard deviations of the point spread function in metres."""
_TAPS = np.arange(-2, 3)
_BELL = np.exp(-0.5 * _TAPS.astype(np.float64) ** 2)
_WEIGHTS = (np.outer(_BELL, _BELL) / _BELL.sum() ** 2).ravel().astype(np.float32)
_PATCH_BITS = 20


@dataclass(frozen=True)
class Sampling:
    """What a set of pixels sees of a landscape; m plots, n pixels of 10 m, k pixels of 20 m."""

    field: Ints
    """Field of every plot; shape (m,)."""
    patch: Ints
    """Patch of ground of every plot; shape (m,)."""
    weights_10m: csr_array
    """Share of every plot in the 10 m pixels, rows sum to 1; shape (n, m)."""
    weights_20m: csr_array
    """Share of every plot in the 20 m pixels; shape (k, m)."""
    parent: Ints
    """The 20 m pixel that every 10 m pixel lies in; shape (n,)."""
    x: Floats
    """Metres east of the place, of the 20 m pixels' centres; shape (k,)."""
    y: Floats
    """Metres north of the place; shape (k,)."""

    def labels(self, landscape: Landscape) -> npt.NDArray[np.uint8]:
        """The class of the legend that most of each 10 m pixel shows; shape (n,)."""
        code = landscape.code(self.field)
        member = np.zeros((len(code), 15), np.float32)
        member[np.arange(len(code)), code] = 1
        label: npt.NDArray[np.int64] = np.argmax(self.weights_10m @ member, axis=1)
        return label.astype(np.uint8)

    def plots(self, fields: Plots) -> Plots:
        """The plots' properties, from those of all fields."""
        return fields.patches(self.field, self.patch)


def of_grid(landscape: Landscape, grid: Grid) -> Sampling:
    """The pixels of a grid, row by row; its height and width are even."""
    x = grid.left + SIGMA_10M * np.arange(-2.0, 2 * grid.width + 3)
    y = grid.top - SIGMA_10M * np.arange(-2.0, 2 * grid.height + 3)
    local_x, local_y = landscape.place.local_lattice(grid.epsg, x, y)
    plot, field, patch = _plots(landscape, local_x.ravel(), local_y.ravel())
    lattice = plot.reshape(local_x.shape)
    rows, cols = np.divmod(np.arange(grid.height * grid.width), grid.width)
    # the lattice starts 10 m outside the grid: point 3 + 2 i is the centre of 10 m pixel i, and point
    # 4 + 4 i that of 20 m pixel i
    return Sampling(
        field=field,
        patch=patch,
        weights_10m=_matrix(_windows(lattice[1:-1, 1:-1], 2, 1), len(field)),
        weights_20m=_matrix(_windows(lattice, 4, 2), len(field)),
        parent=(rows // 2) * (grid.width // 2) + cols // 2,
        x=local_x[4:-2:4, 4:-2:4].ravel(),
        y=local_y[4:-2:4, 4:-2:4].ravel(),
    )


def of_points(landscape: Landscape, epsg: int, x: Floats, y: Floats) -> Sampling:
    """Single 10 m pixels, by their centres (n,) in a UTM zone; every one has its own 20 m pixel."""
    coarse_x, coarse_y = np.floor(x / 20) * 20 + 10, np.floor(y / 20) * 20 + 10
    fine = _taps(x, SIGMA_10M, y)
    coarse = _taps(coarse_x, SIGMA_20M, coarse_y)
    local = landscape.place.local(
        epsg, np.concatenate([fine[0], coarse[0]]), np.concatenate([fine[1], coarse[1]])
    )
    plot, field, patch = _plots(landscape, *local)
    half = len(x) * len(_WEIGHTS)
    centre_x, centre_y = landscape.place.local(epsg, coarse_x, coarse_y)
    return Sampling(
        field=field,
        patch=patch,
        weights_10m=_matrix(plot[:half], len(field)),
        weights_20m=_matrix(plot[half:], len(field)),
        parent=np.arange(len(x)),
        x=centre_x,
        y=centre_y,
    )


def _plots(landscape: Landscape, x: Floats, y: Floats) -> tuple[npt.NDArray[np.int32], Ints, Ints]:
    """The plots at points, numbered from 0, and the field and patch of each."""
    terrain = landscape.terrain
    key = (terrain.field(x, y) << _PATCH_BITS) | terrain.patch(x, y)
    plots, plot = np.unique(key, return_inverse=True)
    return plot.astype(np.int32), plots >> _PATCH_BITS, plots & ((1 << _PATCH_BITS) - 1)


def _taps(x: Floats, sigma: float, y: Floats) -> tuple[Floats, Floats]:
    dy, dx = np.meshgrid(_TAPS * sigma, _TAPS * sigma, indexing="ij")
    return (x[:, None] + dx.ravel()).ravel(), (y[:, None] - dy.ravel()).ravel()


def _windows(lattice: npt.NDArray[np.int32], step: int, apart: int) -> npt.NDArray[np.int32]:
    """All 5 x 5 windows of points `apart` from each other, `step` from window to window; flat."""
    side = 4 * apart + 1
    views = np.lib.stride_tricks.sliding_window_view(lattice, (side, side))
    return views[::step, ::step, ::apart, ::apart].reshape(-1)


def _matrix(plot: npt.NDArray[np.int32], plots: int) -> csr_array:
    taps = len(_WEIGHTS)
    pixels = len(plot) // taps
    ends = np.arange(0, len(plot) + 1, taps, dtype=np.int32)
    matrix = csr_array((np.tile(_WEIGHTS, pixels), plot.copy(), ends), shape=(pixels, plots))
    matrix.sum_duplicates()
    return matrix
