"""A small client of our own service: what the command line asks over HTTP."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from geocrop_processes.errors import JobFailed, Refused, ServiceUnavailable, UnknownJob

Json = dict[str, Any]

PROCESS = "crop-classification"
OPEN = ("accepted", "running")
"""The statuses of a job that will change by itself."""
_TIMEOUT_S = 60.0
_PAUSE_S = 0.4
"""Seconds between two looks at a job."""
_PATIENCE_S = 300.0
"""Seconds that a watched service may be away: it is being started again, which takes minutes where the machine is
busy; one question alone waits for `_TIMEOUT_S`."""


class Client:
    """Speaks to one service for as long as the context lasts.

    Args:
        url: the service's address.
        transport: how requests travel, where that is another way than the network.

    All methods raise `ServiceUnavailable` where no service answers, and `Refused` with the service's own
    words where it refuses.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        # a proxy of the environment is for the world outside, and knows nothing of one's own service
        self._http = httpx.Client(
            transport=transport, timeout=_TIMEOUT_S, trust_env=False, follow_redirects=True
        )

    def __enter__(self) -> Self:
        """Keep connections open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, inputs: Mapping[str, Any], process: str = PROCESS) -> str:
        """Ask for a job to be run when there is time; its id."""
        job = self._ask(
            "POST",
            f"/processes/{process}/execution",
            json={"inputs": dict(inputs)},
            headers={"Prefer": "respond-async"},
        ).json()
        return str(job["jobID"])

    def job(self, job_id: str) -> Json:
        """A job's status.

        Raises:
            UnknownJob: there is none of that id.
        """
        status: Json = self._ask("GET", f"/jobs/{job_id}").json()
        return status

    def jobs(self, limit: int) -> list[Json]:
        """The newest jobs' statuses."""
        page: Json = self._ask("GET", "/jobs", params={"limit": limit}).json()
        return list(page["jobs"])

    def dismiss(self, job_id: str) -> Json:
        """End a job, or remove what it has made.

        Raises:
            UnknownJob: there is none of that id.
        """
        status: Json = self._ask("DELETE", f"/jobs/{job_id}").json()
        return status

    def watch(self, job_id: str, pause_s: float = _PAUSE_S) -> Iterator[Json]:
        """A job's status again and again, up to the one that it ends with.

        A service that is started again meanwhile is waited for.

        Raises:
            UnknownJob: there is none of that id.
        """
        seen = time.monotonic()
        while True:
            try:
                status = self.job(job_id)
                seen = time.monotonic()
                yield status
                if status["status"] not in OPEN:
                    return
            except ServiceUnavailable:
                if time.monotonic() - seen > _PATIENCE_S:
                    raise
            time.sleep(pause_s)

    def results(self, job_id: str) -> Json:
        """A successful job's results by output: files as links with `href`, values as they are.

        Raises:
            JobFailed: the job has ended otherwise; why.
            UnknownJob: there is none of that id.
        """
        try:
            document: Json = self._ask("GET", f"/jobs/{job_id}/results").json()
        except (Refused, ServiceUnavailable) as error:
            status = self.job(job_id)
            if status["status"] in OPEN:
                raise
            if status["status"] != "dismissed":
                raise JobFailed(str(error)) from error
            raise JobFailed(f"The job {job_id} was dismissed.") from error
        return document

    def download(self, url: str) -> bytes:
        """A file of a product."""
        return self._ask("GET", url).content

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = path if path.startswith(("http://", "https://")) else self.url + path
        try:
            response = self._http.request(method, url, **more)
        except httpx.TransportError as error:
            raise ServiceUnavailable(
                f"No service answers at {self.url} ({error or type(error).__name__}): "
                "`geocrop serve` starts one."
            ) from error
        except httpx.InvalidURL as error:
            raise Refused(f"{url!r} is no address of a service: {error}.") from error
        if response.is_success:
            return response
        words = _words(response)
        if response.status_code == httpx.codes.NOT_FOUND and "no-such-job" in response.text:
            raise UnknownJob(words)
        if response.is_client_error:
            raise Refused(words)
        raise ServiceUnavailable(words)


def _words(response: httpx.Response) -> str:
    """What a problem says, in one line."""
    try:
        problem = response.json()
        said = problem.get("detail") or problem["title"]
    except (ValueError, AttributeError, KeyError):
        said = ""
    where = f"{response.request.url} answered {response.status_code}"
    return " ".join(str(said).split()) or f"{where} {response.reason_phrase}."
