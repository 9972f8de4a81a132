"""From stored blocks of features to a published raster: a cloud-optimised GeoTIFF, then its STAC item."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.grid import Block
from geocrop_processes.errors import NothingClear
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.series import MIN_DEKADS
from geocrop_processes.imagery.catalog import public_address
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.plan import (
    Plan,
)
from geocrop_processes.pipeline.view import View
from geocrop_processes.publish.assets import COG, GEOJSON, ProducedFile
from geocrop_processes.publish.feature_cog import write_features
from geocrop_processes.publish.feature_item import FeatureRecord, feature_item
from geocrop_processes.publish.record import LeftOutScene, SourceScene
from geocrop_processes.storage import RESULTS, Storage, result_key
from geocrop_processes.storage.scratch import room

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
    prefix = result_key(planned.job_id)
    # four bytes for each pixel of each band, before it is compressed and after
    needed = 8 * len(FEATURE_ORDER_V1) * planned.grid.height * planned.grid.width
    with room(needed) as folder:
        path = folder / FEATURES
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
            key = checkpoint(planned, block, attempts.get(block.name, 1))
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


def checkpoint(planned: Plan, block: Block, attempt: int) -> str:
    """Where what was seen of a block is stored."""
    return result_key(planned.job_id, f"blocks/{block.name}.{attempt}.npz")
