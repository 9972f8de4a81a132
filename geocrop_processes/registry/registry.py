"""The registry of a deployment: models in, models out."""

from collections.abc import Iterator, Mapping
from math import isfinite
from types import MappingProxyType

from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry import RegisteredModel as MlflowModel
from mlflow.exceptions import MlflowException

from geocrop_processes.errors import UnknownAsOf, UnknownModel, UnusableModel
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry.connection import connect, translated, unavailable
from geocrop_processes.registry.contents import CHECKSUMS, Stored, pack, sha256
from geocrop_processes.registry.files import Place
from geocrop_processes.registry.names import PRODUCTION, check_alias, check_name, is_version
from geocrop_processes.registry.records import Learned, ModelEntry, RegisteredModel, RunRecord

EXPERIMENT = "geocrop"
"""The MLflow experiment that runs are kept in."""

_NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
_THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"
_FOLDER = "model"
"""What a model's own files are under, among all that MLflow keeps of its training."""
_NONE: Mapping[str, Learned] = MappingProxyType({})


class Registry:
    """The registry of a deployment.

    Args:
        uri: MLflow's tracking and registry address: `sqlite:///file` or a server's `http(s)://`.
        artifacts: where new runs keep their files: a folder or `s3://bucket`.
        endpoint: the S3 server's address; AWS where none is given.
        region: the S3 region.

    Raises:
        InvalidSetting: the address is of no such kind.
        RegistryUnavailable: the database cannot be opened.
    """

    def __init__(
        self, uri: str, artifacts: str, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        self._artifacts = artifacts
        self._s3 = {"endpoint": endpoint, "region": region}
        self._client = connect(uri)

    def save(
        self,
        ensemble: Ensemble,
        card: ModelCard,
        *,
        applicability: Applicability | None = None,
        in_season: Mapping[str, Learned] = _NONE,
        record: RunRecord | None = None,
        alias: str | None = PRODUCTION,
    ) -> RegisteredModel:
        """Register a new version and point the alias to it.

        Args:
            ensemble: the members of the whole season.
            card: what is known of the model.
            applicability: where it may be asked, if that is known.
            in_season: the same for dates within the season, by `MM-DD`; just those that the card names.
            record: what MLflow keeps of the training beside it.
            alias: the name for people to ask by; None gives none.

        Raises:
            InvalidModelName: the name or alias cannot be asked for.
            UnusableModel: the card's legend is not that of an ensemble, or its dates are not those of `in_season`.
            RegistryUnavailable, StorageUnavailable: the registry or the storage does not answer or refuses.
        """
        learned = {"": Learned(ensemble, applicability), **in_season}
        _check(card, learned)
        if alias is not None:
            check_alias(alias)
        files = pack(card, learned)
        tags = {
            "as_of": " ".join(card.as_of),
            "checksums_sha256": sha256(files[CHECKSUMS]),
            "fingerprint": card.fingerprint,
            "simulated": str(card.simulated).lower(),
            "table_sha256": card.table_sha256,
        }
        with translated(f"save {card.name!r}"):
            run_id, source = self._store(files, card, record or RunRecord())
            try:
                self._client.create_registered_model(card.name)
            except MlflowException as error:
                if error.error_code != _THERE_ALREADY:
                    raise
            entry = self._client.create_model_version(
                card.name, source, run_id, description=card.description, tags=tags
            )
            if alias is not None:
                self._client.set_registered_model_alias(card.name, alias, entry.version)
        stored = Stored.open(card.name, files, files.__getitem__, tags["checksums_sha256"])
        return RegisteredModel(
            card, str(entry.version), stored.decisive(""), ensemble, applicability
        )

    def load(self, reference: str, as_of: str = "") -> RegisteredModel:
        """Load `name` (the version with the alias `production`), `name@alias` or `name@version`.

        Args:
            reference: which model.
            as_of: the date within the season, `MM-DD`, that its features end at; empty for the whole season.

        Raises:
            UnknownModel: nothing of that name, version or alias is registered; those that are, are named.
            UnknownAsOf: the model was not trained for the date; those that it knows are named.
            UnusableModel: a file is missing, was added, was changed, or cannot be read.
            RegistryUnavailable, StorageUnavailable: the registry or the storage does not answer.
        """
        entry = self._find(reference, as_of)
        stored = self._open(entry, reference)
        card = stored.card()
        learned = stored.learned(card, as_of)
        return RegisteredModel(
            card,
            str(entry.version),
            stored.decisive(as_of),
            learned.ensemble,
            learned.applicability,
            as_of,
        )

    def card(self, reference: str) -> tuple[ModelCard, str]:
        """The card of a model and its `name@version`; the model itself is not loaded.

        Raises:
            UnknownModel, UnusableModel, RegistryUnavailable, StorageUnavailable: as `load`.
        """
        entry = self._find(reference)
        return self._open(entry, reference).card(), f"{entry.name}@{entry.version}"

    def resolve(self, reference: str, as_of: str = "") -> str:
        """The `name@version` that `name`, `name@alias` or `name@version` means now; no file is loaded.

        Args:
            reference: which model.
            as_of: the date within the season, `MM-DD`, that it is wanted for; empty for the whole season.

        Raises:
            UnknownModel: nothing of that name, version or alias is registered; those that are, are named.
            UnknownAsOf: the model was not trained for the date; those that it knows are named.
            RegistryUnavailable: the registry does not answer.
        """
        entry = self._find(reference, as_of)
        return f"{entry.name}@{entry.version}"

    def list(self) -> list[ModelEntry]:
        """Every registered version, by name, the newest first."""
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

    def _store(
        self, files: Mapping[str, bytes], card: ModelCard, record: RunRecord
    ) -> tuple[str, str]:
        """Keep a run with all its files; gives its id and the address of the model's."""
        run = self._client.create_run(self._experiment(), run_name=card.name)
        run_id = run.info.run_id
        Place.of(run.info.artifact_uri, **self._s3).write(
            {f"{_FOLDER}/{name}": content for name, content in files.items()} | dict(record.files)
        )
        for name, value in {
            "seed": card.seed,
            "features": card.fingerprint,
            "table_sha256": card.table_sha256,
            **record.parameters,
        }.items():
            self._client.log_param(run_id, name, value)
        for name, figure in {**card.accuracy, **record.metrics}.items():
            if isfinite(figure):
                self._client.log_metric(run_id, name, figure)
        self._client.set_terminated(run_id)
        return run_id, f"{run.info.artifact_uri}/{_FOLDER}"

    def _open(self, entry: ModelVersion, reference: str) -> Stored:
        """The files of a version, none of them read but the checksums."""
        with translated(f"find the files of {reference!r}"):
            address = self._client.get_model_version_download_uri(entry.name, entry.version)
        place = Place.of(address, **self._s3)
        registered = entry.tags.get("checksums_sha256", "")
        return Stored.open(reference, place.names(), place.read, registered)

    def _experiment(self) -> str:
        """The id of the experiment, made where it is missing; another process may make it at the same time."""
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(
                self._client.create_experiment(EXPERIMENT, artifact_location=self._artifacts)
            )
        except MlflowException as error:
            if error.error_code != _THERE_ALREADY:
                raise
            return self._experiment()

    def _find(self, reference: str, as_of: str = "") -> ModelVersion:
        name, _, at = reference.partition("@")
        try:
            if is_version(at):
                entry = self._client.get_model_version(name, at)
            else:
                entry = self._client.get_model_version_by_alias(name, at or PRODUCTION)
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise unavailable(f"find {reference!r}", error) from error
            known = ", ".join(e.reference for e in self.list()) or "none yet"
            raise UnknownModel(
                f"There is no model {reference!r}; registered are: {known}."
            ) from error
        dates = entry.tags.get("as_of", "").split()
        if as_of and as_of not in dates:
            raise UnknownAsOf(
                f"The model {entry.name}@{entry.version} was not trained for the date {as_of}; "
                f"it knows {', '.join([*dates, 'the whole season'])}."
            )
        return entry


def _check(card: ModelCard, learned: Mapping[str, Learned]) -> None:
    check_name(card.name)
    if {"", *card.as_of} != set(learned):
        raise UnusableModel(
            f"The card of {card.name!r} names the as-of dates {list(card.as_of)}, "
            f"trained were {sorted(set(learned) - {''})}."
        )
    for part in learned.values():
        if part.ensemble.codes != card.legend.codes:
            raise UnusableModel(
                f"The ensemble votes on the classes {part.ensemble.codes}, the legend of {card.name!r} names "
                f"{card.legend.codes}."
            )
