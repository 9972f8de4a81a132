"""A map whose stated time is over keeps what is done, and is completed by the same request."""

import json
from typing import Any

import pytest
from sqlalchemy import delete, update

from geocrop_processes.pipeline.plan import Plan
from geocrop_processes.service.schema import jobs, plans
from geocrop_processes.service.worker import WorkerContext, run_step, work
from geocrop_processes.storage import RESULTS

INPUTS = {"aoi": [30.2, -17.36, 300], "year": 2022, "model": "stripes@1", "mask": "none"}


def submit(context: WorkerContext, job_id: str, **inputs: Any) -> None:
    request: dict[str, Any] = {"outputs": {"probabilities": {}, "class-map": {}}}
    context.store.add(job_id, "crop-classification", {**INPUTS, "fresh": False, **inputs}, request)


def drain(context: WorkerContext) -> None:
    while work(context, lambda: None):
        pass


def end_the_time(context: WorkerContext, job_id: str) -> None:
    """As if it had begun long ago."""
    with context.store._database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(started=1.0))


def do(context: WorkerContext, *kinds: str) -> None:
    for kind in kinds:
        step = context.store.claim([kind])
        assert step is not None
        assert run_step(context, step)


def sums(context: WorkerContext, job_id: str) -> dict[str, str]:
    job = context.store.get(job_id)
    assert job.status == "successful", job.message
    assert job.result is not None
    names = ("class-map", "confidence", "probabilities")
    return {name: job.result["outputs"][name]["sha256"] for name in names}


def test_a_map_without_time_is_partial_and_is_completed_to_the_same_bytes(
    context: WorkerContext,
) -> None:
    submit(context, "p", max_seconds=3600)
    do(context, "plan", "block", "block")
    end_the_time(context, "p")
    drain(context)
    partial = context.store.get("p")
    assert partial.status == "successful", partial.message
    assert partial.message.startswith("partial: ")
    assert partial.result is not None
    summary = partial.result["summary"]
    assert len(summary["missing_blocks"]) == summary["blocks"] - 2
    item = json.loads(context.storage.get(RESULTS, "results/p/item.json"))["properties"]
    assert item["geocrop:complete"] is False
    assert item["geocrop:partial"]["share"] == round(2 / summary["blocks"], 6)
    kept = context.storage.list(RESULTS, "results/p/blocks/")
    assert len(kept) == 2
    # the same request takes them over
    submit(context, "q")
    do(context, "plan")
    assert context.store.due() == {"block": summary["blocks"] - 2}
    assert context.storage.list(RESULTS, "results/p/blocks/") == kept
    drain(context)
    submit(context, "whole", fresh=True)
    drain(context)
    assert sums(context, "q") == sums(context, "whole") != sums(context, "p")
    for job_id in ("q", "whole"):
        result = context.store.get(job_id).result
        assert result is not None
        assert "missing_blocks" not in result["summary"]
    # nothing is kept for a map that is there
    for job_id in ("p", "q"):
        assert context.storage.list(RESULTS, f"results/{job_id}/blocks/") == []
    context.store.dismiss("p")
    drain(context)
    assert context.storage.list(RESULTS, "results/p/") == []


def test_a_map_whose_time_is_over_before_a_block_is_done_fails(context: WorkerContext) -> None:
    submit(context, "p", max_seconds=1)
    do(context, "plan")
    end_the_time(context, "p")
    drain(context)
    job = context.store.get("p")
    assert job.status == "failed"
    assert "`max_seconds`" in job.message
    assert job.error is not None
    assert job.error["status"] == 422


def test_blocks_beside_the_circle_are_no_map(context: WorkerContext) -> None:
    submit(context, "p", max_seconds=3600)
    do(context, "plan")
    planned = Plan.from_json(context.store.plan_of("p"))
    aoi = planned.request.aoi
    beside = {b.name for b in planned.blocks if not planned.grid.window(b).inside(aoi).any()}
    assert beside
    claimed = [context.store.claim(["block"]) for _ in planned.blocks]
    begun = [step for step in claimed if step is not None]
    for step in begun:
        assert step.name not in beside or run_step(context, step)
    end_the_time(context, "p")
    for step in begun:
        assert step.name in beside or run_step(context, step)
    do(context, "finish")
    job = context.store.get("p")
    assert job.error is not None
    assert (job.status, job.error["title"]) == ("failed", "Out of time")
    assert "`max_seconds`" in job.message


def test_a_partial_map_neither_hides_the_whole_one_nor_needs_a_plan(context: WorkerContext) -> None:
    submit(context, "whole")
    drain(context)
    submit(context, "p", fresh=True, max_seconds=3600)
    do(context, "plan", "block", "block")
    end_the_time(context, "p")
    drain(context)
    assert context.store.get("p").message.startswith("partial: ")
    # nothing takes them over
    assert context.storage.list(RESULTS, "results/p/blocks/") == []
    submit(context, "q")
    do(context, "plan")
    result = context.store.get("q").result
    assert result is not None
    assert result["job_id"] == "whole"
    for job_id in ("q", "whole"):
        context.store.dismiss(job_id)
    drain(context)
    with context.store._database.write() as connection:
        connection.execute(delete(plans).where(plans.c.job_id == "p"))
    submit(context, "r")
    do(context, "plan")
    assert context.store.get("r").status == "running"


def test_blocks_under_way_are_the_last(context: WorkerContext) -> None:
    submit(context, "p", max_seconds=3600)
    do(context, "plan")
    running = context.store.claim(["block"])
    assert running is not None
    end_the_time(context, "p")
    # the next one is not begun
    assert context.store.out_of_time(running, 1e12) is False
    do(context, "block")
    assert context.store.due() == {}
    assert context.store.get("p").status == "running"
    assert context.store.block_done(running)
    assert context.store.due() == {"finish": 1}


@pytest.mark.parametrize("seconds", [3600])
def test_a_map_within_its_time_is_whole(context: WorkerContext, seconds: int) -> None:
    submit(context, "p", max_seconds=seconds)
    drain(context)
    job = context.store.get("p")
    assert (job.status, job.message) == ("successful", "done")
