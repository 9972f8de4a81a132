"""Read scenes on a block: an xarray.DataArray (time, band, y, x) of harmonised digital numbers and SCL.

One time step is one acquisition: all tiles that a satellite delivered of one solar day. Its scenes in the
grid's own CRS come first; a copy from the other side of a UTM seam fills only pixels that they lack, nearest,
so that the same observation is never counted twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, product

import numpy as np
import numpy.typing as npt
import xarray as xr

from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.features.bands import NO_DATA_DN, SCL, is_clear
from geocrop_processes.imagery.access import Access, read_window
from geocrop_processes.imagery.nearest import Places
from geocrop_processes.imagery.scene import FILES, LeftOut, Scene

_SCL = FILES.index(SCL)
"""The layer of the scene classification; those before it are the bands."""
_ROWS = 64
"""Rows that are looked at once."""


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

    SCL of all acquisitions is read first, then the bands of those with a clear pixel that matters. All that is held
    is the cube (22 bytes for each pixel and acquisition), masks (1 or 2), and the windows that are read at once.

    Args:
        observed: the time steps.
        grid: of the block.
        inside: (height, width), the pixels that matter: bands are read only where one of them is clear.
        access: how files are opened.
    """
    pixels = np.zeros((len(observed), len(FILES), *grid.shape), np.uint16)
    places = Places(grid)
    steps = [_Step(a, places, inside, layers) for a, layers in zip(observed, pixels, strict=True)]
    with access.pool(f for a in observed for s in a.scenes for f in s.files.values()) as pool:
        # a round for each place in the order of an acquisition's scenes: most have one, and end with it
        while due := [step for step in steps if step.has_next()]:
            list(pool.map(_Step.read_classes, due))
            list(pool.map(_Step.read_band, *zip(*product(due, range(_SCL)), strict=True)))
            list(pool.map(_Step.settle, due))
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
        tuple(key for step in steps for key in step.used),
        tuple(scene for step in steps for scene in step.left_out),
    )


class _Step:
    """One time step while it is read, scene by scene: each pixel comes from the first that has it, SCL != 0.

    Args:
        observed: the acquisition.
        places: of the grid.
        inside: (height, width), the pixels that matter.
        pixels: (band, y, x) of zeros, to be filled.
    """

    def __init__(
        self,
        observed: Acquisition,
        places: Places,
        inside: npt.NDArray[np.bool_],
        pixels: npt.NDArray[np.uint16],
    ) -> None:
        self.used: list[str] = []
        """Keys of the scenes that gave clear pixels."""
        self.left_out: list[LeftOut] = []
        """Those that could not be read."""
        self._scenes = iter(observed.scenes)
        self._places, self._lacking, self._pixels = places, inside, pixels
        self._errors: dict[int, SceneUnreadable] = {}

    def has_next(self) -> bool:
        """Go on to the next scene; there is none where no pixel lacks."""
        scene = next(self._scenes, None) if self._lacking.any() else None
        if scene is not None:
            self._scene = scene
            self._nearest = [self._places.of(scene.files[name], scene.epsg) for name in FILES]
        return scene is not None

    def read_classes(self) -> None:
        """Read SCL: which pixels the scene gives, and whether one of them is clear."""
        classes = self._read(_SCL)
        self._taken = self._lacking & (classes != 0)
        self._whole = bool(self._taken.all())
        np.copyto(self._pixels[_SCL], classes, where=self._taken)
        self._sees = bool((is_clear(classes.astype(np.uint8)) & self._taken).any())

    def read_band(self, band: int) -> None:
        """Read a band, unless nothing is clear or the scene is known to be unreadable.

        Bands are begun in their order: what of several is told to be unreadable is always the first.
        """
        if not self._sees or self._errors:
            return
        if self._whole:
            self._read(band, self._pixels[band])
        else:
            np.copyto(self._pixels[band], self._read(band), where=self._taken)

    def settle(self) -> None:
        """Keep what the scene gave, or nothing where it could not be read."""
        if self._errors:
            self.left_out.append(LeftOut(self._scene.key, str(self._errors[min(self._errors)])))
            self._pixels[:, self._taken] = 0
            self._errors = {}
        else:
            if self._sees and self._gave():
                self.used.append(self._scene.key)
            self._lacking = self._lacking & ~self._taken
        del self._taken

    def _gave(self) -> bool:
        """Whether it gave a clear pixel with data in all bands; the first rows mostly tell."""
        for top in range(0, len(self._taken), _ROWS):
            rows = slice(top, top + _ROWS)
            clear = is_clear(self._pixels[_SCL, rows].astype(np.uint8)) & self._taken[rows]
            if (clear & (self._pixels[:_SCL, rows] != NO_DATA_DN).all(axis=0)).any():
                return True
        return False

    def _read(
        self, layer: int, out: npt.NDArray[np.uint16] | None = None
    ) -> npt.NDArray[np.uint16]:
        """A layer on the grid, harmonised; zeros where the file does not reach or cannot be read."""
        out = np.zeros(self._pixels.shape[1:], np.uint16) if out is None else out
        nearest = self._nearest[layer]
        if nearest.window is not None:
            try:
                window = read_window(self._scene.files[FILES[layer]], nearest.window)
            except SceneUnreadable as error:
                self._errors[layer if layer != _SCL else -1] = error
            else:
                if layer != _SCL:
                    _harmonise(window, self._scene.offset)
                nearest.fill(out, window)
        return out


def _harmonise(dn: npt.NDArray[np.uint16], offset: int) -> None:
    """`features.bands.harmonise` in place, for offsets up to 0: it is a third of the time, and no copy."""
    if offset:
        data = dn != NO_DATA_DN
        np.maximum(dn, 1 - offset, out=dn)
        dn -= np.uint16(-offset)
        dn *= data
