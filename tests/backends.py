"""What a service under test keeps its jobs, objects and messages in.

The embedded default is SQLite, a folder and no queue. Production is PostgreSQL with PostGIS, an S3 server and
Redis with its append-only file: one server of each for all tests of a process, started when the first test
needs it. Each backend is empty, and nobody else's.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import redis

from geocrop_processes.service.jobs import JobStore
from geocrop_processes.settings import ServiceSettings, Settings, StorageSettings
from geocrop_processes.storage import BASELINES, DATASETS, MODELS, RESULTS, Storage
from tests.s3_proxy import proxy_of
from tests.servers import postgresql, redis_server, s3_server

EMBEDDED, PRODUCTION = "embedded", "production"
"""The kinds of backends."""
_TEMPLATE = "template_geocrop"
"""The database that those of the tests are copies of: an empty job store."""
_DATABASES = 512
"""Of Redis: more than there are backends at once."""


@dataclass(frozen=True)
class Backend:
    """What one service keeps everything in."""

    kind: str
    """`EMBEDDED` or `PRODUCTION`."""
    data: Path
    """The data folder."""
    database: str | None = None
    """The job store's address, where it is not the data folder's."""
    storage: StorageSettings = field(default_factory=StorageSettings)
    """Where objects are."""
    broker: str | None = None
    """The queue's address; the embedded one has none before it is served."""

    @property
    def address(self) -> str:
        """SQLAlchemy's address of the job store."""
        return self.database or f"sqlite:///{self.data / 'jobs.db'}"

    def settings(self, service: ServiceSettings | None = None, **sections: Any) -> Settings:
        """Of a deployment on this backend, with these sections."""
        parts = {"database": self.database, "broker": self.broker}
        service = (service or ServiceSettings()).model_copy(update=parts)
        return Settings(data=self.data, storage=self.storage, service=service, **sections)

    def open_store(self, *, lease_s: float = 60, attempts: int = 3) -> JobStore:
        """The job store."""
        return JobStore.of(self.settings(ServiceSettings(lease_s=lease_s, attempts=attempts)))


@dataclass(frozen=True)
class _Place:
    """An S3 server and a database of Redis, which one backend has at a time."""

    endpoint: str
    storage: Storage
    broker: str

    def empty(self) -> None:
        for bucket in (MODELS, BASELINES, RESULTS, DATASETS):
            self.storage.delete(bucket, "")
        with redis.Redis.from_url(self.broker) as queue:
            queue.flushdb()


class Backends:
    """Backends of both kinds.

    Args:
        folder: of the servers.
        servers: ends them.
    """

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self._folder = folder
        self._servers = servers
        self._made = 0
        self._idle: list[_Place] = []

    @contextmanager
    def open(self, kind: str, data: Path) -> Iterator[Backend]:
        """An empty backend, for as long as the context lasts.

        Args:
            kind: `EMBEDDED` or `PRODUCTION`.
            data: the data folder, which need not exist.
        """
        if kind == EMBEDDED:
            yield Backend(kind, data)
            return
        with self._database() as database, self._place() as place:
            storage = StorageSettings(root="s3://", endpoint=place.endpoint)
            yield Backend(kind, data, database, storage, place.broker)

    @contextmanager
    def _database(self) -> Iterator[str]:
        self._made += 1
        name = f"geocrop_{self._made}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        try:
            yield f"{self._postgresql}/{name}"
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, command: str) -> None:
        server = self._postgresql.replace("+psycopg", "")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(command.encode())

    @contextmanager
    def _place(self) -> Iterator[_Place]:
        place = self._idle.pop() if self._idle else self._new_place()
        try:
            yield place
        finally:
            place.empty()
            self._idle.append(place)

    def _new_place(self) -> _Place:
        number = next(self._numbers)
        folder = self._folder / f"s3-{number}"
        folder.mkdir()
        server = self._servers.enter_context(s3_server(folder))
        # of ranges rclone says what S3 does not, and GDAL takes
        endpoint = self._servers.enter_context(proxy_of(server)).url
        storage = Storage("s3://", endpoint=endpoint)
        storage.ensure_buckets()
        return _Place(endpoint, storage, f"{self._redis}/{number}")

    @cached_property
    def _numbers(self) -> Iterator[int]:
        return iter(range(_DATABASES))

    @cached_property
    def _postgresql(self) -> str:
        server = self._servers.enter_context(postgresql(self._folder, _TEMPLATE))
        JobStore(f"{server}/{_TEMPLATE}", lease_s=60, attempts=3).close()
        return server

    @cached_property
    def _redis(self) -> str:
        options = ("--databases", str(_DATABASES))
        return self._servers.enter_context(redis_server(self._folder, *options))
