"""A place and a season in, a published crop-type map out.

`plan` decides, `map_block` computes one block and stores it, `finish` assembles the product. A queue calls
them one by one, anywhere, in any order of blocks, again after a failure; `classify` calls them here.
"""

from datetime import UTC, datetime

from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.block import discard_results, map_block
from geocrop_processes.pipeline.parts import do_all
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.pipeline.product import Product, finish
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage


def classify(  # noqa: PLR0913 - everything that a job needs, handed over as values
    job_id: str,
    request: Request,
    model: RegisteredModel,
    *,
    find: Find,
    storage: Storage,
    access: Access,
    threads: int = 1,
    progress: Progress = lambda _share, _message: None,
) -> Product:
    """Make a map here and now.

    Args:
        job_id: names the product; its files go to `results/<job_id>/`.
        request: the place, the season and how to go about it.
        model: who decides.
        find: finds the scenes.
        storage: where baselines are, and where the product goes.
        access: how scenes are read.
        threads: blocks computed at once; changes no byte.
        progress: told what is being done.

    Raises:
        GeoCropError: as `plan`, `map_block` and `finish` say.
    """
    progress(0.0, "searching scenes")
    planned = plan(job_id, datetime.now(UTC), request, model, find, access, storage=storage)
    progress(0.1, f"{len(planned.scenes)} scenes, {len(planned.blocks)} blocks")
    product = carry_out(
        planned,
        model,
        storage=storage,
        access=access,
        threads=threads,
        progress=part_of(progress, 0.1, 1.0),
    )
    progress(1.0, "done")
    return product


def carry_out(
    planned: Plan,
    model: RegisteredModel,
    *,
    storage: Storage,
    access: Access,
    threads: int = 1,
    progress: Progress = lambda _share, _message: None,
) -> Product:
    """Make the map of a plan here and now; arguments and errors are those of `classify`."""
    try:
        do_all(
            lambda block: map_block(planned, block, model, storage, access),
            planned.blocks,
            threads,
            "block",
            part_of(progress, 0.0, 0.9),
        )
        progress(0.9, "publishing")
        return finish(planned, model, storage)
    finally:
        discard_results(planned.job_id, storage)
