"""What an extraction of samples will do, decided once: which sites, their labelled pixels, and the scenes of each."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

import geocrop_processes
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import GeoCropError, InvalidLabels, InvalidSeason, NoMap, NoScenes
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import public_address
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.labels import Label
from geocrop_processes.pipeline.plan import (
    Find,
    Request,
    anchor_of,
    native_scene,
    search,
    usable,
)
from geocrop_processes.pipeline.sample_steps import (
    LeftOutLabel,
    SamplePlan,
    SampleRequest,
    Site,
    SiteTask,
    task_key,
)
from geocrop_processes.pipeline.sites import Gathered, gather, pixels_of
from geocrop_processes.pipeline.table import MAX_ROWS
from geocrop_processes.storage import RESULTS, Storage

WINDOW_PX = 256
"""The side of what is read at once of a site, pixels; it changes no feature."""
_NO_CENTRE = "no pixel's centre lies inside"


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
        InvalidLabels: a season has not ended, or the table would have more rows than one that is read.
        CatalogUnavailable: as `find` says.
        StorageUnavailable: a task cannot be stored.
    """
    _check_seasons(request.labels.labels, created)
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
            _check_rows(sites, request)
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


def _check_seasons(labels: Sequence[Label], now: datetime) -> None:
    """Raises: InvalidLabels: a table has features of whole seasons, and one has not ended."""
    running = [label for label in labels if Season(label.year).last_day >= now.date()]
    if running:
        raise InvalidLabels(
            f"Row {running[0].row} is of season {running[0].year}, which ends on "
            f"{Season(running[0].year).last_day}: samples are of seasons that have ended. So are "
            f"{len(running) - 1} others."
        )


def _check_rows(sites: Sequence[Site], request: SampleRequest) -> None:
    """Raises: InvalidLabels: the sites so far have more rows than a table that is read."""
    pixels, dates = sum(site.pixels for site in sites), len(request.as_of)
    rows = pixels * (1 + dates)
    if rows > MAX_ROWS:
        raise InvalidLabels(
            f"The labels give {rows} rows or more: {pixels} pixels of {len(sites)} places so far, each of the whole "
            f"season and of {dates} dates. At most {MAX_ROWS} rows are allowed: lower per_field, now "
            f"{request.per_field}, or ask for fewer as-of dates or labels."
        )


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
