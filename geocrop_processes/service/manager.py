"""The process manager: pygeoapi and our own routes ask here to run, watch, cancel and forget jobs.

It writes jobs to the store and tells the workers that there is work; it carries out nothing itself but
short synchronous processes.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any
from uuid import uuid4

from pygeoapi.process.base import JobNotFoundError, JobResultNotFoundError, ProcessorExecuteError
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus, RequestedProcessExecutionMode, Subscriber

from geocrop_processes.errors import GeoCropError, QueueFull, TooManyJobs, Unavailable, UnknownJob
from geocrop_processes.registry import Registry
from geocrop_processes.service import results, uploads
from geocrop_processes.service.callbacks.subscriber import OCCASIONS
from geocrop_processes.service.checks.desk import Desk
from geocrop_processes.service.fetch import fetch
from geocrop_processes.service.given import Files
from geocrop_processes.service.inputs import Order, check
from geocrop_processes.service.jobs import Entry, Job, JobStore
from geocrop_processes.service.outcome import Outcome
from geocrop_processes.service.problems import Problem, no_such_process, problem_of, too_many
from geocrop_processes.service.processes import Description
from geocrop_processes.service.queue import Bell, publish
from geocrop_processes.service.rendering import Renderer
from geocrop_processes.settings import Settings
from geocrop_processes.storage import Storage


@dataclass(frozen=True)
class Parts:
    """What the manager works with."""

    settings: Settings
    """The deployment."""
    store: JobStore
    """The jobs."""
    storage: Storage
    """The products."""
    registry: Registry
    """The models."""
    publish: Callable[[], None]
    """Tells the workers that there is work; raises `BrokerUnavailable`."""

    @classmethod
    def open(cls, settings: Settings, store: JobStore | None = None) -> "Parts":
        """The parts of a deployment."""
        storage = settings.open_storage()
        return cls(
            settings,
            store or JobStore.of(settings),
            storage,
            settings.open_registry(storage),
            Bell(partial(publish, settings), settings.service.republish_s),
        )


class CeleryManager(BaseManager):  # type: ignore[misc] # pygeoapi ships no types
    """Jobs in the SQL store, carried out by Celery's workers.

    Named in pygeoapi's configuration by its dotted path. Making one is cheap: pygeoapi makes several. Parts
    are opened from the environment when they are first needed, unless `attach` brought them.
    """

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True
        self.supports_subscribing = True
        self._parts: Parts | None = None
        self._described: dict[str, Description] = {}
        self._lock = Lock()

    def attach(self, parts: Parts) -> None:
        """Work with these parts instead of opening any."""
        self._parts = parts

    @property
    def parts(self) -> Parts:
        """What it works with."""
        with self._lock:
            if self._parts is None:
                self._parts = Parts.open(Settings.read())
            return self._parts

    @property
    def renderer(self) -> Renderer:
        """Writes results."""
        return Renderer(self.parts.settings, self.parts.storage)

    def describe(self, process_id: str) -> Description:
        """A process's description, which is everybody's: not to be changed.

        Raises:
            Problem: there is no such process.
        """
        if process_id not in self.processes:
            raise no_such_process(process_id, list(self.processes))
        if process_id not in self._described:
            self._described[process_id] = self.get_processor(process_id).metadata
        return self._described[process_id]

    def runs_at_once(self, process_id: str) -> bool:
        """Whether an execution of a process may be answered with its results."""
        return "sync-execute" in self.describe(process_id)["jobControlOptions"]

    def order(self, process_id: str, body: dict[str, Any]) -> Order:
        """An execution request, checked.

        Raises:
            Problem: it cannot be carried out.
        """
        parts = self.parts
        files = Files(parts.settings, parts.store, parts.storage, fetch)
        desk = Desk(parts.settings, parts.registry.resolve, files)
        return check(body, self.describe(process_id), desk)

    def submit(self, process_id: str, order: Order) -> Job:
        """Write a job down and tell the workers.

        Raises:
            Problem: the queue does not answer; the job is written down and runs when it does. Or too many jobs are
                open (429, 503); there is no job then.
            StorageUnavailable: what was brought cannot be stored; there is no job then.
        """
        parts = self.parts
        for upload in order.uploads:
            uploads.keep(parts.storage, upload)
        try:
            job = parts.store.add(uuid4().hex, process_id, order.inputs, order.request)
        except (TooManyJobs, QueueFull) as error:
            raise too_many(error, parts.store.pace.seconds()) from error
        try:
            parts.publish()
        except Unavailable as error:
            problem = problem_of(error)
            waiting = "It is kept, and runs as soon as the queue answers."
            with suppress(Unavailable):
                parts.store.note(job.id, waiting)
            problem.detail = f"{problem.detail} The job is {job.id}. {waiting}"
            # without a Retry-After: whoever asked again would have two jobs
            problem.headers = {"Location": results.job_url(parts.settings, job.id)}
            raise problem from error
        return job

    def run(self, process_id: str, order: Order) -> dict[str, Any]:
        """The outputs of a synchronous process.

        Raises:
            Problem: somebody is to be told what becomes of a job, and there is none.
        """
        order.check_at_once()
        _, outputs = self.get_processor(process_id).execute(order.inputs)
        return dict(outputs)

    def dismiss(self, job_id: str) -> Job:
        """End a job, or remove the results of one that has ended; dismissing twice is as once.

        Raises:
            UnknownJob: there is none.
        """
        job = self.parts.store.dismiss(job_id)
        # where nobody can be told now, what is left is removed when the queue answers again
        with suppress(Unavailable):
            self.parts.publish()
        return job

    # what pygeoapi's own routes call

    def get_jobs(
        self,
        status: JobStatus | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> dict[str, Any]:
        """A page of jobs, the newest first, and how many there are."""
        wanted = (status.value,) if status else ()
        jobs, total = self.parts.store.list(status=wanted, limit=limit or 100, offset=offset or 0)
        return {"jobs": [_record(job) for job in jobs], "numberMatched": total}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """A job as pygeoapi writes it."""
        return _record(self._found(job_id))

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        """A successful job's results as a document."""
        job = self._found(job_id)
        if job.result is None:
            raise JobResultNotFoundError(job_id)
        outcome = Outcome.of_job(job, self.describe(job.process))
        return "application/json", self.renderer.document(outcome)

    def delete_job(self, job_id: str) -> bool:
        """Dismiss a job."""
        try:
            self.dismiss(job_id)
        except UnknownJob as error:
            raise JobNotFoundError(job_id) from error
        return True

    def execute_process(
        self,
        process_id: str,
        data_dict: dict[str, Any],
        execution_mode: RequestedProcessExecutionMode | None = None,
        requested_outputs: dict[str, Any] | None = None,
        subscriber: Any = None,
        requested_response: str | None = None,
    ) -> tuple[str, str, Any, JobStatus, dict[str, str] | None]:
        """Check a request, then write the job down or answer at once.

        Raises:
            ProcessorExecuteError: the request cannot be carried out; its status and text are the problem's.
        """
        body = {
            "inputs": data_dict,
            "outputs": requested_outputs,
            "response": requested_response or "document",
            "subscriber": _named(subscriber),
        }
        try:
            order = self.order(process_id, body)
            if runs_async(self.describe(process_id), preferred=execution_mode == _ASYNC):
                job = self.submit(process_id, order)
                return job.id, "application/json", None, JobStatus.accepted, _APPLIED
            return (
                uuid4().hex,
                "application/json",
                self.run(process_id, order),
                JobStatus.successful,
                None,
            )
        except (GeoCropError, Problem) as error:
            raise _refusal(error) from error

    def _found(self, job_id: str) -> Job:
        try:
            return self.parts.store.get(job_id)
        except UnknownJob as error:
            raise JobNotFoundError(job_id) from error


_ASYNC = RequestedProcessExecutionMode.respond_async
_APPLIED = {"Preference-Applied": "respond-async"}


def runs_async(description: Description, *, preferred: bool) -> bool:
    """Whether an execution becomes a job: where that is preferred, or the only way."""
    offered = description["jobControlOptions"]
    return "async-execute" in offered and (preferred or "sync-execute" not in offered)


def _refusal(error: GeoCropError | Problem) -> ProcessorExecuteError:
    problem = error if isinstance(error, Problem) else problem_of(error)
    refusal = ProcessorExecuteError(user_msg=problem.detail)
    refusal.http_status_code = problem.status
    refusal.ogc_exception_code = problem.type
    return refusal


def _named(subscriber: Subscriber | None) -> dict[str, str | None] | None:
    """A subscriber as an execution request names it."""
    if subscriber is None:
        return None
    addresses = (subscriber.success_uri, subscriber.in_progress_uri, subscriber.failed_uri)
    return dict(zip(OCCASIONS, addresses, strict=True))


def shown_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """A job's inputs without what may be a secret of an address, as signed ones have it."""
    return {
        name: value | {"href": value["href"].partition("?")[0]}
        if isinstance(value, dict) and isinstance(value.get("href"), str)
        else value
        for name, value in inputs.items()
    }


def _record(job: Entry) -> dict[str, Any]:
    """A job with the names and texts of pygeoapi."""
    times = {"created": job.created, "updated": job.updated, "finished": job.finished}
    return {
        "identifier": job.id,
        "process_id": job.process,
        "status": job.status,
        "message": job.message,
        "progress": job.progress,
        **({"parameters": shown_inputs(job.inputs)} if isinstance(job, Job) else {}),
        "mimetype": "application/json",
        **{name: None if at is None else results.timestamp(at) for name, at in times.items()},
        # pygeoapi sorts by it: a text is needed before there is a start
        "started": results.timestamp(job.started or job.created),
    }
