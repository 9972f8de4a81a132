"""What an extraction of samples will do, decided once: which sites, their labelled pixels, and the scenes of each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import TypeAdapter

import geocrop_processes
from geocrop_processes.domain.as_of import in_order
from geocrop_processes.domain.legend import Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import GeoCropError, InvalidSeason, NoMap, NoScenes
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import public_address
from geocrop_processes.imagery.scene import LeftOut, Scene
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.labels import Labels
from geocrop_processes.pipeline.plan import (
    Find,
    Request,
    anchor_of,
    native_scene,
    search,
    usable,
)
from geocrop_processes.pipeline.sites import Gathered, Pixels, gather, pixels_of
from geocrop_processes.storage import RESULTS, Storage

WINDOW_PX = 256
"""The side of what is read at once of a site, pixels; it changes no feature."""
_NO_CENTRE = "no pixel's centre lies inside"


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
    """Gather the labels to sites, find and screen the scenes of each, and store what each step needs.

    A site without scenes is left out; its labels are told with the reason.

    Raises:
        Abandoned: `abandoned`, asked between the parts of the work, says that it is not wanted any more.
        NoScenes, TooFewScenes, InvalidSeason: no site can be looked at; the first one's reason.
        CatalogUnavailable: as `find` says.
        StorageUnavailable: a task cannot be stored.
    """
    sites: list[Site] = []
    left_out: list[LeftOutLabel] = []
    digests: list[str] = []
    failed: list[GeoCropError] = []
    simulated = False
    for gathered in gather(request.labels.labels):
        leave(abandoned)
        try:
            task = _task(gathered, request, find, access)
        except (NoMap, InvalidSeason) as error:
            failed.append(error)
            left_out += [LeftOutLabel(label.row, str(error)) for label in gathered.labels]
            continue
        seen = set(task.labels)
        left_out += [LeftOutLabel(n, _NO_CENTRE) for n in task.of_label if n not in seen]
        if task.labels:
            storage.put(
                RESULTS, task_key(job_id, gathered.name), task.to_json(), "application/json"
            )
            sites.append(_site(gathered, task))
            digests.append(_digest(task))
            simulated |= task.simulated
    if not sites:
        raise (
            failed[0]
            if failed
            else NoScenes(f"Of no label a pixel can be looked at: {_NO_CENTRE}.")
        )
    return SamplePlan(
        job_id=job_id,
        created=created,
        catalog_url=public_address(request.catalog_url),
        legend=request.labels.legend,
        labels=len(request.labels.labels),
        labels_sha256=request.labels.sha256,
        per_field=request.per_field,
        seed=request.seed,
        as_of=request.as_of,
        simulated=simulated,
        sites=tuple(sites),
        left_out=tuple(sorted(left_out, key=lambda label: label.row)),
        digest=_whole_digest(request, digests),
    )


def task_key(job_id: str, site: str) -> str:
    """Where a site's task is stored: with the checkpoints, which are discarded together."""
    return f"results/{job_id}/blocks/{site}.task.json"


def _task(gathered: Gathered, asked: SampleRequest, find: Find, access: Access) -> SiteTask:
    """Raises: NoScenes, TooFewScenes, InvalidSeason, CatalogUnavailable: the site cannot be looked at."""
    request = Request(
        gathered.aoi,
        Season(gathered.year),
        asked.catalog_url,
        WINDOW_PX,
        asked.min_acquisitions,
    )
    found = search(request, find)
    native = native_scene(found.scenes, request.aoi)
    scenes, left_out = usable(request, found, native, access)
    pixels = pixels_of(gathered.labels, native.epsg, per_field=asked.per_field, seed=asked.seed)
    return SiteTask(
        request=request,
        epsg=native.epsg,
        anchor=anchor_of(native),
        scenes=scenes,
        left_out=left_out,
        columns=tuple(pixels.columns.tolist()),
        rows=tuple(pixels.rows.tolist()),
        labels=tuple(pixels.labels.tolist()),
        of_label={label.row: (label.code, label.group) for label in gathered.labels},
    )


def _site(gathered: Gathered, task: SiteTask) -> Site:
    aoi = task.request.aoi
    return Site(
        name=gathered.name,
        year=gathered.year,
        lon=round(aoi.lon, 6),
        lat=round(aoi.lat, 6),
        epsg=task.epsg,
        pixels=len(task.labels),
        scenes=len(task.scenes),
    )


def _digest(task: SiteTask) -> str:
    decisive = {
        "scenes": sorted([s.collection, s.key, s.baseline, s.offset] for s in task.scenes),
        "pixels": [task.epsg, task.columns, task.rows, task.labels],
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _whole_digest(request: SampleRequest, sites: list[str]) -> str:
    decisive = {
        "labels": [request.labels.sha256, request.labels.legend.to_json()],
        "sites": sites,
        "per_field": request.per_field,
        "seed": request.seed,
        "as_of": request.as_of,
        "min_acquisitions": request.min_acquisitions,
        "features": FINGERPRINT,
        "geocrop": geocrop_processes.__version__,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


_PLANS = TypeAdapter(SamplePlan)
_TASKS = TypeAdapter(SiteTask)
