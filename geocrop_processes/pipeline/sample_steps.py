"""What the steps of an extraction of samples hand on: the request, the plan, and the task of each site."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import TypeAdapter

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.domain.legend import Legend
from geocrop_processes.imagery.scene import LeftOut, Scene
from geocrop_processes.pipeline.labels import Labels
from geocrop_processes.pipeline.plan import (
    Request,
)
from geocrop_processes.pipeline.sites import Pixels
from geocrop_processes.storage import result_key


@dataclass(frozen=True)
class SampleRequest:
    """What is asked for.

    Raises:
        InvalidSeason: an as-of date is none.
        ValueError: `per_field` is not above 0.
    """

    labels: Labels
    """The labelled places."""
    catalog_url: str
    """The address that scenes are searched at."""
    per_field: int = 20
    """The most pixels of one polygon."""
    seed: int = 1
    """Of the drawing of a polygon's pixels."""
    as_of: tuple[str, ...] = ()
    """Dates "MM-DD" within the season to compute features of, beside the whole season."""
    min_acquisitions: int = 6
    """A site with fewer readable acquisitions is left out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "as_of", in_order(self.as_of))
        if self.per_field < 1 or self.seed < 0:
            raise ValueError(
                f"per_field {self.per_field} and seed {self.seed} are 1 and 0 or more."
            )


@dataclass(frozen=True)
class Site:
    """A place and season that is looked at in one step."""

    name: str
    """Unique within the job."""
    year: int
    """The season."""
    lon: float
    """Of its middle, degrees."""
    lat: float
    """Likewise."""
    epsg: int
    """The UTM zone of its pixels."""
    pixels: int
    """Labelled pixels."""
    scenes: int
    """Scenes to read."""


@dataclass(frozen=True)
class LeftOutLabel:
    """A label that gave no sample."""

    row: int
    """Its row."""
    reason: str
    """Why, in a phrase for people."""


@dataclass(frozen=True)
class SamplePlan:
    """What a job will do; it travels as JSON. What a site needs is stored apart: `SiteTask`."""

    job_id: str
    """The job."""
    created: datetime
    """When the job was made, UTC."""
    catalog_url: str
    """The catalogue, without what may be secret in its address."""
    legend: Legend
    """The classes."""
    labels: int
    """How many there are."""
    labels_sha256: str
    """Of their file."""
    per_field: int
    """As in the request."""
    seed: int
    """As in the request."""
    as_of: tuple[str, ...]
    """As in the request, in the season's order."""
    simulated: bool
    """Whether imagery is."""
    sites: tuple[Site, ...]
    """The steps."""
    left_out: tuple[LeftOutLabel, ...]
    """Labels that no pixel is looked at for."""
    digest: str
    """SHA-256 of everything that decides the samples, where every scene can be read."""

    @property
    def blocks(self) -> list[Site]:
        """The steps, as a queue calls them: their names are unique."""
        return list(self.sites)

    def to_json(self) -> bytes:
        """The plan as JSON."""
        return _PLANS.dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> "SamplePlan":
        """The inverse of `to_json`."""
        return _PLANS.validate_json(content)


@dataclass(frozen=True)
class SiteTask:
    """Everything that the step of a site needs; stored under the job until the table is joined."""

    request: Request
    """The circle about the site's labels, and the season."""
    epsg: int
    """The UTM zone of its pixels."""
    anchor: tuple[int, int]
    """The corner (x, y) of the scenes' own tile, metres."""
    scenes: tuple[Scene, ...]
    """Those to read."""
    left_out: tuple[LeftOut, ...]
    """Those that are not."""
    columns: tuple[int, ...]
    """Of the labelled pixels: see `Pixels`."""
    rows: tuple[int, ...]
    """Likewise."""
    labels: tuple[int, ...]
    """The label's row, of each pixel."""
    of_label: Mapping[int, tuple[int, int]]
    """Code and group of each label, by its row."""

    @property
    def pixels(self) -> Pixels:
        """The labelled pixels."""
        found = (np.array(v, np.int64) for v in (self.columns, self.rows, self.labels))
        return Pixels(self.epsg, *found)

    @property
    def simulated(self) -> bool:
        """Whether its imagery is."""
        return any(scene.simulated for scene in self.scenes)

    def to_json(self) -> bytes:
        """The task as JSON."""
        return _TASKS.dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> "SiteTask":
        """The inverse of `to_json`."""
        return _TASKS.validate_json(content)


def task_key(job_id: str, site: str) -> str:
    """Where a site's task is stored: with the checkpoints, which are discarded together."""
    return result_key(job_id, f"blocks/{site}.task.json")


_PLANS = TypeAdapter(SamplePlan)
_TASKS = TypeAdapter(SiteTask)
