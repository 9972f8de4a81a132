"""The job store against a small model of it: whatever happens in whatever order, nothing is lost."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.schema import steps
from geocrop_processes.service.steps import KINDS, OPEN, Step

ATTEMPTS = 3
BLOCKS = 2
ERROR = {"title": "Broken", "detail": "It broke.", "status": 500}


class Jobs(RuleBasedStateMachine):
    """Workers that work, fail, fall silent and come back too late, and people who dismiss."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        url = f"sqlite:///{self.folder / uuid4().hex}.db"
        self.store = JobStore(url, lease_s=3600, attempts=ATTEMPTS)
        self.status: dict[str, str] = {}
        self.held: list[Step] = []
        self.late: list[Step] = []
        self.done: dict[str, int] = {}

    def teardown(self) -> None:
        self.store.close()

    def _close(self, job_id: str, status: str) -> None:
        self.status[job_id] = status

    @rule(simple=st.booleans())
    def add(self, *, simple: bool) -> None:
        job_id = f"j{len(self.status)}"
        self.store.add(job_id, "echo" if simple else "crop-classification", {}, {})
        self.status[job_id] = "accepted"
        self.done[job_id] = 0

    @rule()
    def claim(self) -> None:
        step = self.store.claim(KINDS)
        for job_id, status in self.status.items():
            if status in OPEN and self.store.get(job_id).status == "failed":
                # a step had fallen silent for the last time
                assert any(s.job_id == job_id and s.failures + 1 == ATTEMPTS for s in self.late)
                self._close(job_id, "failed")
        if step is None:
            return
        assert step.id not in {other.id for other in self.held}
        if step.kind == "clean":
            assert self.status[step.job_id] not in OPEN
            assert step.job_id not in {other.job_id for other in self.held}
        else:
            assert self.status[step.job_id] in OPEN
            assert step.failures < ATTEMPTS
            self.status[step.job_id] = "running"
        self.held.append(step)

    def _report(self, step: Step) -> bool:
        job_id = step.job_id
        match step.kind:
            case "plan":
                return self.store.planned(step, b"{}", [f"b{n}" for n in range(BLOCKS)], "d")
            case "block":
                return self.store.block_done(step)
            case "clean":
                return self.store.cleaned(step)
        return self.store.finished(step, {"outputs": {}, "job_id": job_id}, None)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def do(self, data: Any) -> None:
        step = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        counts = step.kind == "clean" or self.status[step.job_id] in OPEN
        assert self.store.renew(step) == counts
        assert self._report(step) == counts
        if counts and step.kind == "block":
            self.done[step.job_id] += 1
        if counts and step.kind in {"finish", "run"}:
            assert step.kind == "run" or self.done[step.job_id] == BLOCKS
            self._close(step.job_id, "successful")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), retry=st.booleans())
    def fail(self, data: Any, *, retry: bool) -> None:
        step = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        clean, is_open = step.kind == "clean", self.status[step.job_id] in OPEN
        retry = retry or clean
        assert self.store.failed(step, ERROR, retry=retry) == (is_open or clean)
        if is_open and (not retry or step.failures + 1 == ATTEMPTS):
            self._close(step.job_id, "failed")
        self._let_time_pass([])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        """However often it is given back, it is never too often."""
        step = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.store.release(step)
        assert not self.store.renew(step)
        assert not self._report(step)

    @rule()
    def fall_silent(self) -> None:
        self.late += self.held
        self._let_time_pass(self.held)
        self.held = []

    def _let_time_pass(self, silent: list[Step]) -> None:
        """Waits are over, and the leases of the silent have ended."""
        ids = [step.id for step in silent]
        past = update(steps).where((steps.c.state == "due") | steps.c.id.in_(ids)).values(at=0)
        with self.store._database.write() as connection:
            connection.execute(past)

    @precondition(lambda self: self._overtakable())
    @rule(data=st.data())
    def report_too_late(self, data: Any) -> None:
        """One falls silent, another claims the same step, and then the first one reports."""
        late = data.draw(st.sampled_from(self._overtakable()))
        self.held.remove(late)
        self._let_time_pass([late])
        while late.id not in {step.id for step in self.held}:
            self.claim()
        before = self.store.get(late.job_id)
        assert not self.store.renew(late)
        assert not self._report(late)
        assert not self.store.failed(late, ERROR, retry=True)
        assert not self.store.failed(late, ERROR, retry=False)
        assert self.store.get(late.job_id) == before

    def _overtakable(self) -> list[Step]:
        return [
            step
            for step in self.held
            if self.status[step.job_id] in OPEN and step.failures + 1 < ATTEMPTS
        ]

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def dismiss(self, data: Any) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.status)))
        assert self.store.dismiss(job_id).status == "dismissed"
        self._close(job_id, "dismissed")

    @invariant()
    def every_job_is_as_the_model_says(self) -> None:
        for job_id, status in self.status.items():
            job = self.store.get(job_id)
            assert job.status == status or (status in OPEN and self._gave_up(job_id))
            assert (job.finished is None) == (job.status in OPEN)
            assert (job.result is not None) == (job.status == "successful")

    def _gave_up(self, job_id: str) -> bool:
        return self.store.get(job_id).status in {*OPEN, "failed"}

    @invariant()
    def every_open_job_has_a_step_that_somebody_holds_or_can_claim(self) -> None:
        with self.store._database.read() as connection:
            rows = connection.execute(
                steps.select().where(steps.c.state.in_(["due", "leased"]))
            ).all()
        waiting = {row.job_id for row in rows}
        assert {j for j in self.status if self.store.get(j).status in OPEN} <= waiting


def test_no_order_of_events_loses_a_job_or_counts_a_late_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Jobs, "folder", tmp_path, raising=False)
    run_state_machine_as_test(
        Jobs, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )
