"""The object store of a deployment, whichever kind it is."""

from collections.abc import Generator, Iterable, Iterator
from copy import copy
from pathlib import Path
from typing import Self

from geocrop_processes.errors import InvalidSetting
from geocrop_processes.storage.entry import Entry, Unfinished
from geocrop_processes.storage.folder import Folder
from geocrop_processes.storage.s3 import Buckets

MODELS, BASELINES, RESULTS, DATASETS = (
    "geocrop-models",
    "geocrop-baselines",
    "geocrop-results",
    "geocrop-datasets",
)
"""The buckets, as the code names them; a deployment's own can have a prefix."""
BUCKETS = (MODELS, BASELINES, RESULTS, DATASETS)


def result_key(job_id: str, name: str = "") -> str:
    """Where a file of a job lies among the results; without a name what the keys of all its files begin with."""
    return f"results/{job_id}/{name}"


class Storage:
    """The object store of a deployment.

    Args:
        root: a folder, or `s3://` for buckets of an S3 server.
        endpoint: the S3 server's address; AWS where none is given. Credentials come from where boto3
            looks for them (environment, profile, instance role).
        region: the S3 region.
        public_endpoint: the S3 server's address as clients see it, where it is another.
        bucket_prefix: what the names of all buckets begin with.
        timeout_s: seconds until a silent S3 server is given up; each request is tried several times.
        link_s: seconds that an address can be used which clients read an object from by themselves; 0 gives none.

    Raises:
        InvalidSetting: links are wanted of a folder; the root has another scheme, or an endpoint is no address.
        StorageRefused (each method): credentials, a bucket or the clock are wrong.
        StorageUnavailable (each method): there is no such object, or the store does not answer.

    Keys are relative, of parts joined by `/`; one that climbs or has an empty part is a `ValueError`.
    """

    def __init__(  # noqa: PLR0913 - each is a setting
        self,
        root: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        public_endpoint: str | None = None,
        bucket_prefix: str = "",
        timeout_s: float = 30.0,
        link_s: int = 0,
    ) -> None:
        self._prefix = bucket_prefix
        self.link_s = link_s
        self._at: Folder | Buckets
        if root.startswith("s3://"):
            if root != "s3://":
                raise InvalidSetting(
                    f"The storage root {root!r} names a bucket: the buckets' names are fixed, 's3://' is enough."
                )
            self._at = Buckets(endpoint, region, public_endpoint, timeout_s)
        elif "://" in root:
            raise InvalidSetting(f"The storage root must be a folder or 's3://', not {root!r}.")
        elif link_s:
            raise InvalidSetting(
                f"Files of the folder {root!r} have no addresses of their own: GEOCROP_STORAGE__LINKS must be 'proxied'."
            )
        else:
            self._at = Folder(Path(root))

    def put_file(self, bucket: str, key: str, path: Path, media_type: str) -> None:
        """Store a file's content; a reader sees the old object or the whole new one, never a part."""
        self._at.put_file(*self._named(bucket, key), path, media_type)

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Store bytes; a reader sees the old object or the whole new one, never a part."""
        self._at.put(*self._named(bucket, key), content, media_type)

    def get(self, bucket: str, key: str) -> bytes:
        """An object's content, whole."""
        return self._at.get(*self._named(bucket, key))

    def open_range(self, bucket: str, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from `start` to before `stop` of an object, piece by piece; closed at its end, or by `close`.

        Args:
            bucket: the bucket.
            key: the object.
            start: the first byte, 0 or more.
            stop: the byte after the last one, above `start`.

        Raises:
            StorageUnavailable: there is no such object, or the store does not answer: told by this call;
                or the object ends before `stop`: told while it is read.
        """
        return self._at.open_range(*self._named(bucket, key), start, stop)

    def has(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        return self._at.has(*self._named(bucket, key))

    def version(self, bucket: str, key: str) -> str:
        """What tells an object from any other that is ever stored under its key: its SHA-256, or S3's ETag."""
        return self._at.version(*self._named(bucket, key))

    def entries(self, bucket: str, prefix: str) -> Iterator[Entry]:
        """The objects whose keys start with a prefix, while they are listed: any number of them; none is fine.

        What is removed or written meanwhile may be among them or not.
        """
        return self._at.entries(*self._named(bucket, f"{prefix}*", prefix))

    def list(self, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket that start with a prefix, sorted; none is fine."""
        return sorted(entry.key for entry in self.entries(bucket, prefix))

    def unfinished(self, bucket: str, prefix: str) -> Iterator[Unfinished]:
        """What writers have begun below a prefix and not ended, those that are still at it among them."""
        return self._at.unfinished(*self._named(bucket, f"{prefix}*", prefix))

    def remove(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there any more are fine."""
        checked = (self._named(bucket, key)[1] for key in keys)
        self._at.remove(self._prefix + bucket, checked)

    def delete(self, bucket: str, prefix: str) -> None:
        """Remove every object whose key starts with a prefix, and what was half written; none is fine."""
        # listed first: a list that shrinks while it is read skips some
        self.remove(bucket, self.list(bucket, prefix))
        self.discard_unfinished(bucket, prefix)

    def discard(self, bucket: str, left: Unfinished) -> None:
        """Remove what a writer has begun; one that still writes fails then."""
        self._at.discard(self._prefix + bucket, left)

    def discard_unfinished(self, bucket: str, prefix: str) -> None:
        """Remove what writers have begun below a prefix and not ended; none is fine."""
        for left in list(self.unfinished(bucket, prefix)):
            self.discard(bucket, left)

    def url(self, bucket: str, key: str = "") -> str:
        """Where GDAL, MLflow and people find an object or a bucket: a path, or `s3://bucket/key`."""
        return self._at.url(*self._named(bucket, key or "*", key))

    def link(self, bucket: str, key: str, *, named: str | None = None) -> str | None:
        """An address that clients read an object from by themselves for `link_s` seconds; None where there are none.

        Args:
            bucket: the bucket.
            key: the object.
            named: the name that a browser saves it under; shown where None.
        """
        if isinstance(self._at, Folder) or not self.link_s:
            return None
        return self._at.link(*self._named(bucket, key), self.link_s, named)

    def gdal_options(self) -> dict[str, object]:
        """What `rasterio.Env` must be told to open the addresses that `url` gives."""
        return self._at.gdal_options()

    def unprefixed(self) -> Self | None:
        """The same S3 server with buckets by their whole names, as `url` tells them; None of a folder."""
        if isinstance(self._at, Folder):
            return None
        other = copy(self)
        other._prefix = ""  # noqa: SLF001 - of the same kind
        return other

    def ensure_buckets(self) -> None:
        """Make the buckets that do not exist yet."""
        for bucket in BUCKETS:
            self._at.make(self._prefix + bucket)

    def _named(self, bucket: str, checked: str, key: str | None = None) -> tuple[str, str]:
        """The bucket as the deployment names it, and the key."""
        if "\0" in checked or any(part in {"", ".", ".."} for part in checked.split("/")):
            raise ValueError(
                f"An object's key is relative, never climbs and has no empty part: {checked!r}."
            )
        return self._prefix + bucket, checked if key is None else key
