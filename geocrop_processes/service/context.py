"""What a worker's process works with, made after the fork: nothing of it is shared with another process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import Scene
from geocrop_processes.pipeline.abandon import Asked, never
from geocrop_processes.registry import RegisteredModel, Registry
from geocrop_processes.service.callbacks.send import send
from geocrop_processes.service.fetch import Fetched, fetch
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.outward import Limits
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.demonstration import ARCHIVE, is_prepared, prepare_archive
from geocrop_processes.storage import Storage

_PLANS = 8
"""Jobs whose plans are kept: to read one again for each of its blocks would take longer than a small block does."""


@dataclass(frozen=True)
class WorkerContext:
    """What a worker's process works with; made after the fork."""

    settings: Settings
    """The deployment."""
    store: JobStore
    """The jobs."""
    storage: Storage
    """Where products go."""
    registry: Registry
    """Where models come from."""
    access: Access
    """How scenes are read."""
    models: dict[tuple[str, str], RegisteredModel] = field(default_factory=dict)
    """Those that were loaded, by reference: a version never changes."""
    plans: dict[str, Any] = field(default_factory=dict)
    """Those of the jobs that were worked on last, by job; see `plan`."""
    fetch: Callable[[str, Limits], Fetched] = fetch
    """Fetches a file that was given by reference."""
    send: Callable[[str, bytes, Mapping[str, str], Limits], int] = send
    """Tells somebody something, and says with which status that was answered."""
    stopping: Asked = never
    """Whether the worker is asked to end: what it does is left, and another worker's."""

    @classmethod
    def of(cls, settings: Settings, stopping: Asked = never) -> "WorkerContext":
        """What a deployment's settings name."""
        storage = settings.open_storage()
        return cls(
            settings,
            JobStore.of(settings),
            storage,
            settings.open_registry(storage),
            settings.access(),
            stopping=stopping,
        )

    def model(self, reference: str, as_of: str = "") -> RegisteredModel:
        """A model, loaded once for each date within the season."""
        key = (reference, as_of)
        if key not in self.models:
            self.models[key] = self.registry.load(reference, as_of)
        return self.models[key]

    def plan[Plan](self, job_id: str, read: Callable[[bytes], Plan]) -> Plan:
        """The plan of a job, which never changes; those of the last few jobs are kept.

        Args:
            job_id: the job.
            read: makes the plan of its content.

        Raises:
            UnknownJob: there is no such job, or it has no plan.
        """
        if job_id not in self.plans:
            made = read(self.store.plan_of(job_id))
            while len(self.plans) >= _PLANS:
                del self.plans[next(iter(self.plans))]
            self.plans[job_id] = made
        kept: Plan = self.plans[job_id]
        return kept

    def find(self, aoi: Aoi, season: Season) -> Found:
        """The scenes of a place and season."""
        return find_scenes(self.settings, aoi, season)


def find_scenes(settings: Settings, aoi: Aoi, season: Season, *, build: bool = True) -> Found:
    """The scenes of a place and season; those of the simulated archive are files of the data folder.

    The simulated archive is built where it is missing, unless `build` is False: nothing is written then.

    Its catalogue is served while it is asked: which process reads the scenes later is not known here.

    Raises:
        CatalogUnavailable, InvalidSeason, NoScenes: as `Catalog.find` says; or the archive is not built.
    """
    if settings.catalog.url != ARCHIVE:
        return settings.open_catalog(settings.catalog.url).find(aoi, season)
    data, collection = settings.data.absolute(), settings.catalog.collection
    if not build and not is_prepared(data, collection):
        raise CatalogUnavailable(
            "The simulated archive is not built yet, its scenes are not known: the first job builds it."
        )
    folder = prepare_archive(data, collection, lambda _share, _message: None)
    with serve(folder) as url:
        found = settings.open_catalog(url).find(aoi, season)
    return Found(
        tuple(_local(s, f"{url}/files", str(folder)) for s in found.scenes), found.left_out
    )


def _local(scene: Scene, address: str, folder: str) -> Scene:
    """A simulated scene whose files are read where they are, without a link that ends with the server."""
    files = {
        name: replace(file, href=file.href.replace(address, folder, 1))
        for name, file in scene.files.items()
    }
    return replace(scene, files=files, link=None)
