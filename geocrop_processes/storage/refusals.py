"""What goes wrong at the storage, in sentences: what can pass, and what somebody must mend first."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from urllib3.exceptions import HTTPError

from geocrop_processes.errors import StorageRefused, StorageUnavailable

_CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role that is used"
_REFUSALS = {
    "InvalidAccessKeyId": f"it does not know the access key; see {_CREDENTIALS}",
    "SignatureDoesNotMatch": f"the secret does not belong to the access key; see {_CREDENTIALS}",
    "ExpiredToken": "the session's token has expired",
    "InvalidToken": "the session's token is none of its",
    "AccessDenied": "the credentials do not allow it",
    "403": f"the credentials are wrong or do not allow it; see {_CREDENTIALS}",
    "RequestTimeTooSkewed": "this machine's clock differs too much from the server's",
    "BucketAlreadyExists": "the bucket's name is taken by somebody else: set GEOCROP_STORAGE__BUCKET_PREFIX",
}
"""Why another try would be refused too, by S3's code (API reference, "Error responses"); a HEAD has only its status."""


class Damaged(Exception):
    """What came is not what was stored."""


@contextmanager
def translated(action: str, bucket: str = "", endpoint: str = "") -> Iterator[None]:
    """Do something with the store; what libraries raise becomes a sentence.

    Args:
        action: what is being done, as in "The storage cannot ...".
        bucket: the bucket of an S3 server.
        endpoint: its address.

    Raises:
        StorageRefused: credentials, bucket or clock are wrong: another try will not help.
        StorageUnavailable: anything else.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise StorageRefused(
            f"The storage at {endpoint} cannot {action}: no credentials were found; set {_CREDENTIALS}."
        ) from error
    except (Boto3Error, BotoCoreError, ClientError, HTTPError) as error:
        # what uploads a file in parts wraps the reason
        reason = _refusal(error, bucket) or _refusal(error.__context__, bucket)
        if reason:
            raise StorageRefused(
                f"The storage at {endpoint} refuses to {action}: {reason}."
            ) from error
        raise StorageUnavailable(f"The storage cannot {action}: {_plain(error)}.") from error
    except (Damaged, EOFError, OSError) as error:
        raise StorageUnavailable(f"The storage cannot {action}: {_plain(error)}.") from error


def _refusal(error: BaseException | None, bucket: str) -> str:
    """Why the server will refuse each time; empty where it may not."""
    if not isinstance(error, ClientError):
        return ""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket!r}"
    return _REFUSALS.get(code, "")


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
