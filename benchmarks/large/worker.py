"""Celery's worker as a deployment runs it, but for its catalogue: the landscape; and for a log of the blocks it has computed."""

import os
from typing import Any

from celery.__main__ import main  # type: ignore[import-untyped]

from benchmarks.large.scene import scenes
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.pipeline.block import map_block
from geocrop_processes.service import context
from geocrop_processes.service.work import maps

COMPUTED = "LARGE_COMPUTED"
"""The variable that names the log: a line for each block that was computed and stored."""


def _noted(planned: Any, block: Any, *rest: Any, **how: Any) -> None:
    map_block(planned, block, *rest, **how)
    # a single short write to a file that is open for appending is never torn
    with open(os.environ[COMPUTED], "a", encoding="ascii") as log:  # noqa: PTH123
        log.write(f"{planned.job_id} {block.name}\n")


if __name__ == "__main__":
    setattr(maps, "map_block", _noted)  # noqa: B010 - mypy knows it as a function
    setattr(context, "find_scenes", lambda *_, **__: Found(scenes(), ()))  # noqa: B010
    main()
