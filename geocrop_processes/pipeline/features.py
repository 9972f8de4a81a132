"""A place and season in, the 51 features of its pixels out, as a cloud-optimised GeoTIFF with a STAC item.

`plan_features` decides, `features_block` computes one block and stores it, `finish_features` assembles the raster. A
queue calls them one by one, anywhere, in any order of blocks, again after a failure; `extract_features` calls them
here.
"""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import geocrop_processes
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.block import discard_results
from geocrop_processes.pipeline.feature_raster import FeatureRaster, checkpoint, finish_features
from geocrop_processes.pipeline.parts import do_all
from geocrop_processes.pipeline.plan import (
    Find,
    Plan,
    Request,
    anchor_of,
    native_scene,
    search,
    usable,
)
from geocrop_processes.pipeline.view import view
from geocrop_processes.storage import RESULTS, Storage

__all__ = [
    "FeatureRaster",
    "extract_features",
    "features_block",
    "finish_features",
    "plan_features",
]


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
    key = checkpoint(planned, block, attempt)
    storage.put(RESULTS, key, seen.to_bytes(), "application/octet-stream")


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
    progress(0.1, f"{len(planned.scenes)} scenes, {len(planned.blocks)} blocks")
    try:
        do_all(
            lambda block: features_block(planned, block, storage, access),
            planned.blocks,
            threads,
            "block",
            part_of(progress, 0.1, 0.8),
        )
        progress(0.8, "writing")
        made = finish_features(planned, storage)
    finally:
        discard_results(job_id, storage)
    progress(1.0, "done")
    return made


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
