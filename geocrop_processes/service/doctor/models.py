"""Whether models are registered where the settings say, and the one that maps are made with is usable."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import mlflow
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from geocrop_processes.errors import GeoCropError, InvalidSetting, Unavailable, UnknownModel
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.service.doctor.findings import AWAY, FAILED, OK, WARNING, Said
from geocrop_processes.settings import Settings

_ANSWER_S = 5.0
"""Seconds that MLflow has to answer."""
_NAME = "GEOCROP_REGISTRY__URI"


def check_registry(settings: Settings) -> Iterator[Said]:
    """MLflow: a server's version, or that its database answers."""
    uri = settings.registry.uri
    if uri is not None and uri.startswith(("http://", "https://")):
        yield from _server(uri)
    elif uri is None or uri.startswith("sqlite:///"):
        path = Path((uri or "").removeprefix("sqlite:///") or settings.data / "mlflow.db")
        made = "" if path.exists() else ", made at the first start"
        yield OK, f"SQLite{made}: {path}."
    else:
        yield from _database(uri)


def check_model(settings: Settings) -> Iterator[Said]:
    """The model of the settings: registered, its files there, trained on the features of this code."""
    reference = settings.map.model
    if any(state != OK for state, _ in check_registry(settings) if state != WARNING):
        yield FAILED, f"The model {reference} cannot be asked for: the registry does not answer."
        return
    uri = settings.registry.uri
    if uri is None and not (settings.data / "mlflow.db").exists():
        yield FAILED, _none(f"There is no model {reference} yet.")
        return
    try:
        registry = settings.open_registry(settings.reach_storage())
        card, _ = registry.card(registry.resolve(reference))
    except UnknownModel as error:
        yield FAILED, _none(str(error))
    except Unavailable as error:
        yield AWAY, str(error)
    except GeoCropError as error:
        yield FAILED, str(error)
    else:
        if card.fingerprint != FINGERPRINT:
            yield (
                FAILED,
                (
                    f"The model {reference} was trained on the features {card.fingerprint}, this version computes {FINGERPRINT}: "
                    "train it anew, or set GEOCROP_MAP__MODEL."
                ),
            )
        else:
            yield OK, f"{registry.resolve(reference)}, of the features that this version computes."


def _none(said: str) -> str:
    return f"{said} Train it (`geocrop model-training`), or set GEOCROP_MAP__MODEL."


def _server(uri: str) -> Iterator[Said]:
    try:
        answer = httpx.get(f"{uri.rstrip('/')}/version", timeout=_ANSWER_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        yield AWAY, f"No MLflow answers at {uri} ({reason}): start it, or correct {_NAME}."
        return
    version = answer.text.strip()
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        yield (
            FAILED,
            f"MLflow at {uri} lets nobody in without a name (status {answer.status_code}).",
        )
    elif answer.is_server_error:
        yield AWAY, f"MLflow at {uri} answers {answer.status_code}: its log says why."
    elif not answer.is_success or not version[:1].isdigit():
        yield FAILED, f"{uri} answers, but is not MLflow: correct {_NAME}."
    elif version.split(".")[0] != mlflow.__version__.split(".")[0]:
        yield (
            WARNING,
            f"MLflow at {uri} is {version}, its client here {mlflow.__version__}: install the same.",
        )
    else:
        yield OK, f"MLflow {version} at {uri}."


def _database(uri: str) -> Iterator[Said]:
    try:
        url = make_url(uri)
        engine = create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": int(_ANSWER_S)}
        )
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except (ArgumentError, NoSuchModuleError, InvalidSetting) as error:
        yield FAILED, f"{_NAME} is no address of MLflow or of its database: {error}."
    except DBAPIError as error:
        yield AWAY, f"MLflow's database does not answer ({error.orig}): correct {_NAME}."
    else:
        yield OK, f"MLflow's database at {url.host}:{url.port or 5432}/{url.database}."
