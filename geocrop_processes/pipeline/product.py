"""From stored blocks to a published product: rasters, style, figures, picture, STAC item."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio

import geocrop_processes
from geocrop_processes.domain.grid import Block
from geocrop_processes.errors import NothingClear, UnusableModel
from geocrop_processes.imagery.catalog import public_address
from geocrop_processes.models.members import library_versions
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.block import BlockResult, stored_results
from geocrop_processes.pipeline.cropland import Check
from geocrop_processes.pipeline.plan import Plan
from geocrop_processes.publish.assets import KINDS, ProductAsset
from geocrop_processes.publish.card_page import card_page
from geocrop_processes.publish.cog import (
    CONFIDENCE_BANDS,
    write_class_map,
    write_confidence,
    write_probabilities,
)
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.publish.mlm import card_of
from geocrop_processes.publish.quicklook import write_quicklook
from geocrop_processes.publish.record import (
    BaselineUse,
    LeftOutScene,
    MapRecord,
    SourceScene,
)
from geocrop_processes.publish.stac import build_item
from geocrop_processes.publish.style import gdal_pam, qml
from geocrop_processes.publish.summary import summarise
from geocrop_processes.publish.tally import Tally
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import RESULTS, Storage, result_key
from geocrop_processes.storage.scratch import room

_Results = Callable[[], Iterator[tuple[Block, BlockResult]]]
"""Goes once over every block and its stored result."""
_NOT_NEEDED = "Nothing clear of the place was taken from it: it shows none, or another copy of its acquisition has it."

logger = logging.getLogger(__name__)

ITEM = "item.json"
"""The product's STAC item: written last, so that a product that has one is whole."""


@dataclass(frozen=True)
class Product:
    """A published map."""

    job_id: str
    """The job."""
    summary: dict[str, Any]
    """Its figures, as in `summary.json`."""
    paths: dict[str, str]
    """Where each of its files is, by asset key; `item` is the STAC item."""
    checksums: dict[str, str]
    """The SHA-256 of each file, hexadecimal, by asset key."""


def finish(
    planned: Plan,
    model: RegisteredModel,
    storage: Storage,
    *,
    attempts: Mapping[str, int] = MappingProxyType({}),
    abandoned: Asked = never,
) -> Product:
    """Assemble the product of stored blocks; doing so twice stores the same bytes.

    The blocks' results stay until `discard_results` removes them.

    Args:
        planned: the job's plan.
        model: who has decided.
        storage: where the blocks' results are, and where the product goes.
        attempts: which attempt of a block counts, by its name; the first one where none is named.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; the product has no item then.
        NothingClear: no pixel has a class.
        StorageUnavailable: a block's result is missing, or the product cannot be stored.
    """
    results = partial(
        stored_results, planned, storage, attempts, abandoned, classes=len(model.card.legend)
    )
    missing = tuple(b.name for b in planned.blocks if attempts and b.name not in attempts)
    record = replace(_record(planned, model, results), missing_blocks=missing)
    record = replace(record, complete=record.complete and not missing)
    if not record.tally.mapped:
        raise NothingClear(
            f"None of the {record.tally.inside} pixels was seen clearly in at least 6 dekads of {planned.request.season}."
        )
    prefix = result_key(planned.job_id)
    # a byte for each pixel of each band, the largest raster twice: before it is compressed as well
    bands = 1 + 2 * len(CONFIDENCE_BANDS)
    bands += len(record.card.legend) if planned.request.probabilities else 0
    with room(bands * planned.grid.height * planned.grid.width) as folder:
        written = {key: folder / kind.file_name for key, kind in KINDS.items()}
        _write_rasters(written, record, results, probabilities=planned.request.probabilities)
        leave(abandoned)
        _write_about(written, record)
        assets = [ProductAsset.of_file(k, path) for k, path in written.items() if path.exists()]
        item = build_item(record, assets).to_dict(include_self_link=False, transform_hrefs=False)
        for asset in assets:
            name = asset.kind.file_name
            leave(abandoned)
            storage.put_file(RESULTS, prefix + name, folder / name, asset.kind.media_type)
    content = json.dumps(item, indent=1).encode()
    leave(abandoned)
    storage.put(RESULTS, prefix + ITEM, content, "application/geo+json")
    names = {asset.key: asset.kind.file_name for asset in assets} | {"item": ITEM}
    return Product(
        job_id=planned.job_id,
        summary=summarise(record),
        paths={key: storage.url(RESULTS, prefix + name) for key, name in names.items()},
        checksums={asset.key: asset.sha256 for asset in assets},
    )


def _write_rasters(
    paths: Mapping[str, Path], record: MapRecord, results: _Results, *, probabilities: bool
) -> None:
    """Write the rasters of the product to their places."""
    threshold = record.applicability_threshold
    tags = {
        "TITLE": f"Crop map {record.season}",
        **({"AS_OF": record.as_of} if record.as_of else {}),
        "MODEL": record.model,
        "FEATURES": record.card.fingerprint,
        "DIGEST": record.digest,
        **({"NOTICE": record.notice} if record.notice else {}),
        **_mask_tags(record),
    }
    write_class_map(
        paths["class-map"],
        record.grid,
        ((b, r.classes) for b, r in results()),
        record.legend,
        tags,
    )
    write_confidence(
        paths["confidence"],
        record.grid,
        ((b, r.confidence) for b, r in results()),
        tags | ({} if threshold is None else {"APPLICABILITY_THRESHOLD": repr(threshold)}),
    )
    if probabilities:
        write_probabilities(
            paths["probabilities"],
            record.grid,
            ((b, r.probabilities) for b, r in results() if r.probabilities is not None),
            # a mask has no probability: what the model says stays
            record.card.legend,
            tags,
        )


def _write_about(paths: Mapping[str, Path], record: MapRecord) -> None:
    """Write all else but the item."""
    paths["summary"].write_text(json.dumps(summarise(record), indent=1))
    paths["style"].write_text(qml(record.legend))
    paths["class-names"].write_text(gdal_pam(record.legend))
    paths["model-card"].write_text(json.dumps(card_of(record), indent=1))
    try:
        page = card_page(record.card, record.model_version, record.member_checksums)
        paths["model-page"].write_text(page, encoding="utf-8")
    except UnusableModel as error:
        # a map is not lost for want of a page
        logger.warning("%s", error)
    write_quicklook(paths["class-map"], record, paths["quicklook"])


def _mask_tags(record: MapRecord) -> dict[str, str]:
    """What a masked map says of its mask; a map without one is the same whether a baseline exists or not."""
    if record.baseline is None or not record.baseline.masked:
        return {}
    return {"MASK": "cropland", "BASELINE": " ".join(sorted(record.baseline.files))}


def _record(planned: Plan, model: RegisteredModel, results: _Results) -> MapRecord:
    """Count the stored blocks, and gather what is known of the map."""
    tally = Tally()
    compared = Comparison()
    used: set[str] = set()
    engines: set[str] = set()
    unreadable: dict[str, list[str]] = {}
    for block, result in results():
        inside = planned.grid.window(block).inside(planned.request.aoi)
        tally += Tally.of_block(result.classes, result.confidence, inside)
        compared += result.compared
        used.update(result.used)
        engines.update({result.engine} - {""})
        for scene in result.left_out:
            unreadable.setdefault(scene.key, []).append(scene.reason)
    blocks = len(planned.blocks)
    left_out = {scene.key: scene.reason for scene in planned.left_out}
    left_out |= {
        key: f"{why[0]} (in {len(why)} of {blocks} blocks)" for key, why in unreadable.items()
    }
    left_out |= {
        s.key: _NOT_NEEDED for s in planned.scenes if s.key not in used and s.key not in unreadable
    }
    return MapRecord(
        job_id=planned.job_id,
        aoi=planned.request.aoi,
        season=planned.request.season,
        grid=planned.grid,
        card=model.card,
        model_version=model.version,
        member_checksums=model.checksums,
        catalog_url=public_address(planned.request.catalog_url),
        scenes=tuple(
            # a simulated archive is served only while it is needed: its links would lead nowhere
            SourceScene(s.key, s.collection, s.acquired, None if s.simulated else s.link)
            for s in planned.scenes
            if s.key in used
        ),
        left_out=tuple(LeftOutScene(*scene) for scene in sorted(left_out.items())),
        digest=planned.digest,
        simulated=any(s.simulated for s in planned.scenes),
        created=planned.created,
        software=_software(),
        tally=tally,
        baseline=_use(planned.check, compared),
        complete=not unreadable,
        engines=tuple(sorted(engines)),
        blocks=blocks,
        applicability_threshold=model.applicability.threshold if model.applicability else None,
    )


def _use(check: Check | None, compared: Comparison) -> BaselineUse | None:
    if check is None:
        return None
    files = {file.key: file.version for file in check.baseline.files}
    return BaselineUse(check.baseline.kind, files, check.instead is not None, compared)


def _software() -> dict[str, str]:
    return {
        "geocrop": geocrop_processes.__version__,
        "gdal": rasterio.__gdal_version__,
        "numpy": np.__version__,
        "pyproj": version("pyproj"),
        "rasterio": rasterio.__version__,
        **library_versions(),
    }
