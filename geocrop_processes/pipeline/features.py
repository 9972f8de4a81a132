"""A place and season in, the 51 features of its pixels out, as a cloud-optimised GeoTIFF with a STAC item.

`plan_features` decides, `features_block` computes one block, `finish_features` assembles the raster.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from geocrop_processes.domain.grid import Block
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.abandon import Asked, never
from geocrop_processes.pipeline.plan import Find, Plan, Request
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.storage import Storage

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""


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
    """Find and screen the scenes; the plan is a map's, without a model."""
    raise NotImplementedError


def features_block(
    planned: Plan,
    block: Block,
    storage: Storage,
    access: Access,
    *,
    attempt: int = 1,
    abandoned: Asked = never,
) -> None:
    """Compute one block and store its features as a checkpoint."""
    raise NotImplementedError


def finish_features(
    planned: Plan,
    storage: Storage,
    *,
    attempts: Mapping[str, int] = MappingProxyType({}),
    abandoned: Asked = never,
) -> FeatureRaster:
    """Assemble the raster of stored blocks; `discard_results` (pipeline/block.py) removes them afterwards."""
    raise NotImplementedError


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
    """Make the raster here and now."""
    raise NotImplementedError
