"""Models: save, alias, list, load. MLflow remembers them; members are stored in native formats only.

A registered version's artefacts are one file per member (`xgboost.ubj`, `lightgbm.txt`, `catboost.cbm`),
`card.json`, and `checksums.json` with the SHA-256 of each of them, which a load verifies. Nothing is ever
unpickled: a pickle runs whatever code its author wrote.
"""

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# MLflow reports its use to its makers unless told not to, and reads this once, on import
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# its own number of retries keeps whoever waits for a dead server waiting for minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
# that it makes its tables is no news to whoever makes a map
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry import RegisteredModel as MlflowModel
from mlflow.exceptions import MlflowException

from geocrop_processes.errors import (
    InvalidSetting,
    RegistryUnavailable,
    UnknownModel,
    UnusableModel,
)
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import MEMBERS

EXPERIMENT = "geocrop"
"""The MLflow experiment that runs are kept in."""
PRODUCTION = "production"
"""The alias of the version that a bare name means."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VERSION = re.compile(r"[0-9]{1,9}")
_SCHEMES = ("sqlite:///", "http://", "https://", "postgresql")
_NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@dataclass(frozen=True)
class RegisteredModel:
    """A model as it was registered, ready to vote."""

    card: ModelCard
    """What is known about it."""
    version: str
    """Its version in the registry: "1", "2", ..."""
    checksums: Mapping[str, str]
    """SHA-256 of each member's file, hexadecimal, by file name."""
    ensemble: Ensemble
    """The members."""

    @property
    def reference(self) -> str:
        """`name@version`: names this very model for ever."""
        return f"{self.card.name}@{self.version}"


@dataclass(frozen=True)
class ModelEntry:
    """One line of the list of models."""

    name: str
    """The registered name."""
    version: str
    """The version."""
    aliases: tuple[str, ...]
    """Aliases that point to this version."""
    description: str
    """What the card says it is."""

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class Registry:
    """The registry of a deployment.

    Args:
        uri: MLflow's tracking and registry address: `sqlite:///file` or a server's `http(s)://`.
        artifacts: where new runs keep their files: a folder or `s3://bucket`.

    Raises:
        InvalidSetting: the address is of no such kind.
        RegistryUnavailable: the database cannot be opened.
    """

    def __init__(self, uri: str, artifacts: str) -> None:
        self._uri = uri
        self._artifacts = artifacts
        if not uri.startswith(_SCHEMES):
            raise InvalidSetting(
                f"The model registry's address starts with one of {', '.join(_SCHEMES)}, unlike {uri!r}."
            )
        with _translated("be opened"):
            self._client = _connect(uri)

    def save(
        self, ensemble: Ensemble, card: ModelCard, *, alias: str = PRODUCTION
    ) -> RegisteredModel:
        """Register a new version and point the alias to it.

        Raises:
            UnusableModel: the card's legend is not that of the ensemble, or its name cannot be asked for.
            RegistryUnavailable: the registry does not answer or refuses.
        """
        _check(ensemble, card)
        files = {f"{n}.{MEMBERS[n].suffix}": m.to_bytes() for n, m in ensemble.members.items()}
        checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["card.json"] = json.dumps(card.to_json(), indent=1).encode()
        files["checksums.json"] = json.dumps(
            {**checksums, "card.json": hashlib.sha256(files["card.json"]).hexdigest()}
        ).encode()
        with _translated(f"save {card.name!r}"):
            run_id, source = self._store(files, card)
            if not self._client.search_registered_models(f"name = '{card.name}'"):
                self._client.create_registered_model(card.name)
            entry = self._client.create_model_version(
                card.name, source, run_id, description=card.description
            )
            self._client.set_registered_model_alias(card.name, alias, entry.version)
        return RegisteredModel(card, str(entry.version), checksums, ensemble)

    def load(self, reference: str) -> RegisteredModel:
        """Load `name` (the version with the alias `production`), `name@alias` or `name@version`.

        Raises:
            UnknownModel: nothing of that name, version or alias is registered; those that are, are named.
            UnusableModel: a file is missing, was changed, or cannot be read.
            RegistryUnavailable: the registry does not answer.
        """
        entry = self._find(reference)
        with tempfile.TemporaryDirectory() as folder:
            try:
                source = self._client.get_model_version_download_uri(entry.name, entry.version)
                path = download_artifacts(
                    artifact_uri=source, dst_path=folder, tracking_uri=self._uri
                )
                files = {p.name: p.read_bytes() for p in Path(path).iterdir()}
            except (MlflowException, OSError) as error:
                reason = " ".join(str(error).split())[:300].rstrip(".")
                raise UnusableModel(
                    f"The files of model {reference!r} cannot be read: {reason}."
                ) from error
        return _open(files, str(entry.version), reference)

    def resolve(self, reference: str) -> str:
        """The `name@version` that `name`, `name@alias` or `name@version` means now; no file is loaded.

        Raises:
            UnknownModel: nothing of that name, version or alias is registered; those that are, are named.
            RegistryUnavailable: the registry does not answer.
        """
        entry = self._find(reference)
        return f"{entry.name}@{entry.version}"

    def list(self) -> list[ModelEntry]:
        """Every registered version, by name, the newest first."""
        entries = []
        with _translated("list its models"):
            for model in self._models():
                versions = self._client.search_model_versions(f"name = '{model.name}'")
                for v in sorted(versions, key=lambda v: -int(v.version)):
                    aliases = tuple(
                        sorted(a for a, at in model.aliases.items() if str(at) == str(v.version))
                    )
                    entries.append(
                        ModelEntry(model.name, str(v.version), aliases, v.description or "")
                    )
        return sorted(entries, key=lambda e: e.name)

    def _models(self) -> Iterator[MlflowModel]:
        token: str | None = None
        while True:
            page = self._client.search_registered_models(page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _store(self, files: Mapping[str, bytes], card: ModelCard) -> tuple[str, str]:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(EXPERIMENT, artifact_location=self._artifacts)
        )
        run = self._client.create_run(experiment_id, run_name=card.name)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run.info.run_id, folder, "model")
        self._client.log_param(run.info.run_id, "seed", card.seed)
        self._client.log_param(run.info.run_id, "features", card.fingerprint)
        for name, figure in card.accuracy.items():
            self._client.log_metric(run.info.run_id, name, figure)
        self._client.set_terminated(run.info.run_id)
        return run.info.run_id, f"{run.info.artifact_uri}/model"

    def _find(self, reference: str) -> ModelVersion:
        name, _, at = reference.partition("@")
        try:
            if _VERSION.fullmatch(at):
                return self._client.get_model_version(name, at)
            return self._client.get_model_version_by_alias(name, at or PRODUCTION)
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise _unavailable(f"find {reference!r}", error) from error
            known = ", ".join(e.reference for e in self.list()) or "none yet"
            raise UnknownModel(
                f"There is no model {reference!r}; registered are: {known}."
            ) from error


def _open(files: Mapping[str, bytes], version: str, reference: str) -> RegisteredModel:
    """Verify and read a model's files."""
    try:
        checksums: dict[str, str] = json.loads(files["checksums.json"])
        for name, expected in checksums.items():
            if hashlib.sha256(files[name]).hexdigest() != expected:
                raise UnusableModel(
                    f"The file {name} of model {reference!r} was changed: its checksum is wrong."
                )
        card = ModelCard.from_json(json.loads(files["card.json"]))
        del checksums["card.json"]
    except KeyError as error:
        raise UnusableModel(f"Model {reference!r} lacks the file {error}.") from error
    except (AttributeError, ValueError) as error:
        raise UnusableModel(
            f"The card or checksums of model {reference!r} are no JSON object."
        ) from error
    members = {}
    for name in checksums:
        kind = name.partition(".")[0]
        if kind not in MEMBERS or name != f"{kind}.{MEMBERS[kind].suffix}":
            raise UnusableModel(
                f"Model {reference!r} holds {name}, which is no member's native format."
            )
        members[kind] = MEMBERS[kind].from_bytes(files[name])
    ensemble = Ensemble(card.legend.codes, members)
    ensemble.check(len(card.features))
    # the votes are made now, and not by the first block
    _ = ensemble.votes
    return RegisteredModel(card, version, checksums, ensemble)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (MlflowException, OSError) as error:
        raise _unavailable(action, error) from error


def _connect(uri: str) -> MlflowClient:
    """MLflow's client; its tables in a SQLite file are made by one process at a time, or they are made in part."""
    if not uri.startswith("sqlite:///"):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_registered_models(max_results=1)
    return client


def _unavailable(action: str, error: Exception) -> RegistryUnavailable:
    # what libraries wrap around the reason starts with a bracket
    reason = " ".join(str(error).split()).partition(" (Caused by")[0][:300].rstrip(".")
    return RegistryUnavailable(f"The model registry cannot {action}: {reason}.")


def _check(ensemble: Ensemble, card: ModelCard) -> None:
    if not _NAME.fullmatch(card.name):
        raise UnusableModel(
            f"A model's name has letters, digits, '-', '_' and '.' only, unlike {card.name!r}."
        )
    if ensemble.codes != card.legend.codes:
        raise UnusableModel(
            f"The ensemble votes on the classes {ensemble.codes}, the legend of {card.name!r} names {card.legend.codes}."
        )
