"""The whole of a map of 1024 x 1024 pixels and 40 dates, from COGs on disk to class and confidence COGs.

Ours against the naive one of `benchmarks.naive`, each in a fresh process with two threads; what is made once
(imports, compiled kernels, loaded models) is made before. Then what must hold of the map itself: the same bytes for
any size of blocks and number of threads, and the classes of the plain twin (numpy features, libraries' predict).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from benchmarks.measure import Figure, apart, median, show
from benchmarks.naive import naive
from benchmarks.whole import FOLDER, ours, plain_twin

_REPETITIONS = 3


def figures() -> list[Figure]:
    """Wall, processor time and memory of the whole, and how exact the map is."""
    mine = [apart(ours, "pipeline-0")]
    # the naive one takes minutes: what it varies by is small beside the ratio
    theirs = apart(naive, FOLDER / "naive")
    mine += [apart(ours, f"pipeline-{repetition}") for repetition in range(1, _REPETITIONS)]
    cost = median(mine)
    against = "odc-stac, xarray, libraries' predict, rio-cogeo"
    return [
        Figure("whole map, wall", cost.wall_s, theirs.wall_s, "s", 30, against),
        Figure("whole map, processor", cost.cpu_s, theirs.cpu_s, "cpu-s", None, against),
        Figure("whole map, peak memory", cost.peak_mb, theirs.peak_mb, "MB", 2, against),
        *exactness(),
    ]


def exactness() -> list[Figure]:
    """Maps of one square: by blocks of other sizes, by one thread, and by the plain twin."""
    bytes_of = {}
    for name, block_px, threads in (
        ("blocks-512", 512, 2),
        ("blocks-256", 256, 1),
        ("blocks-200", 200, 2),
        ("blocks-1024", 1024, 1),
    ):
        product = ours(name, block_px=block_px, threads=threads)()
        bytes_of[name] = (product.checksums["class-map"], product.checksums["confidence"])
    classes = _read(FOLDER / "storage/geocrop-results/results/blocks-512/class-map.tif")
    expected, margin = plain_twin(side=512)
    differ = classes[:512, :512] != expected
    share = 1e5 * differ.sum() / differ.size
    return [
        Figure(
            "distinct maps by blocks of 200 to 1024 px and one or two threads",
            len(set(bytes_of.values())),
            1,
            "maps",
            1,
        ),
        Figure("pixels of 100,000 that differ from the plain twin", share, 1, "px", 1, "allowed"),
        Figure(
            "largest margin of a pixel that differs",
            float(margin[differ].max(initial=0)),
            0.001,
            "1",
            1,
            "allowed",
        ),
    ]


def _read(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as source:
        pixels: npt.NDArray[np.uint8] = source.read(1)
    return pixels


if __name__ == "__main__":
    show(figures())
