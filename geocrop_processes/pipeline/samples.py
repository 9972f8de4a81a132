"""Labels in, a table of samples out: each labelled pixel's 51 features, as a map of the place would see them.

`plan_samples` groups the labels to sites and searches their scenes, `sample_block` looks at one site and stores what
it saw, `finish_samples` joins the table. A queue calls them one by one; `extract_samples` calls them here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.abandon import Asked, never
from geocrop_processes.pipeline.labels import Labels
from geocrop_processes.pipeline.plan import Find
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.storage import Storage

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""


@dataclass(frozen=True)
class SampleRequest:
    """What is asked for."""

    labels: Labels
    """The labelled places."""
    catalog_url: str
    """The address that scenes are searched at, as reports name it."""
    per_field: int = 20
    """The most pixels of one polygon."""
    seed: int = 1
    """Of the drawing of a polygon's pixels."""
    as_of: tuple[str, ...] = ()
    """Dates "MM-DD" within the season to compute features of, beside the whole season."""
    min_acquisitions: int = 6
    """A site with fewer readable acquisitions is left out."""


@dataclass(frozen=True)
class Site:
    """A place and season that is looked at in one step."""

    name: str
    """Unique within the job."""
    pixels: int
    """Labelled pixels."""


@dataclass(frozen=True)
class SamplePlan:
    """What a job will do; it travels as JSON. What a site needs is stored apart."""

    job_id: str
    """The job."""
    created: datetime
    """When the job was made, UTC."""
    sites: tuple[Site, ...]
    """The steps."""

    @property
    def blocks(self) -> list[Site]:
        """The steps: `name` is unique."""
        return list(self.sites)

    def to_json(self) -> bytes:
        """The plan as JSON."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, content: bytes) -> "SamplePlan":
        """The inverse of `to_json`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Samples:
    """An extraction that is done."""

    job_id: str
    """The job."""
    report: dict[str, Any]
    """What was extracted, as in `report.json`."""
    files: tuple[ProducedFile, ...]
    """`samples` (samples.parquet) and `report` (report.json)."""
    paths: dict[str, str]
    """Where each file is, by key."""


def plan_samples(  # noqa: PLR0913 - everything that is decided from
    job_id: str,
    created: datetime,
    request: SampleRequest,
    find: Find,
    access: Access,
    *,
    storage: Storage,
    abandoned: Asked = never,
) -> SamplePlan:
    """Group the labels to sites and find the scenes of each."""
    raise NotImplementedError


def sample_block(
    planned: SamplePlan,
    site: Site,
    storage: Storage,
    access: Access,
    *,
    attempt: int = 1,
    abandoned: Asked = never,
) -> None:
    """Look at one site and store its samples as a checkpoint."""
    raise NotImplementedError


def finish_samples(
    planned: SamplePlan,
    storage: Storage,
    *,
    attempts: Mapping[str, int] = MappingProxyType({}),
    abandoned: Asked = never,
) -> Samples:
    """Join the table of stored sites; `discard_results` (pipeline/block.py) removes them afterwards."""
    raise NotImplementedError


def extract_samples(  # noqa: PLR0913 - everything that a job needs, handed over as values
    job_id: str,
    request: SampleRequest,
    *,
    find: Find,
    storage: Storage,
    access: Access,
    threads: int = 1,
    progress: Progress = lambda _share, _message: None,
) -> Samples:
    """Extract samples here and now."""
    raise NotImplementedError
