"""COGs of a map of 4096 x 4096 pixels: ours against rio-cogeo, of the same pixels.

Classes are fields of some tens of pixels with scattered errors, in a circle; the probabilities of eight classes go
with them and differ a little from pixel to pixel, as those of ensembles do. Both lie on disk as plain tiled
GeoTIFFs for rio-cogeo, and as one array file per block of 512 x 512 pixels, read one by one, for ours. Both
compress by Deflate with two threads, and reduce classes by mode and probabilities by average.

rio-cogeo is met twice: with our levels of compression and our bands apart, and with its `deflate` profile as it
is. Every run is a process of its own, and they take turns; what is imported is in the memory of all.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import numpy.typing as npt
import rasterio
from rio_cogeo.cogeo import cog_translate
from rio_cogeo.profiles import DEFLATEProfile
from scipy.ndimage import uniform_filter

from benchmarks.measure import Cost, Figure, apart, median, show
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.publish.cog import write_class_map, write_probabilities

SIDE = 4096
"""Rows and columns of the map."""
BLOCK = 512
"""Rows and columns of the blocks that ours is given."""
THREADS = 2
"""Of both."""
REPETITIONS = 3
"""How often each is run."""
GOAL = 2.0
"""Half the time and half the memory."""
GRID = Grid(32736, 200_000, 8_080_000, SIDE, SIDE)
LEGEND = Legend(tuple(CropClass(n, f"crop {n}", f"#{n * 30:02x}8040") for n in range(1, 9)))

Bytes = npt.NDArray[np.uint8]


def ours(folder: Path, target: Path) -> None:
    """Write both COGs block by block."""
    write_class_map(
        target / "classes.tif",
        GRID,
        ((block, pixels[0]) for block, pixels in _blocks(folder / "classes")),
        LEGEND,
        {},
        threads=THREADS,
    )
    probabilities = _blocks(folder / "probabilities")
    write_probabilities(
        target / "probabilities.tif", GRID, probabilities, LEGEND, {}, threads=THREADS
    )


def rio_cogeo(folder: Path, target: Path) -> None:
    """Write both with our settings, but for the order of tiles, which its driver does not have."""
    _translate(folder, target, {"zlevel": 6}, {"zlevel": 1, "interleave": "band"})


def rio_cogeo_as_it_is(folder: Path, target: Path) -> None:
    """Write both with its profile."""
    _translate(folder, target, {}, {})


def _translate(
    folder: Path, target: Path, classes: dict[str, object], probabilities: dict[str, object]
) -> None:
    reductions: tuple[Literal["mode", "average"], ...] = ("mode", "average")
    names = ("classes.tif", "probabilities.tif")
    for name, resampling, options in zip(names, reductions, (classes, probabilities), strict=True):
        cog_translate(
            folder / name,
            target / name,
            {**DEFLATEProfile(), "num_threads": THREADS, **options},
            overview_resampling=resampling,
            config={"GDAL_NUM_THREADS": THREADS},
            quiet=True,
        )


def _blocks(folder: Path) -> Iterator[tuple[Block, Bytes]]:
    for block in GRID.blocks(BLOCK):
        yield block, np.load(folder / f"{block.name}.npy")


def _classes() -> Bytes:
    """Fields of 15 to 60 pixels, turned differently in each eighth of the side, with 5 % of other pixels."""
    rng = np.random.default_rng(20261123)
    part = SIDE // 8
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    y, x = np.mgrid[:part, :part]
    for row in range(0, SIDE, part):
        for col in range(0, SIDE, part):
            angle, (length, width) = rng.uniform(0, np.pi / 2), rng.uniform(15, 60, 2)
            along = ((np.cos(angle) * x + np.sin(angle) * y) // length).astype(int)
            across = ((np.cos(angle) * y - np.sin(angle) * x) // width).astype(int)
            codes = _drawn(rng, (np.ptp(along) + 1, np.ptp(across) + 1))
            fields = codes[along - along.min(), across - across.min()]
            pixels[row : row + part, col : col + part] = fields
    other = rng.random(pixels.shape) < 0.05
    pixels[other] = _drawn(rng, int(other.sum()))
    centre = np.arange(SIDE) - (SIDE - 1) / 2
    pixels[np.hypot(*np.meshgrid(centre, centre)) > SIDE / 2] = 0
    return pixels


def _drawn(rng: np.random.Generator, shape: int | tuple[int, int]) -> Bytes:
    shares = (0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05)
    return rng.choice(np.arange(1, 9, dtype=np.uint8), shape, p=shares)


def _probabilities(classes: Bytes) -> Bytes:
    """The share of each class around a pixel, never 0, with noise of three steps; bytes of 0.005."""
    rng = np.random.default_rng(20261124)
    shares = np.empty((8, *classes.shape), np.float32)
    for index in range(8):
        uniform_filter((classes == index + 1).astype(np.float32), 5, output=shares[index])
        shares[index] += 0.05 + 0.03 * rng.random(classes.shape, np.float32)
    shares /= shares.sum(axis=0)
    pixels = np.rint(shares * 200).astype(np.uint8)
    pixels[:, classes == 0] = 255
    return pixels


def _prepare(folder: Path) -> None:
    """Write the plain files and the blocks."""
    classes = _classes()
    for name, no_data, pixels in (
        ("classes.tif", 0, classes[None]),
        ("probabilities.tif", 255, _probabilities(classes)),
    ):
        with rasterio.open(
            folder / name,
            "w",
            driver="GTiff",
            dtype="uint8",
            count=len(pixels),
            nodata=no_data,
            width=SIDE,
            height=SIDE,
            crs=f"EPSG:{GRID.epsg}",
            transform=GRID.transform,
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
        ) as dataset:
            dataset.write(pixels)
        blocks = (folder / name).with_suffix("")
        blocks.mkdir()
        for block in GRID.blocks(BLOCK):
            np.save(blocks / f"{block.name}.npy", pixels[(..., *block.slices)])


def figures() -> list[Figure]:
    """Seconds, processor seconds, memory and bytes of ours and rio-cogeo's."""
    works: tuple[Callable[[Path, Path], None], ...] = (ours, rio_cogeo, rio_cogeo_as_it_is)
    costs: dict[str, list[Cost]] = {work.__name__: [] for work in works}
    sizes: dict[str, float] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        # a process of its own, so that this one stays small
        apart(_prepare, folder)
        for _ in range(REPETITIONS):
            for work in works:
                target = folder / work.__name__
                target.mkdir(exist_ok=True)
                costs[work.__name__].append(apart(work, folder, target))
                sizes[work.__name__] = sum(p.stat().st_size for p in target.iterdir()) / 1e6
    found = {work: median(measured) for work, measured in costs.items()}
    mine = found.pop(ours.__name__)
    lines = []
    # what is reached is what its users get; where it is told our settings, Deflate itself is half of the work
    for work, its, goal in (
        (rio_cogeo_as_it_is, "rio-cogeo, its profile", GOAL),
        (rio_cogeo, "rio-cogeo, our settings", None),
    ):
        cost = found[work.__name__]
        size = sizes[work.__name__]
        lines += [
            Figure("write classes and probabilities", mine.wall_s, cost.wall_s, "s", goal, its),
            Figure("write classes and probabilities", mine.cpu_s, cost.cpu_s, "cpu-s", None, its),
            Figure("peak memory of writing", mine.peak_mb, cost.peak_mb, "MB", GOAL, its),
            Figure("size of the files", sizes[ours.__name__], size, "MB", None, its),
        ]
    return lines


if __name__ == "__main__":
    show(figures())
