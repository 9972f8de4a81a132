"""A place and season in, the 51 features of its pixels out, as a cloud-optimised GeoTIFF with a STAC item.

`plan_features` decides, `features_block` computes one block and stores it, `finish_features` assembles the raster. A
queue calls them one by one, anywhere, in any order of blocks, again after a failure; `extract_features` calls them
here.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

import geocrop_processes
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.errors import NothingClear
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.series import MIN_DEKADS
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import public_address
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.block import discard_results
from geocrop_processes.pipeline.plan import (
    Find,
    Plan,
    Request,
    anchor_of,
    native_scene,
    search,
    usable,
)
from geocrop_processes.pipeline.view import View, view
from geocrop_processes.publish.assets import COG, GEOJSON, ProducedFile
from geocrop_processes.publish.feature_cog import write_features
from geocrop_processes.publish.feature_item import FeatureRecord, feature_item
from geocrop_processes.publish.record import LeftOutScene, SourceScene
from geocrop_processes.storage import RESULTS, Storage

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""
FEATURES, ITEM = "features.tif", "item.json"
"""The names of the files."""


@dataclass(frozen=True)
class FeatureRaster:
    """A published raster of features."""

    job_id: str
    """The job."""
    files: tuple[ProducedFile, ...]
    """`features` (features.tif) and `item` (item.json)."""
    paths: dict[str, str]
    """Where each file is, by key."""


def plan_features(
    job_id: str,
    created: datetime,
    request: Request,
    find: Find,
    access: Access,
    *,
    abandoned: Asked = never,
) -> Plan:
    """Find and screen the scenes, choose the grid: the plan is a map's, of no model and no mask.

    Raises:
        Abandoned: `abandoned`, asked between the parts of the work, says that it is not wanted any more.
        NoScenes: no scene was found.
        TooFewScenes: fewer usable acquisitions than the request's minimum.
        CatalogUnavailable, InvalidSeason: as `find` says.
    """
    found = search(request, find)
    leave(abandoned)
    native = native_scene(found.scenes, request.aoi)
    scenes, left_out = usable(request, found, native, access)
    leave(abandoned)
    planned = Plan(
        job_id=job_id,
        created=created,
        request=request,
        model="",
        grid=Grid.of_aoi(request.aoi, native.epsg),
        anchor=anchor_of(native),
        scenes=scenes,
        left_out=left_out,
        digest="",
    )
    return replace(planned, digest=_digest(planned))


def features_block(
    planned: Plan,
    block: Block,
    storage: Storage,
    access: Access,
    *,
    attempt: int = 1,
    abandoned: Asked = never,
) -> None:
    """Compute one block and store its features as a checkpoint; doing so twice stores the same bytes.

    Args:
        planned: the job's plan.
        block: which part of its grid.
        storage: where the checkpoint goes.
        access: how scenes are read.
        attempt: names the checkpoint: one that comes late overwrites no other attempt's.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; nothing is stored.
        TooFewScenes: so many scenes cannot be read that too few acquisitions are left.
        StorageUnavailable: the checkpoint cannot be stored.
    """
    inside = planned.grid.window(block).inside(planned.request.aoi)
    leave(abandoned)
    if not inside.any():
        return
    seen = view(planned, block, inside, storage, access)
    leave(abandoned)
    key = _checkpoint(planned, block, attempt)
    storage.put(RESULTS, key, seen.to_bytes(), "application/octet-stream")


def finish_features(
    planned: Plan,
    storage: Storage,
    *,
    attempts: Mapping[str, int] = MappingProxyType({}),
    abandoned: Asked = never,
) -> FeatureRaster:
    """Assemble the raster of stored blocks; doing so twice stores the same bytes.

    The blocks' results stay until `discard_results` (pipeline/block.py) removes them.

    Args:
        planned: the job's plan.
        storage: where the blocks' results are, and where the files go: `results/<job_id>/`.
        attempts: which attempt of a block counts, by its name; the first one where none is named.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; the job has no item then.
        NothingClear: no pixel was seen clearly often enough.
        StorageUnavailable: a block's result is missing, or a file cannot be stored.
    """
    seen = _Seen.of(planned, storage, attempts, abandoned)
    if not seen.pixels:
        raise NothingClear(
            f"No pixel was seen clearly in at least {MIN_DEKADS} dekads of {planned.request.season}."
        )
    record = _record(planned, seen)
    prefix = f"results/{planned.job_id}/"
    with TemporaryDirectory() as folder:
        path = Path(folder) / FEATURES
        tags = {
            "TITLE": record.title,
            "FEATURES": FINGERPRINT,
            "DIGEST": planned.digest,
            **({"NOTICE": record.notice} if record.notice else {}),
        }
        stored = (
            (block, _raster(planned, block, view))
            for block, view in _stored(planned, storage, attempts, abandoned)
        )
        write_features(path, planned.grid, stored, tags)
        raster = ProducedFile.of_file("features", path, COG)
        leave(abandoned)
        storage.put_file(RESULTS, prefix + FEATURES, path, COG)
    item = json.dumps(feature_item(record, raster), indent=1).encode()
    leave(abandoned)
    storage.put(RESULTS, prefix + ITEM, item, GEOJSON)
    files = (raster, ProducedFile.of_bytes("item", ITEM, GEOJSON, item))
    paths = {file.key: storage.url(RESULTS, prefix + file.file_name) for file in files}
    return FeatureRaster(planned.job_id, files, paths)


def extract_features(  # noqa: PLR0913 - everything that a job needs, handed over as values
    job_id: str,
    request: Request,
    *,
    find: Find,
    storage: Storage,
    access: Access,
    threads: int = 1,
    progress: Progress = lambda _share, _message: None,
) -> FeatureRaster:
    """Make the raster here and now.

    Args:
        job_id: names the folder of the files, `results/<job_id>/`.
        request: the place, the season and how to go about it.
        find: finds the scenes.
        storage: where the files go.
        access: how scenes are read.
        threads: blocks computed at once; changes no byte.
        progress: told what is being done.

    Raises:
        GeoCropError: as `plan_features`, `features_block` and `finish_features` say.
    """
    progress(0.0, "searching scenes")
    planned = plan_features(job_id, datetime.now(UTC), request, find, access)
    blocks = planned.blocks
    progress(0.1, f"{len(planned.scenes)} scenes, {len(blocks)} blocks")
    try:
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(features_block, planned, b, storage, access) for b in blocks]
            try:
                for done, block in enumerate(as_completed(running), 1):
                    block.result()
                    progress(0.1 + 0.7 * done / len(blocks), f"block {done} of {len(blocks)}")
            finally:
                pool.shutdown(cancel_futures=True)
        progress(0.8, "writing")
        made = finish_features(planned, storage)
    finally:
        discard_results(job_id, storage)
    progress(1.0, "done")
    return made


@dataclass(frozen=True)
class _Seen:
    """What all blocks have in common."""

    pixels: int
    """Those that have features."""
    used: frozenset[str]
    """Keys of the scenes that gave clear pixels."""
    unreadable: Mapping[str, str]
    """Keys of those that could not be read somewhere, and why."""

    @classmethod
    def of(
        cls, planned: Plan, storage: Storage, attempts: Mapping[str, int], abandoned: Asked
    ) -> "_Seen":
        pixels, used, unreadable = 0, set[str](), dict[str, str]()
        for _, seen in _stored(planned, storage, attempts, abandoned):
            pixels += int((seen.features.n_valid >= MIN_DEKADS).sum())
            used.update(seen.used)
            unreadable |= {scene.key: scene.reason for scene in seen.left_out}
        return cls(pixels, frozenset(used), unreadable)


def _stored(
    planned: Plan, storage: Storage, attempts: Mapping[str, int], abandoned: Asked
) -> Iterator[tuple[Block, View]]:
    """The blocks that meet the circle, with what was seen of them, one at a time."""
    for block in planned.blocks:
        leave(abandoned)
        if planned.grid.window(block).inside(planned.request.aoi).any():
            key = _checkpoint(planned, block, attempts.get(block.name, 1))
            yield block, View.from_bytes(storage.get(RESULTS, key))


def _raster(planned: Plan, block: Block, seen: View) -> npt.NDArray[np.float32]:
    """float32 (51, height, width), NaN outside of the circle."""
    grid = planned.grid.window(block)
    pixels = np.full((len(FEATURE_ORDER_V1), *grid.shape), np.nan, np.float32)
    pixels[:, grid.inside(planned.request.aoi)] = seen.features.values
    return pixels


def _record(planned: Plan, seen: _Seen) -> FeatureRecord:
    left_out = {s.key: s.reason for s in planned.left_out} | dict(seen.unreadable)
    return FeatureRecord(
        job_id=planned.job_id,
        aoi=planned.request.aoi,
        season=planned.request.season,
        grid=planned.grid,
        catalog_url=public_address(planned.request.catalog_url),
        scenes=tuple(
            # a simulated archive is served only while it is needed: its links would lead nowhere
            SourceScene(s.key, s.collection, s.acquired, None if s.simulated else s.link)
            for s in planned.scenes
            if s.key in seen.used
        ),
        left_out=tuple(LeftOutScene(*scene) for scene in sorted(left_out.items())),
        digest=planned.digest,
        simulated=any(s.simulated for s in planned.scenes),
        created=planned.created,
        pixels=seen.pixels,
    )


def _checkpoint(planned: Plan, block: Block, attempt: int) -> str:
    return f"results/{planned.job_id}/blocks/{block.name}.{attempt}.npz"


def _digest(planned: Plan) -> str:
    """SHA-256 of everything that decides the pixels."""
    grid, aoi = planned.grid, planned.request.aoi
    decisive = {
        "grid": [grid.epsg, grid.left, grid.top, grid.width, grid.height],
        "aoi": [float(v) for v in (aoi.lon, aoi.lat, aoi.radius_m)],
        "season": str(planned.request.season),
        "scenes": sorted([s.collection, s.key, s.baseline, s.offset] for s in planned.scenes),
        "min_acquisitions": planned.request.min_acquisitions,
        "features": FINGERPRINT,
        "geocrop": geocrop_processes.__version__,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
