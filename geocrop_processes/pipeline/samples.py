"""Labels in, a table of samples out: each labelled pixel's 51 features, as a map of the place would see them.

`plan_samples` gathers the labels to sites and searches their scenes, `sample_block` looks at one site and stores what
it saw, `finish_samples` joins the table. A queue calls them one by one, anywhere, in any order of sites, again after a
failure; `extract_samples` calls them here.
"""

from datetime import UTC, datetime

from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.block import discard_results
from geocrop_processes.pipeline.parts import do_all
from geocrop_processes.pipeline.plan import Find
from geocrop_processes.pipeline.sample_plan import plan_samples
from geocrop_processes.pipeline.sample_steps import SamplePlan, SampleRequest, Site
from geocrop_processes.pipeline.sample_table import Samples, finish_samples
from geocrop_processes.pipeline.site import sample_block
from geocrop_processes.storage import Storage

__all__ = [
    "SamplePlan",
    "SampleRequest",
    "Samples",
    "Site",
    "extract_samples",
    "finish_samples",
    "plan_samples",
    "sample_block",
]


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
    """Extract samples here and now.

    Args:
        job_id: names the folder of the files, `results/<job_id>/`.
        request: the labels and how to go about them.
        find: finds the scenes.
        storage: where the files go.
        access: how scenes are read.
        threads: sites looked at at once; changes no byte.
        progress: told what is being done.

    Raises:
        GeoCropError: as `plan_samples`, `sample_block` and `finish_samples` say.
    """
    progress(0.0, "searching scenes")
    try:
        planned = plan_samples(job_id, datetime.now(UTC), request, find, access, storage=storage)
        progress(0.1, f"{len(planned.sites)} sites")
        do_all(
            lambda site: sample_block(planned, site, storage, access),
            planned.sites,
            threads,
            "site",
            part_of(progress, 0.1, 0.9),
        )
        progress(0.9, "joining the table")
        samples = finish_samples(planned, storage)
    finally:
        discard_results(job_id, storage)
    progress(1.0, "done")
    return samples
