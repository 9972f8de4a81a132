"""Registered versions: found by reference, listed, opened."""

from collections.abc import Callable, Iterator

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry import RegisteredModel as MlflowModel
from mlflow.exceptions import MlflowException

from geocrop_processes.errors import UnknownAsOf, UnknownModel, UnusableModel
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.registry.connection import translated, unavailable
from geocrop_processes.registry.contents import Stored
from geocrop_processes.registry.files import Place
from geocrop_processes.registry.names import PRODUCTION, is_version
from geocrop_processes.registry.records import ModelEntry

_NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class Versions:
    """The versions that MLflow knows.

    Args:
        client: MLflow's.
        place: where files lie, by their address.
    """

    def __init__(self, client: MlflowClient, place: Callable[[str], Place]) -> None:
        self._client = client
        self._place = place

    def find(self, reference: str, as_of: str = "") -> ModelVersion:
        """What `name`, `name@alias` or `name@version` means now.

        Raises:
            UnknownModel, UnknownAsOf, RegistryUnavailable: as `Registry.resolve`.
        """
        name, _, at = reference.partition("@")
        try:
            if is_version(at):
                entry = self._client.get_model_version(name, at)
            else:
                entry = self._client.get_model_version_by_alias(name, at or PRODUCTION)
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise unavailable(f"find {reference!r}", error) from error
            raise self._unknown(reference) from error
        dates = entry.tags.get("as_of", "").split()
        if as_of and as_of not in dates:
            raise UnknownAsOf(
                f"The model {entry.name}@{entry.version} was not trained for the date {as_of}; "
                f"it knows {', '.join([*dates, 'the whole season'])}."
            )
        return entry

    def of_job(self, job_id: str, name: str) -> ModelVersion | None:
        """The version of a model that a job has registered; None where it has registered none.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        with translated(f"list the versions of {name!r}"):
            found = self._client.search_model_versions(f"name = '{name}' and tags.job = '{job_id}'")
        return found[0] if found else None

    def open(self, entry: ModelVersion, reference: str) -> Stored:
        """The files of a version, none of them read but the checksums.

        Raises:
            UnusableModel: as `Stored`.
            RegistryUnavailable, StorageUnavailable: the registry or the storage does not answer.
        """
        with translated(f"find the files of {reference!r}"):
            address = self._client.get_model_version_download_uri(entry.name, entry.version)
        place = self._place(address)
        registered = entry.tags.get("checksums_sha256", "")
        return Stored.open(reference, place.names(), place.read, registered)

    def usable(self, reference: str) -> ModelVersion:
        """A version all of which can be loaded, and which votes on the features that are computed here.

        Raises:
            UnknownModel, UnusableModel, RegistryUnavailable, StorageUnavailable: as `Registry.promote`.
        """
        entry = self.find(reference)
        stored = self.open(entry, reference)
        card = stored.card()
        if card.fingerprint != FINGERPRINT:
            raise UnusableModel(
                f"The model {entry.name}@{entry.version} was trained on features {card.fingerprint}, "
                f"this version of GeoCrop computes {FINGERPRINT}."
            )
        for as_of in ("", *card.as_of):
            stored.learned(card, as_of)
        return entry

    def model(self, name: str) -> MlflowModel:
        """All that is registered under a name.

        Raises:
            UnknownModel: nothing is.
            RegistryUnavailable: the registry does not answer.
        """
        try:
            return self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise unavailable(f"find {name!r}", error) from error
            raise self._unknown(name) from error

    def _unknown(self, reference: str) -> UnknownModel:
        known = ", ".join(e.reference for e in self.list()) or "none yet"
        return UnknownModel(f"There is no model {reference!r}; registered are: {known}.")

    def list(self) -> list[ModelEntry]:
        """Every version, by name, the newest first.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        entries = []
        with translated("list its models"):
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
