"""One site of an extraction: read its scenes about the labelled pixels, compute their features, store them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from io import BytesIO

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.as_of import WHOLE, dekads_of_as_of
from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import TooFewScenes
from geocrop_processes.features.compute import Features, compute_block
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import Acquisition, Observed, acquisitions, read_cube
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.plan import check_enough
from geocrop_processes.pipeline.sample_steps import SamplePlan, Site, SiteTask, task_key
from geocrop_processes.pipeline.sites import Pixels
from geocrop_processes.storage import RESULTS, Storage, result_key

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SiteResult:
    """What was seen at a site; n pixels, k dates: the whole season, then each as-of date."""

    values: npt.NDArray[np.float32]
    """(k, n, 51) features, NaN where a pixel was not seen clearly often enough."""
    n_valid: npt.NDArray[np.uint8]
    """(k, n) valid dekads."""
    max_gap_days: npt.NDArray[np.uint16]
    """(k, n) the longest time without one, days."""
    pixels: npt.NDArray[np.int64]
    """(n, 5): column and row in the zone, the label's row, code, group."""
    places: npt.NDArray[np.float64]
    """(n, 2): longitude and latitude of the pixels' centres."""
    used: npt.NDArray[np.str_]
    """Keys of the scenes that gave clear pixels, in order."""
    left_out: npt.NDArray[np.str_]
    """(scenes, 2): keys of those that could not be read, and why."""
    failure: npt.NDArray[np.str_]
    """Why the site gave nothing, a single text; empty where it did."""

    def to_bytes(self) -> bytes:
        """The result as a checkpoint: npz, which holds arrays only."""
        buffer = BytesIO()
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(buffer, **arrays, allow_pickle=False)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "SiteResult":
        """The inverse of `to_bytes`."""
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def sample_block(
    planned: SamplePlan,
    site: Site,
    storage: Storage,
    access: Access,
    *,
    attempt: int = 1,
    abandoned: Asked = never,
) -> None:
    """Look at one site and store its samples as a checkpoint; doing so twice stores the same bytes.

    Args:
        planned: the job's plan.
        site: which of its sites.
        storage: where the site's task is, and where the checkpoint goes.
        access: how scenes are read.
        attempt: names the checkpoint: one that comes late overwrites no other attempt's.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; nothing is stored.
        StorageUnavailable: the task cannot be read, or the checkpoint not be stored.
    """
    result = _look(stored_task(planned, site, storage), (WHOLE, *planned.as_of), access, abandoned)
    leave(abandoned)
    key = _checkpoint(planned, site, attempt)
    storage.put(RESULTS, key, result.to_bytes(), "application/octet-stream")


def stored_sites(
    planned: SamplePlan, storage: Storage, attempts: Mapping[str, int], abandoned: Asked = never
) -> Iterator[tuple[Site, SiteResult]]:
    """Every site with what was seen of it, one at a time; arguments and errors as `stored_results` of a map's."""
    for site in planned.sites:
        leave(abandoned)
        key = _checkpoint(planned, site, attempts.get(site.name, 1))
        yield site, SiteResult.from_bytes(storage.get(RESULTS, key))


def stored_task(planned: SamplePlan, site: Site, storage: Storage) -> SiteTask:
    """What a site's step was given."""
    return SiteTask.from_json(storage.get(RESULTS, task_key(planned.job_id, site.name)))


def _look(task: SiteTask, dates: tuple[str, ...], access: Access, abandoned: Asked) -> SiteResult:
    """Read and compute, window by window; a site with too little to read gives nothing but the reason."""
    observed = acquisitions(task.scenes, task.epsg, task.request.aoi.lon)
    pixels = task.pixels
    untils = [dekads_of_as_of(date) for date in dates]
    seen = _Seen(len(untils), len(pixels))
    for grid, members in _windows(task, pixels):
        leave(abandoned)
        rows, columns = pixels.take(members).within(grid)
        inside = np.zeros(grid.shape, np.bool_)
        inside[rows, columns] = True
        read = read_cube(observed, grid, inside, access)
        seen.note(read)
        try:
            _check_enough(observed, read, task.request.min_acquisitions)
        except TooFewScenes as error:
            return _Seen(len(untils), 0).result(task, pixels.take([]), str(error))
        # features come row by row of the window; two labels may speak of one pixel
        place = np.searchsorted(np.flatnonzero(inside), rows * grid.width + columns)
        days = [a.day for a in observed]
        for k, until in enumerate(untils):
            seen.keep(k, members, compute_block(read.cube.values, inside, days, until=until), place)
    return seen.result(task, pixels)


class _Seen:
    """What was seen so far of the n pixels of a site as of k dates."""

    def __init__(self, k: int, n: int) -> None:
        self._values = np.full((k, n, len(FEATURE_ORDER_V1)), np.nan, np.float32)
        self._n_valid = np.zeros((k, n), np.uint8)
        self._max_gap_days = np.zeros((k, n), np.uint16)
        self._used: dict[str, None] = {}
        self._left_out: dict[str, str] = {}

    def note(self, read: Observed) -> None:
        """Which scenes gave something, and which could not be read."""
        self._used |= dict.fromkeys(read.used)
        self._left_out |= {scene.key: scene.reason for scene in read.left_out}

    def keep(self, k: int, members: Ints, found: Features, place: Ints) -> None:
        """The features of some pixels, which are at `place` of those found."""
        self._values[k, members] = found.values[:, place].T
        self._n_valid[k, members] = found.n_valid[place]
        self._max_gap_days[k, members] = found.max_gap_days[place]

    def result(self, task: SiteTask, pixels: Pixels, failure: str = "") -> SiteResult:
        """All of it; of a site that gave nothing, the reason."""
        told = np.array([task.of_label[n] for n in pixels.labels.tolist()], np.int64).reshape(-1, 2)
        numbers = np.stack([pixels.columns, pixels.rows, pixels.labels], axis=1)
        return SiteResult(
            values=self._values,
            n_valid=self._n_valid,
            max_gap_days=self._max_gap_days,
            pixels=np.concatenate([numbers, told], axis=1),
            places=np.stack(pixels.places(), axis=1),
            used=np.array(sorted(self._used), str),
            left_out=np.array(sorted(self._left_out.items()), str).reshape(-1, 2),
            failure=np.array(failure, str),
        )


def _windows(task: SiteTask, pixels: Pixels) -> Iterator[tuple[Grid, Ints]]:
    """Parts of the site that hold labelled pixels, as small as can be, and the numbers of these."""
    whole = pixels.grid
    rows, columns = pixels.within(whole)
    for block in whole.blocks(task.request.block_px, task.anchor):
        below, right = rows - block.row, columns - block.col
        inside = (below >= 0) & (below < block.height) & (right >= 0) & (right < block.width)
        if inside.any():
            members = np.flatnonzero(inside)
            yield pixels.take(members).grid, members


def _check_enough(observed: Sequence[Acquisition], read: Observed, needed: int) -> None:
    """Raises: TooFewScenes: so many scenes cannot be read that too few acquisitions are left."""
    unreadable = {scene.key for scene in read.left_out}
    readable = [a for a in observed if not unreadable.issuperset(s.key for s in a.scenes)]
    check_enough(len(readable), needed, read.left_out)


def _checkpoint(planned: SamplePlan, site: Site, attempt: int) -> str:
    return result_key(planned.job_id, f"blocks/{site.name}.{attempt}.npz")
