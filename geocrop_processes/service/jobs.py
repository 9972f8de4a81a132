"""The job store: the truth about every job, and the schedule of what is to be done for it.

Each method is one transaction, and every change of a status depends on the status that it comes from. A
store can be used by many threads; each process opens its own.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from geocrop_processes.errors import Unavailable, UnknownJob
from geocrop_processes.service import budget, products, records, reports, reuse, steps, turns
from geocrop_processes.service.callbacks.due import Deliveries
from geocrop_processes.service.database import Database
from geocrop_processes.service.figures import Past
from geocrop_processes.service.limits import Door, Limits
from geocrop_processes.service.pace import Pace
from geocrop_processes.service.product_store import ProductStore
from geocrop_processes.service.records import Entry, Job
from geocrop_processes.service.schema import clock, jobs, plans
from geocrop_processes.service.steps import Step
from geocrop_processes.service.together import Together
from geocrop_processes.settings import Settings

_CLAIMS = 20
"""How often another may be quicker before one waits for the next message."""

__all__ = ["Entry", "Job", "JobStore", "Step"]


class JobStore(ProductStore):
    """The jobs of a deployment.

    Args:
        url: SQLAlchemy's address of the database; its tables are made where they are missing.
        lease_s: seconds until a step whose holder is silent is due again.
        attempts: how often a step is tried.
        limits: how many jobs may be open; any number where None.

    Raises (each method):
        StoreUnavailable: the database does not answer.
    """

    def __init__(
        self, url: str, *, lease_s: float, attempts: int, limits: Limits | None = None
    ) -> None:
        super().__init__(Database(url))
        self.database = self._database  # others read by it, and change nothing
        self.deliveries = Deliveries(self._database)
        self.pace = Pace(self._database)
        self.past = Past(self._database)
        self.lease_s = lease_s
        self._attempts = attempts
        self._door = None if limits is None else Door(limits)
        self._accept = Together(self._accept_all)

    @classmethod
    def of(cls, settings: Settings) -> "JobStore":
        """The store that a deployment's settings name."""
        service = settings.service
        limits = Limits(service.max_open_jobs, service.max_open_jobs_of_owner)
        return cls(
            settings.store_url(), lease_s=service.lease_s, attempts=service.attempts, limits=limits
        )

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def add(
        self,
        job_id: str,
        process: str,
        inputs: dict[str, Any],
        request: dict[str, Any],
        *,
        owner: str = "anonymous",
    ) -> Job:
        """Accept a job: its first step is due.

        Raises:
            TooManyJobs, QueueFull: as many are open as may be; there is no job then.
        """
        written = self._accept(records.Submitted.of(job_id, process, owner, inputs, request))
        if isinstance(written, Unavailable):
            raise written
        return written

    def _accept_all(self, submitted: Sequence[records.Submitted]) -> Sequence[Job | Unavailable]:
        with self._database.write() as connection:
            if self._door is None:
                return records.add(connection, submitted)
            refused = self._door.refusals(connection, [one.owner for one in submitted])
            taken = [one for one, why in zip(submitted, refused, strict=True) if why is None]
            made = iter(records.add(connection, taken) if taken else ())
            return [next(made) if why is None else why for why in refused]

    def get(self, job_id: str) -> Job:
        """What is known of a job.

        Raises:
            UnknownJob: there is none of that name.
        """
        with self._database.read() as connection:
            query = select(*Job.columns()).where(jobs.c.id == job_id)
            row = connection.execute(query).first()
        if row is None:
            raise UnknownJob(f"There is no job {job_id!r}.")
        return Job.of_row(row)

    def list(  # noqa: PLR0913 - the filters of OGC API - Processes
        self,
        *,
        process: str | Sequence[str] | None = None,
        status: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        min_s: float | None = None,
        max_s: float | None = None,
        owner: str | None = None,
        place: Any = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[Entry], int]:
        """A page of jobs, the newest first, and how many there are.

        Args: those of `records.Filter`, where a condition that is left out holds for every job;
            limit: the most jobs of the page.
            offset: how many newer ones to leave out.
        """
        processes = [process] if isinstance(process, str) else process
        wanted = records.Filter(processes, status, since, until, min_s, max_s, owner, place)
        with self._database.read() as connection:
            return records.page(connection, wanted, limit, offset)

    def note(self, job_id: str, message: str) -> None:
        """Tell people something about an open job."""
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.status.in_(steps.OPEN))
                .values(message=message, updated=clock(connection))
            )

    def dismiss(self, job_id: str) -> Job:
        """Dismiss a job, whatever its state; its steps end, and a `clean` step removes what it has stored.

        Raises:
            UnknownJob: there is none of that name.
        """
        with self._database.write() as connection:
            now = clock(connection)
            dismissed = connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.status != steps.DISMISSED)
                .values(
                    status=steps.DISMISSED,
                    message="dismissed",
                    updated=now,
                    finished=func.coalesce(jobs.c.finished, now),
                    result=None,
                    error=None,
                )
            )
            if dismissed.rowcount:
                steps.close(connection, job_id)
                products.withdraw(connection, job_id)
        return self.get(job_id)

    def claim(self, kinds: Sequence[str]) -> Step | None:
        """Lease the next due step of these kinds, fairly over owners and jobs; None where nothing is due."""
        with self._database.read() as connection:
            silent = steps.silent(connection, self.lease_s, self._attempts)
        for left in silent:
            with self._database.write() as connection:
                steps.give_up(connection, left, self._attempts)
        for _ in range(_CLAIMS):
            with self._database.write() as connection:
                job_id = turns.next_job(connection, kinds, self.lease_s)
                if job_id is None:
                    return None
                step = steps.take(connection, job_id, kinds, self.lease_s)
            if step is not None:
                return step
        return None

    def renew(self, step: Step) -> bool:
        """Keep a lease; False where it is lost or the job is not open: nothing will come of the step."""
        with self._database.write() as connection:
            return steps.renew(connection, step, self.lease_s)

    def planned(
        self,
        step: Step,
        plan: bytes,
        blocks: Sequence[str],
        digest: str | None,
        done: Collection[str] = (),
    ) -> bool:
        """Keep a plan and make its blocks due, but for those that are done; False where the report comes too late."""
        with self._database.write() as connection:
            return reports.planned(connection, step, plan, blocks, digest, done)

    def out_of_time(self, step: Step, seconds: float) -> bool:
        """Whether a job's time is over; the block that was claimed, and any other, is not begun then."""
        with self._database.write() as connection:
            return budget.out_of_time(connection, step, seconds)

    def plan_of(self, job_id: str) -> bytes:
        """The plan of a job.

        Raises:
            UnknownJob: there is no such job, or it has no plan yet.
        """
        with self._database.read() as connection:
            query = select(plans.c.content).where(plans.c.job_id == job_id)
            content = connection.execute(query).scalar_one_or_none()
        if content is None:
            raise UnknownJob(f"There is no plan of a job {job_id!r}.")
        return bytes(content)

    def block_done(self, step: Step) -> bool:
        """Count a block; the last one makes `finish` due. False where the report comes too late."""
        with self._database.write() as connection:
            return reports.block_done(connection, step)

    def told(self, step: Step, percent: int, message: str) -> bool:
        """Tell how far a step has come that does a whole job; False where nothing will come of it."""
        with self._database.write() as connection:
            return reports.told(connection, step, percent, message)

    def attempts_of_blocks(self, job_id: str) -> dict[str, int]:
        """Which attempt of each mapped block counts, by the block's name."""
        with self._database.read() as connection:
            return reports.attempts_of_blocks(connection, job_id)

    def release(self, step: Step) -> None:
        """Give a step back undone: due again, now, where its job is open. Nothing where it is not held."""
        with self._database.write() as connection:
            reports.release(connection, step)

    def finished(
        self,
        step: Step,
        result: dict[str, Any],
        item: dict[str, Any] | None,
        message: str = "done",
    ) -> bool:
        """Make the job successful, and list its STAC item. False where the report comes too late."""
        with self._database.write() as connection:
            counts = reports.finished(connection, step, result, message=message)
            if counts and item is not None:
                products.add(connection, step.job_id, item)
            return counts

    def answered(self, step: Step, digest: str, product: str) -> bool:
        """Make the job successful with a product of the same digest; False where nobody uses that any more.

        Whoever closes the last job that uses it waits, and finds this one then.
        """
        with self._database.write() as connection:
            user = reuse.user_of(connection, product)
            if user is None or not reports.finished(connection, step, user.result, digest):
                return False
            products.hold(connection, product)
            return True

    def failed(self, step: Step, error: dict[str, Any], *, retry: bool) -> bool:
        """Try a step again after a while, or fail its job. False where the report comes too late."""
        with self._database.write() as connection:
            return reports.failed(connection, step, error, retry=retry, attempts=self._attempts)

    def cleaned(self, step: Step) -> bool:
        """What a closed job had stored is removed."""
        with self._database.write() as connection:
            return reports.cleaned(connection, step)

    def sweep(self, job_id: str) -> None:
        """Have cleaned up what was written too late for a closed job; nothing where it is open."""
        with self._database.write() as connection:
            steps.sweep(connection, job_id)

    def due(self, most: int | None = None) -> dict[str, int]:
        """How many steps can be claimed now, by kind; those whose holders are silent are among them.

        Args:
            most: no more than these are counted; all of them where None.
        """
        with self._database.read() as connection:
            return steps.due(connection, self.lease_s, most)

    def inputs_of_open_jobs(self) -> Sequence[dict[str, Any]]:
        """The inputs of every job that something is still to be done for."""
        query = select(jobs.c.inputs).where(jobs.c.status.in_(steps.OPEN))
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())
