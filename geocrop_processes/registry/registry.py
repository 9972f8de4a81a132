"""The registry of a deployment: models in, models out."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from mlflow.exceptions import MlflowException

from geocrop_processes.errors import UnknownModel, UnusableModel
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry.connection import connect, translated
from geocrop_processes.registry.contents import CHECKSUMS, Stored, pack, sha256
from geocrop_processes.registry.files import Place
from geocrop_processes.registry.moves import (
    ELSEWHERE,
    PROMOTED,
    REGISTERED,
    ROLLED_BACK,
    TAG,
    all_moves,
    move,
    moves_of,
    past,
    write_moves,
)
from geocrop_processes.registry.names import PRODUCTION, check_alias, check_name
from geocrop_processes.registry.records import Learned, ModelEntry, Move, RegisteredModel, RunRecord
from geocrop_processes.registry.runs import THERE_ALREADY, Runs
from geocrop_processes.registry.versions import Versions
from geocrop_processes.storage import Storage

_NONE: Mapping[str, Learned] = MappingProxyType({})


class Registry:
    """The registry of a deployment.

    Args:
        uri: MLflow's tracking and registry address: `sqlite:///file` or a server's `http(s)://`.
        artifacts: where new runs keep their files: a folder or `s3://bucket`.
        storage: the deployment's own, whose S3 server files are on; boto3's default one where none is given.

    Raises:
        InvalidSetting: the address is of no such kind.
        RegistryUnavailable: the database cannot be opened.
    """

    def __init__(self, uri: str, artifacts: str, storage: Storage | None = None) -> None:
        self._client = connect(uri)
        place = partial(Place.of, storage=storage)
        self._versions = Versions(self._client, place)
        self._runs = Runs(self._client, place, artifacts)

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
        files, record = pack(card, learned), record or RunRecord()
        tags = {
            "as_of": " ".join(card.as_of),
            "checksums_sha256": sha256(files[CHECKSUMS]),
            "fingerprint": card.fingerprint,
            "job": record.job_id,
            "simulated": str(card.simulated).lower(),
            "table_sha256": card.table_sha256,
        }
        with translated(f"save {card.name!r}"):
            run_id, source = self._runs.keep(files, card, record)
            try:
                self._client.create_registered_model(card.name)
            except MlflowException as error:
                if error.error_code != THERE_ALREADY:
                    raise
            entry = self._client.create_model_version(
                card.name, source, run_id, description=card.description, tags=tags
            )
            if alias is not None:
                self._point(card.name, alias, str(entry.version), REGISTERED)
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
        entry = self._versions.find(reference, as_of)
        stored = self._versions.open(entry, reference)
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

    def trained_by(self, job_id: str, name: str) -> RegisteredModel | None:
        """The version of a model that a job has registered; None where it has registered none.

        Raises:
            UnusableModel, RegistryUnavailable, StorageUnavailable: as `load`.
        """
        entry = self._versions.of_job(job_id, name)
        return self.load(f"{name}@{entry.version}") if entry else None

    def kept(self, reference: str, path: str) -> bytes:
        """A file that was kept with the training of a model, by its path in `RunRecord.files`.

        Raises:
            UnknownModel: as `load`.
            StorageUnavailable: there is no such file, or the storage does not answer.
            RegistryUnavailable: the registry does not answer.
        """
        entry = self._versions.find(reference)
        with translated(f"find the training of {reference!r}"):
            return self._runs.read(str(entry.run_id), path)

    def card(self, reference: str) -> tuple[ModelCard, str]:
        """The card of a model and its `name@version`; the model itself is not loaded.

        Raises:
            UnknownModel, UnusableModel, RegistryUnavailable, StorageUnavailable: as `load`.
        """
        entry = self._versions.find(reference)
        return self._versions.open(entry, reference).card(), f"{entry.name}@{entry.version}"

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
        entry = self._versions.find(reference, as_of)
        return f"{entry.name}@{entry.version}"

    def promote(self, reference: str, alias: str = PRODUCTION) -> str:
        """Point an alias to a version, once all of it has been loaded; gives its `name@version`.

        Args:
            reference: which model: `name@version`, or `name@alias` of another alias.
            alias: what is to mean it from now on.

        Raises:
            InvalidModelName: the alias cannot be asked for.
            UnusableModel: a file of it cannot be used, or it was trained on other features than these.
            UnknownModel, RegistryUnavailable, StorageUnavailable: as `load`.
        """
        check_alias(alias)
        entry = self._versions.usable(reference)
        with translated(f"promote {reference!r}"):
            self._point(entry.name, alias, str(entry.version), PROMOTED)
        return f"{entry.name}@{entry.version}"

    def roll_back(self, name: str, alias: str = PRODUCTION) -> str:
        """Point an alias to the version that it pointed to before; gives its `name@version`.

        Each call goes one step further back; versions that were deleted since are passed over.

        Args:
            name: of the model, without a version.
            alias: which alias.

        Raises:
            UnknownModel: there is no such model, or the alias never pointed to another version.
            UnusableModel: a file of that version cannot be used, or it was trained on other features than these.
            RegistryUnavailable, StorageUnavailable: as `load`.
        """
        model = self._versions.model(name)
        current = model.aliases.get(alias)
        versions = past(moves_of(model.tags, alias), current and str(current))
        known = {e.version for e in self._versions.list() if e.name == name}
        earlier = [v for v in versions[:-1] if v in known]
        if current is None or not earlier:
            why = (
                "does not exist"
                if current is None
                else f"pointed to nothing before version {current}"
            )
            raise UnknownModel(f"The alias {alias!r} of {name!r} cannot be rolled back: it {why}.")
        entry = self._versions.usable(f"{name}@{earlier[-1]}")
        with translated(f"roll back {name!r}"):
            self._point(name, alias, str(entry.version), ROLLED_BACK)
        return f"{name}@{entry.version}"

    def history(self, name: str) -> tuple[Move, ...]:
        """Every move of the aliases of a model, the latest first.

        Raises:
            UnknownModel: there is no such model.
            RegistryUnavailable: the registry does not answer.
        """
        return tuple(reversed(all_moves(self._versions.model(name).tags)))

    def list(self) -> list[ModelEntry]:
        """Every registered version, by name, the newest first.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        return self._versions.list()

    def _point(self, name: str, alias: str, version: str, action: str) -> None:
        """Move an alias, and remember that it was moved; a move that somebody else made is remembered first."""
        model = self._client.get_registered_model(name)
        current = model.aliases.get(alias)
        if str(current) == version:
            return
        moves = moves_of(model.tags, alias)
        if current is not None and past(moves, None)[-1:] != [str(current)]:
            moves.append(move(alias, str(current), ELSEWHERE))
        moves.append(move(alias, version, action))
        self._client.set_registered_model_alias(name, alias, version)
        self._client.set_registered_model_tag(name, TAG + alias, write_moves(moves))


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
