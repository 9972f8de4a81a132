"""Overviews of a raster that is still being written: each row of tiles is reduced when it is whole."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.windows import Window

from geocrop_processes.domain.grid import Block
from geocrop_processes.publish.overviews import Pixels


@dataclass(frozen=True)
class Content:
    """What decides how pixels are reduced and stored."""

    no_data: int
    """The value that means nothing."""
    reduce: Callable[[Pixels, int, int], list[Pixels]]
    """From pixels, the number of overviews and no data to the overviews."""
    reduction: str
    """What `reduce` does, in GDAL's words."""
    level: int
    """Of Deflate: 1 is fast, 9 is small."""


class Strips:
    """Reduces the rows of a raster, beside the thread that writes it."""

    def __init__(
        self, source: Any, targets: list[Any], content: Content, side: int, pool: ThreadPoolExecutor
    ) -> None:
        """Nothing is written yet.

        Args:
            source: the raster, open for reading and writing; used by the thread that calls.
            targets: its overviews, open for writing, finest first; used by the pool's thread.
            content: what the pixels are.
            side: rows of a strip, and columns that are reduced together: a multiple of 2 ** overviews.
            pool: of one thread.
        """
        self._source, self._targets, self._content = source, targets, content
        self._side, self._pool = side, pool
        rows = range(0, source.height, side)
        self._missing = [min(side, source.height - row) * source.width for row in rows]
        self._stale: set[int] = set()
        self._before: Future[None] | None = None

    def written(self, block: Block) -> None:
        """Say that a block has been written, perhaps anew."""
        # a raster of one tile has no overviews, and need not be read
        if not self._targets:
            return
        end = block.row + block.height
        for strip in range(block.row // self._side, -(-end // self._side)):
            top = strip * self._side
            rows = min(end, top + self._side) - max(block.row, top)
            self._missing[strip] -= rows * block.width
            self._stale.add(strip)
            # where blocks lie over each other it may not be whole yet, and is reduced anew after the last
            if self._missing[strip] == 0:
                self._start(strip)

    def finish(self) -> None:
        """Reduce the strips that are not whole or have changed; those that nothing was written to are no data."""
        for strip in sorted(self._stale):
            self._start(strip)
        self._wait()

    def _start(self, strip: int) -> None:
        self._stale.discard(strip)
        row = strip * self._side
        for band in self._source.indexes:
            pixels = self._source.read(band, window=Window(0, row, self._source.width, self._side))
            # one strip is reduced while the next is read; what failed is raised here
            self._wait()
            self._before = self._pool.submit(self._reduce, band, row, pixels)

    def _wait(self) -> None:
        if self._before:
            self._before.result()

    def _reduce(self, band: int, row: int, pixels: Pixels) -> None:
        """Write the overviews of a strip, as if no data surrounded it; square by square, as caches are small."""
        levels, side, no_data = len(self._targets), self._side, self._content.no_data
        cols = range(0, pixels.shape[1], side)
        whole = pixels
        if pixels.shape != (side, len(cols) * side):
            whole = np.full((side, len(cols) * side), no_data, np.uint8)
            whole[: pixels.shape[0], : pixels.shape[1]] = pixels
        squares = [self._content.reduce(whole[:, c : c + side], levels, no_data) for c in cols]
        for n, (target, parts) in enumerate(
            zip(self._targets, zip(*squares, strict=True), strict=True), start=1
        ):
            inside = np.hstack(parts)[: target.height - (row >> n), : target.width]
            target.write(inside, band, window=Window(0, row >> n, *inside.shape[::-1]))
