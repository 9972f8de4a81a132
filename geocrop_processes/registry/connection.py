"""MLflow's client, opened as a deployment needs it, and its errors in our words."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from geocrop_processes.errors import InvalidSetting, RegistryUnavailable

_SCHEMES = ("sqlite:///", "http://", "https://", "postgresql")


def connect(uri: str) -> MlflowClient:
    """MLflow's client; its tables in a SQLite file are made by one process at a time, or they are made in part.

    Raises:
        InvalidSetting: the address is of no kind that is known here.
        RegistryUnavailable: the database cannot be opened.
    """
    if not uri.startswith(_SCHEMES):
        raise InvalidSetting(
            f"The model registry's address starts with one of {', '.join(_SCHEMES)}, unlike {uri!r}."
        )
    with translated("be opened"):
        if not uri.startswith("sqlite:///"):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
        path = Path(uri.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            client.search_registered_models(max_results=1)
        return client


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Do what MLflow does; what it raises becomes a sentence about an action that the registry cannot do.

    Raises:
        RegistryUnavailable: MLflow, or what it works with, refused or did not answer.
    """
    try:
        yield
    except (MlflowException, OSError) as error:
        raise unavailable(action, error) from error


def unavailable(action: str, error: Exception) -> RegistryUnavailable:
    """An error of MLflow's as a sentence."""
    # what libraries wrap around the reason starts with a bracket
    reason = " ".join(str(error).split()).partition(" (Caused by")[0][:300].rstrip(".")
    return RegistryUnavailable(f"The model registry cannot {action}: {reason}.")
