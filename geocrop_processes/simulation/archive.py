"""The demo's archive: one season of two tiles as cloud-optimised GeoTIFFs and STAC items in a folder.

The folder is a mirror of the bucket: items lie beside the files that they describe, and name them
relative to the folder.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.enums import Resampling

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.progress import Progress
from geocrop_processes.features.bands import BANDS, SCL
from geocrop_processes.simulation.cogs import write_cog
from geocrop_processes.simulation.demo import (
    DEMO_AOI,
    NOTICE,
    demo_landscape,
    demo_witness,
)
from geocrop_processes.simulation.items import Subject, item
from geocrop_processes.simulation.layout import (
    S2_L2A,
    TILES,
    Layout,
    Tile,
    resolution,
    scene_folder,
    scene_name,
)
from geocrop_processes.simulation.passes import Acquisition
from geocrop_processes.simulation.plots import Plots
from geocrop_processes.simulation.sampling import Sampling, of_grid
from geocrop_processes.simulation.sensor import COARSE, FINE, Scene

MANIFEST = "manifest.json"
"""The file that only a complete archive has."""
_THREADS = 2
"""Scenes that are made at once."""


@dataclass(frozen=True)
class Extent:
    """How much is built: all of the demo, or less for a test."""

    size_m: int = 4800
    """The side of the tiles' windows; a multiple of 80 m, so that all overviews hold whole pixels."""
    every: int = 1
    """Every how many-th pass is kept."""


@dataclass(frozen=True)
class _View:
    """A tile's window, what it sees, and how it is delivered."""

    layout: Layout
    copy: int
    tile: Tile
    grid: Grid
    sampling: Sampling
    plots: Plots


def build_archive(
    folder: Path, progress: Progress, extent: Extent = Extent(), layout: Layout = S2_L2A
) -> None:
    """Build the archive, unless the folder already holds this version of it.

    It is written beside the folder and moved into place when it is complete, so that an interrupted
    build leaves nothing that could be taken for an archive. Two processes may call this at once.

    Args:
        folder: where it shall be; an older archive there is replaced.
        progress: is told the share that is done.
        extent: less than all of it, for tests.
        layout: the product whose names and numbers it has; every layout shows the very same ground and sky.
    """
    version = simulator_version(extent, layout)
    if is_current(folder, version):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if is_current(folder, version):
            return
        for stale in folder.parent.glob(f".{folder.name}.part-*"):
            shutil.rmtree(stale)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent))
        scenes = _write_scenes(part, progress, extent, layout)
        manifest = {"version": version, "notice": NOTICE, "scenes": scenes}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        part.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)


def is_current(folder: Path, version: str) -> bool:
    """Whether a folder holds a complete archive of a version."""
    try:
        return bool(json.loads((folder / MANIFEST).read_text())["version"] == version)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def simulator_version(extent: Extent = Extent(), layout: Layout = S2_L2A) -> str:
    """A digest of the simulator's own source text, the extent and the layout: an edit makes archives outdated."""
    digest = hashlib.sha256(f"{extent} {layout.collection}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process at a time is inside; the lock file stays."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write_scenes(folder: Path, progress: Progress, extent: Extent, layout: Layout) -> int:
    """Write all scenes; how many there are."""
    progress(0.0, "Laying out the simulated landscape")
    passes = demo_witness().passes[:: extent.every]
    views = [_view(copy, tile, extent, layout) for copy, tile in enumerate(TILES)]
    wrong = scene_name(layout, TILES[0], _clearest(passes))
    with ThreadPoolExecutor(_THREADS) as pool:
        jobs = [
            pool.submit(_write_scene, folder, view, acquisition, wrong)
            for acquisition in passes
            for view in views
        ]
        scenes = 0
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                scenes += job.result()
                progress(done / len(jobs), f"Simulated scene {done} of {len(jobs)}")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return scenes


def _view(copy: int, tile: Tile, extent: Extent, layout: Layout) -> _View:
    grid = tile.window(DEMO_AOI, extent.size_m)
    sampling = of_grid(demo_landscape(), grid)
    return _View(layout, copy, tile, grid, sampling, sampling.plots(demo_witness().fields))


def _clearest(passes: tuple[Acquisition, ...]) -> Acquisition:
    """The clearest pass of the whole place in the rains: the one whose flag is wrong, so that it matters."""
    clear = demo_witness().climate.clear
    whole = [a for a in passes if not a.partial]
    return max(whole, key=lambda a: (60 <= a.dos < 210, clear[a.number], -a.number))


def _write_scene(folder: Path, view: _View, acquisition: Acquisition, wrong: str) -> bool:
    """Write a scene, unless its swath misses the window; whether there is one."""
    witness = demo_witness()
    scene = witness.scene(acquisition, view.sampling, view.plots, view.copy)
    if not scene.scl.any():
        return False
    target = folder / scene_folder(view.layout, view.tile, acquisition)
    target.mkdir(parents=True)
    for band, values in _rasters(scene, view).items():
        pixel = resolution(band)
        write_cog(
            target / f"{band}.tif",
            values,
            view.grid.epsg,
            Affine(pixel, 0, view.grid.left, 0, -pixel, view.grid.top),
            Resampling.nearest if band == SCL else Resampling.average,
        )
    name = scene_name(view.layout, view.tile, acquisition)
    subject = Subject(
        layout=view.layout,
        tile=view.tile,
        grid=view.grid,
        acquisition=acquisition,
        swath=witness.climate.swath if acquisition.partial else None,
        flagged=name != wrong,
    )
    document = item(subject, demo_landscape().place, scene.scl)
    (target / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    return True


def _rasters(
    scene: Scene, view: _View
) -> dict[str, npt.NDArray[np.uint16] | npt.NDArray[np.uint8]]:
    """A scene's bands and classification as rasters, by name."""
    grid, added = view.grid, np.uint16(view.layout.added_dn)
    half = grid.height // 2, grid.width // 2
    values = {
        **{BANDS[b]: v.reshape(grid.shape) for b, v in zip(FINE, scene.fine, strict=True)},
        **{BANDS[b]: v.reshape(half) for b, v in zip(COARSE, scene.coarse, strict=True)},
    }
    # no data stays 0: the processor adds the offset to what was measured only
    delivered = {band: np.where(dn == 0, dn, dn + added) for band, dn in values.items()}
    return {**delivered, SCL: scene.scl.reshape(half)}
