"""Whoever does not want a map any more is not made to wait for it, and finds nothing half done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from geocrop_processes.errors import Abandoned
from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.block import map_block
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.pipeline.product import finish
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import RESULTS, Storage

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class Patience:
    """Wants the work until it has been asked so many times."""

    def __init__(self, questions: int = 1_000_000) -> None:
        self.asked = 0
        self._questions = questions

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self._questions


@pytest.fixture
def planned(
    request_of: Callable[[int], Request],
    model: RegisteredModel,
    find: Find,
    access: Access,
    storage: Storage,
) -> Plan:
    return plan("job", CREATED, request_of(64), model, find, access, storage=storage)


def test_a_plan_is_left_whenever_it_is_not_wanted_any_more(
    planned: Plan, model: RegisteredModel, find: Find, access: Access, storage: Storage
) -> None:
    def made(patience: Patience) -> Plan:
        return plan(
            "job",
            CREATED,
            planned.request,
            model,
            find,
            access,
            storage=storage,
            abandoned=patience,
        )

    whole = Patience()
    assert made(whole) == planned
    assert whole.asked >= 3
    for questions in range(whole.asked):
        with pytest.raises(Abandoned):
            made(Patience(questions))


def test_a_block_is_left_before_each_part_of_its_work_and_before_it_is_stored(
    planned: Plan, model: RegisteredModel, access: Access, storage: Storage
) -> None:
    block = planned.blocks[0]
    questions = 0
    while True:
        patience = Patience(questions)
        try:
            map_block(planned, block, model, storage, access, abandoned=patience)
        except Abandoned:
            assert storage.list(RESULTS, "results/job/") == []
            questions += 1
        else:
            break
    assert questions == patience.asked
    # before the scenes are read, before the vote, before the result is stored
    assert questions == 3
    assert storage.list(RESULTS, "results/job/") == [f"results/job/blocks/{block.name}.1.npz"]


def test_a_product_that_was_left_has_no_item_and_can_be_finished_later(
    planned: Plan, model: RegisteredModel, access: Access, storage: Storage
) -> None:
    other = replace(planned, job_id="other")
    for each in (planned, other):
        for block in each.blocks:
            map_block(each, block, model, storage, access)
    whole = Patience()
    product = finish(planned, model, storage, abandoned=whole)
    files = len(product.checksums)
    assert whole.asked >= 3 * len(planned.blocks) + files + 1
    for questions in {0, len(planned.blocks) + 1, whole.asked - files, whole.asked - 1}:
        with pytest.raises(Abandoned):
            finish(other, model, storage, abandoned=Patience(questions))
        assert "results/other/item.json" not in storage.list(RESULTS, "results/other/")
    assert finish(other, model, storage).checksums["class-map"] == product.checksums["class-map"]


def test_a_product_is_made_of_the_attempts_that_count(
    planned: Plan, model: RegisteredModel, access: Access, storage: Storage
) -> None:
    attempts = {block.name: number for number, block in enumerate(planned.blocks, 1)}
    for block in planned.blocks:
        map_block(planned, block, model, storage, access, attempt=attempts[block.name])
        others = {1, 2, 3} - {attempts[block.name]}
        for other in others:
            storage.put(
                RESULTS, f"results/job/blocks/{block.name}.{other}.npz", b"late", "text/plain"
            )
    assert finish(planned, model, storage, attempts=attempts).summary["classes"]
