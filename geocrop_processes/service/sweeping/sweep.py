"""Objects that nobody needs are removed: those that are listed first, and asked about then.

A job is written down before its first object, so that none is listed of a job that the store would not know. What is
young stays whatever the store says, for as long as the grace period: somebody may just be at it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched

from geocrop_processes.pipeline.product import ITEM
from geocrop_processes.service import uploads
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.sweeping.needs import Need, named_by, needs
from geocrop_processes.service.sweeping.retention import withdraw_old
from geocrop_processes.settings import Settings
from geocrop_processes.storage import BUCKETS, DATASETS, RESULTS, Storage, result_key
from geocrop_processes.storage.entry import Entry

BY_HAND = "cli-"
"""Begins the names of jobs of the command line, which the job store does not know: what they make stays."""
_PAGE = 1000
"""Objects that the job store is asked about at once."""
_RESULTS = "results/"


@dataclass
class Swept:
    """What was removed, or would be."""

    withdrawn: int = 0
    """Jobs whose results were withdrawn; their files go with the next sweep."""
    objects: int = 0
    """Objects of jobs, and what was brought for them."""
    bytes: int = 0
    """What the objects of jobs held."""
    unfinished: int = 0
    """Objects that were half written."""
    unknown: list[str] = field(default_factory=list)
    """Jobs that the store does not know and whose product is whole: they stay, unless that is asked for."""

    def __str__(self) -> str:
        parts = [f"{self.objects} objects ({self.bytes} bytes)", f"{self.unfinished} half-written"]
        parts += [f"results of {self.withdrawn} jobs"] if self.withdrawn else []
        return ", ".join(parts)


def sweep(
    settings: Settings,
    store: JobStore,
    storage: Storage,
    *,
    dry_run: bool = False,
    unknown: bool = False,
) -> Swept:
    """Remove what nobody needs and is older than the grace period; doing so twice, or at once, does no harm.

    Args:
        settings: how long what is kept.
        store: the jobs.
        storage: the objects.
        dry_run: nothing is removed.
        unknown: whole products of jobs that the store does not know are removed as well.

    Raises:
        StorageUnavailable, StoreUnavailable: one of them does not answer; what was not done the next sweep does.
    """
    swept, keep = Swept(), settings.keep
    named = named_by(store.inputs_of_open_jobs())
    for found in batched(_old(storage, RESULTS, _RESULTS, keep.grace_s), _PAGE):
        doomed = _unneeded(found, store, storage, swept, (named, unknown))
        swept.objects += len(doomed)
        swept.bytes += sum(entry.size for entry in doomed)
        if not dry_run:
            storage.remove(RESULTS, [entry.key for entry in doomed])
    brought = uploads.unneeded(storage, store.inputs_of_open_jobs, settings.uploads.keep_s)
    swept.objects += len(brought)
    if not dry_run:
        storage.remove(DATASETS, brought)
    swept.unfinished = _discard_unfinished(storage, keep.grace_s, dry_run=dry_run)
    if keep.results_days is not None:
        # last: who was just given one of the files has until the next sweep
        named = named_by(store.inputs_of_open_jobs())
        swept.withdrawn = withdraw_old(store.database, keep.results_days, named, dry_run=dry_run)
    return swept


def _old(storage: Storage, bucket: str, prefix: str, grace_s: float) -> Iterator[Entry]:
    return (entry for entry in storage.entries(bucket, prefix) if entry.age_s > grace_s)


def _discard_unfinished(storage: Storage, grace_s: float, *, dry_run: bool) -> int:
    """Remove what killed writers have begun; tells how many there were."""
    count = 0
    for bucket in BUCKETS:
        for left in list(storage.unfinished(bucket, "")):
            if left.age_s > grace_s:
                count += 1
                if not dry_run:
                    storage.discard(bucket, left)
    return count


def _job_of(entry: Entry) -> str:
    return entry.key.removeprefix(_RESULTS).partition("/")[0]


def _unneeded(
    found: tuple[Entry, ...],
    store: JobStore,
    storage: Storage,
    swept: Swept,
    how: tuple[set[str], bool],
) -> list[Entry]:
    """Those of a page of objects that nobody needs."""
    named, unknown = how
    names = {_job_of(entry) for entry in found}
    with store.database.read() as connection:
        known = needs(connection, names, named)
    stays = set()
    for name in names - set(known):
        # without its item a product was never whole: nobody was told of it
        if name.startswith(BY_HAND) or (
            not unknown and storage.has(RESULTS, result_key(name, ITEM))
        ):
            stays.add(name)
            if not name.startswith(BY_HAND) and name not in swept.unknown:
                swept.unknown.append(name)
    return [
        entry
        for entry in found
        if (name := _job_of(entry)) not in stays and _is_free(entry, known.get(name, Need.NOTHING))
    ]


def _is_free(entry: Entry, need: Need) -> bool:
    is_checkpoint = entry.key.startswith(f"{result_key(_job_of(entry))}blocks/")
    return need is Need.NOTHING or (need is Need.FILES and is_checkpoint)
