"""Read scenes on a block: an xarray.DataArray (time, band, y, x) of harmonised digital numbers and SCL.

One time step is one acquisition: all tiles that a satellite delivered of one solar day. Its scenes in the
grid's own CRS come first; a copy from the other side of a UTM seam fills only pixels that they lack, nearest,
so that the same observation is never counted twice.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np
import numpy.typing as npt
import xarray as xr
from pyproj import Transformer

from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.features.bands import BANDS, NO_DATA_DN, SCL, harmonise, is_clear
from geocrop_processes.imagery.access import Access, read_window
from geocrop_processes.imagery.scene import FILES, BandFile, LeftOut, Scene


@dataclass(frozen=True)
class Acquisition:
    """What one satellite saw on one solar day."""

    day: date
    """The solar day."""
    platform: str
    """The satellite."""
    scenes: tuple[Scene, ...]
    """In the order in which they fill a pixel: the grid's own CRS first, then by time and name."""


@dataclass(frozen=True)
class Observed:
    """What was read of some acquisitions."""

    cube: xr.DataArray
    """uint16 (time, band, y, x): bands `BANDS` harmonised (offset applied, 0 = no data), then SCL."""
    used: tuple[str, ...]
    """Keys of the scenes that gave at least one clear pixel, in order."""
    left_out: tuple[LeftOut, ...]
    """Scenes that could not be read."""


def acquisitions(scenes: Iterable[Scene], epsg: int, lon: float) -> list[Acquisition]:
    """Group scenes into acquisitions, by day and platform, whatever order they come in.

    Args:
        scenes: of any UTM zones.
        epsg: the grid's own CRS, whose scenes go first.
        lon: the longitude whose solar day counts, degrees.
    """

    def group(scene: Scene) -> tuple[date, str]:
        return scene.solar_day(lon), scene.platform

    ordered = sorted(scenes, key=lambda s: (*group(s), s.epsg != epsg, *s.sort_key))
    return [
        Acquisition(day, platform, tuple(members))
        for (day, platform), members in groupby(ordered, key=group)
    ]


def read_cube(
    observed: Sequence[Acquisition], grid: Grid, inside: npt.NDArray[np.bool_], access: Access
) -> Observed:
    """Read every acquisition on a grid.

    Args:
        observed: the time steps.
        grid: of the block.
        inside: (height, width), the pixels that matter: bands are read only where one of them is clear.
        access: how files are opened.
    """
    pixels = np.zeros((len(observed), len(FILES), *grid.shape), np.uint16)
    with ThreadPoolExecutor(access.threads) as pool:
        read = list(
            pool.map(
                lambda i: _read_acquisition(observed[i], grid, inside, access, pixels[i]),
                range(len(observed)),
            )
        )
    x, y = grid.centres()
    cube = xr.DataArray(
        pixels,
        dims=("time", "band", "y", "x"),
        coords={
            "time": np.array([a.day for a in observed], "datetime64[ns]"),
            "band": list(FILES),
            "y": y,
            "x": x,
        },
        attrs={"crs": f"EPSG:{grid.epsg}"},
    )
    return Observed(
        cube,
        tuple(key for used, _ in read for key in used),
        tuple(scene for _, unreadable in read for scene in unreadable),
    )


def _read_acquisition(
    observed: Acquisition,
    grid: Grid,
    inside: npt.NDArray[np.bool_],
    access: Access,
    pixels: npt.NDArray[np.uint16],
) -> tuple[list[str], list[LeftOut]]:
    """Fill one time step (band, y, x): each pixel comes from the first scene that has it, SCL != 0.

    Returns the keys of the scenes that gave clear pixels, and those that could not be read.
    """
    used, unreadable = [], []
    lacking = inside.copy()
    with access.environment():
        for scene in observed.scenes:
            if not lacking.any():
                break
            try:
                part = _read_scene(scene, grid, lacking)
            except SceneUnreadable as error:
                unreadable.append(LeftOut(scene.key, str(error)))
                continue
            taken = lacking & (part[-1] != 0)
            if (
                is_clear(part[-1].astype(np.uint8)) & (part != NO_DATA_DN).all(axis=0) & taken
            ).any():
                used.append(scene.key)
            pixels[:, taken] = part[:, taken]
            lacking &= ~taken
    return used, unreadable


def _read_scene(scene: Scene, grid: Grid, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """One scene (band, y, x), SCL last; no data where the scene does not reach.

    SCL is read first: where no wanted pixel is clear, the bands stay 0 and their files closed.
    """
    pixels = np.zeros((len(FILES), *grid.shape), np.uint16)
    read = _Reader(scene, grid)
    pixels[-1] = read(scene.files[SCL])
    if (is_clear(pixels[-1].astype(np.uint8)) & wanted).any():
        for i, band in enumerate(BANDS):
            pixels[i] = harmonise(read(scene.files[band]), scene.offset)
    return pixels


class _Reader:
    """Nearest pixels of a scene's files at the centres of a grid's pixels.

    The pixel under a centre is found exactly, point by point: on aligned grids that is the very window (10 m)
    or its 2 x 2 repetition (20 m), and across zones it is the nearest pixel, whatever block asks for it.
    """

    def __init__(self, scene: Scene, grid: Grid) -> None:
        x, y = grid.centres()
        self._x, self._y = x[None, :], y[:, None]
        self._shape = grid.shape
        if scene.epsg != grid.epsg:
            transformer = Transformer.from_crs(grid.epsg, scene.epsg, always_xy=True)
            every_x, every_y = np.broadcast_arrays(self._x, self._y)
            self._x, self._y = transformer.transform(every_x, every_y)

    def __call__(self, file: BandFile) -> npt.NDArray[np.uint16]:
        rows = np.floor((file.top - self._y) / file.pixel_m).astype(np.int64)
        cols = np.floor((self._x - file.left) / file.pixel_m).astype(np.int64)
        row_window, row_valid = _span(rows, file.shape[0])
        col_window, col_valid = _span(cols, file.shape[1])
        if row_window.start >= row_window.stop or col_window.start >= col_window.stop:
            return np.zeros(self._shape, np.uint16)
        window = read_window(file, (row_window, col_window))
        nearest = window[
            np.clip(rows - row_window.start, 0, window.shape[0] - 1),
            np.clip(cols - col_window.start, 0, window.shape[1] - 1),
        ]
        return np.where(row_valid & col_valid, nearest, 0).astype(np.uint16)


def _span(index: npt.NDArray[np.int64], size: int) -> tuple[slice, npt.NDArray[np.bool_]]:
    """The part of 0..size that indices need, and which of them lie in it."""
    return slice(max(int(index.min()), 0), min(int(index.max()) + 1, size)), (index >= 0) & (
        index < size
    )
