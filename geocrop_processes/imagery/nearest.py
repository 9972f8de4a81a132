"""Which pixel of a file lies under the centre of each pixel of a grid.

It is found exactly, point by point: on aligned grids that is the very window (10 m) or its 2 x 2 repetition
(20 m), and across zones it is the nearest pixel, whatever block asks for it.
"""

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from geocrop_processes.domain.grid import Grid
from geocrop_processes.imagery.scene import BandFile

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


class Nearest:
    """The pixels of files of one size and place under the centres of a grid.

    Args:
        file: any of them.
        x: the centres' eastings in the file's CRS, metres; (1, width), or (height, width) where they are not those
            of a grid.
        y: their northings; (height, 1), or (height, width).
    """

    def __init__(self, file: BandFile, x: _Floats, y: _Floats) -> None:
        rows = np.floor((file.top - y) / file.pixel_m).astype(np.int64)
        cols = np.floor((x - file.left) / file.pixel_m).astype(np.int64)
        row_window, row_valid = _span(rows, file.shape[0])
        col_window, col_valid = _span(cols, file.shape[1])
        self.window: tuple[slice, slice] | None = None
        """(rows, columns) of the file to be read; none where it does not reach the grid."""
        self._lines = x.shape[0] == 1 and y.shape[1] == 1
        if row_window.start >= row_window.stop or col_window.start >= col_window.stop:
            return
        self.window = row_window, col_window
        rows, cols = rows - row_window.start, cols - col_window.start
        if self._lines:
            self._target = _run(row_valid[:, 0]), _run(col_valid[0])
            self._rows, self._cols = rows[self._target[0], 0], cols[0, self._target[1]]
        else:
            self._valid = row_valid & col_valid
            width = col_window.stop - col_window.start
            self._points = np.where(self._valid, rows * width + cols, 0)

    def fill(self, out: npt.NDArray[np.uint16], window: npt.NDArray[np.uint16]) -> None:
        """Put what was read of `window` into a grid's pixels; those that the file does not reach stay as they are.

        Args:
            out: (height, width) of the grid.
            window: as read, in the file's own pixels.
        """
        if not self._lines:
            np.copyto(out, window.take(self._points), where=self._valid)
        elif window.shape == (len(self._rows), len(self._cols)):
            out[self._target] = window
        else:
            # row by row is copying, so the columns go first, while the rows are few
            out[self._target] = window.take(self._cols, axis=1).take(self._rows, axis=0)


class Places:
    """Every `Nearest` of one grid: found once for all files that lie alike, such as those of a tile."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._centres: dict[int, tuple[_Floats, _Floats]] = {}
        self._found: dict[tuple[object, ...], Nearest] = {}

    def of(self, file: BandFile, epsg: int) -> Nearest:
        """That of a file, and of its scene's CRS."""
        key = epsg, file.pixel_m, file.left, file.top, file.shape
        if key not in self._found:
            self._found[key] = Nearest(file, *self._centres_in(epsg))
        return self._found[key]

    def _centres_in(self, epsg: int) -> tuple[_Floats, _Floats]:
        if epsg not in self._centres:
            axis_x, axis_y = self._grid.centres()
            x, y = axis_x[None, :], axis_y[:, None]
            if epsg != self._grid.epsg:
                transformer = Transformer.from_crs(self._grid.epsg, epsg, always_xy=True)
                every_x, every_y = np.broadcast_arrays(x, y)
                x, y = transformer.transform(every_x, every_y)
            self._centres[epsg] = x, y
        return self._centres[epsg]


def _span(index: _Ints, size: int) -> tuple[slice, npt.NDArray[np.bool_]]:
    """The part of 0..size that indices need, and which of them lie in it."""
    needed = slice(max(int(index.min()), 0), min(int(index.max()) + 1, size))
    return needed, (index >= 0) & (index < size)


def _run(valid: npt.NDArray[np.bool_]) -> slice:
    """Where the one run of true values lies: lines of a grid meet a file without a gap."""
    first = int(valid.argmax())
    return slice(first, first + int(valid.sum()))
