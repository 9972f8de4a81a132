"""A table of samples in, a registered model out: trained, judged, described, kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.domain.legend import Legend
from geocrop_processes.domain.progress import Progress
from geocrop_processes.errors import InvalidTable
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.training import MAX_ROUNDS, Options, train
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.table import MAX_BYTES, Table
from geocrop_processes.pipeline.trained import Part, describe, record_of, report_of
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.publish.card_page import card_page
from geocrop_processes.registry import Learned, RegisteredModel, Registry, RunRecord
from geocrop_processes.registry.names import check_alias, check_name
from geocrop_processes.storage import RESULTS, Storage, result_key

CANDIDATE = "candidate"
"""The alias of a new model where none is asked for: whoever trusts it promotes it."""

_REPORT = "report.json"
"""What the figures of a training are kept as, with the run and with the job."""


@dataclass(frozen=True)
class TrainingRequest:
    """What is asked for.

    Raises:
        InvalidModelName: the name or alias cannot be asked for.
        InvalidSeason: an as-of date is none.
        InvalidSample: an option of the training is out of its range.
    """

    name: str
    """What the model is to be registered under."""
    description: str = ""
    """What it is, in a sentence or two; says what it was trained on where it is empty."""
    use: str = ""
    """What it is meant for, for its card."""
    limits: str = ""
    """What it is not to be used for, for its card."""
    seed: int = 1
    """Of everything that is drawn."""
    as_of: tuple[str, ...] | None = None
    """Dates within the season, `MM-DD`, to train for beside the whole season; None takes all of the table."""
    folds: int = 5
    """Of the cross-validations."""
    block_m: float = 10_000.0
    """The side of a block of the ground in metres: its samples are in one fold."""
    trials: int = 0
    """Of a search for hyperparameters; 0 takes the usual ones."""
    budget_s: float = 600.0
    """Seconds that such a search takes at most."""
    alias: str | None = CANDIDATE
    """The alias that points to it; None gives none."""
    threads: int = 2
    """Used for each fit."""
    max_rounds: int = MAX_ROUNDS
    """Boosting rounds of a member, at most."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.alias is not None:
            check_alias(self.alias)
        if self.as_of is not None:
            in_order(self.as_of)
        _ = self.options

    @property
    def options(self) -> Options:
        """How each training is done."""
        return Options(
            seed=self.seed,
            threads=self.threads,
            folds=self.folds,
            block_m=self.block_m,
            max_rounds=self.max_rounds,
            trials=self.trials,
            budget_s=self.budget_s,
        )


@dataclass(frozen=True)
class TrainedModel:
    """A training that is done."""

    job_id: str
    """The job."""
    reference: str
    """The model as `name@version`."""
    card: ModelCard
    """What is known of it."""
    report: dict[str, Any]
    """Its figures, as in `report.json`."""
    files: tuple[ProducedFile, ...]
    """`card` (card.json), `card-page` (card.html) and `report` (report.json)."""
    paths: dict[str, str]
    """Where each file is, by key."""


def train_model(  # noqa: PLR0913 - everything that a job needs, handed over as values
    job_id: str,
    created: datetime,
    table: bytes,
    request: TrainingRequest,
    registry: Registry,
    storage: Storage,
    *,
    max_bytes: int = MAX_BYTES,
    progress: Progress = lambda _share, _message: None,
    abandoned: Asked = never,
) -> TrainedModel:
    """Train, judge and register a model; files go to `results/<job_id>/`.

    Args:
        job_id: names the folder, and the training in the registry: a job that is tried again registers once.
        created: when the job was made, UTC: what the card says.
        table: Parquet as `Table.to_parquet` makes it.
        request: what is asked for.
        registry: where the model is kept.
        storage: where the files go.
        max_bytes: a larger table is not read.
        progress: told the share that is done, and what is being done.
        abandoned: asked between the parts of the work.

    Raises:
        InvalidTable: it cannot be read, holds other features, or lacks a date that is asked for.
        InvalidSample: there are too few samples, classes or places.
        Abandoned: it is not wanted any more.
        RegistryUnavailable, StorageUnavailable: the registry or the storage does not answer.
    """
    earlier = registry.trained_by(job_id, request.name)
    if earlier:
        # stopped after it had registered: what a training within a time finds now might be something else
        _point(earlier, request.alias, registry)
        return _publish(job_id, earlier, _kept(earlier, registry), storage)
    read = Table.from_parquet(table, max_bytes=max_bytes, scenes=False)
    learnt = _learn(read, request, progress, abandoned)
    leave(abandoned)
    progress(0.96, "Registering the model")
    told = describe(request.name, learnt, read, created, hashlib.sha256(table).hexdigest())
    card = replace(
        told,
        description=request.description or told.description,
        use=request.use or told.use,
        limits=request.limits or told.limits,
    )
    report = report_of(card, learnt[""].trained)
    record = record_of(learnt, card, job_id)
    record = replace(record, files={**record.files, _REPORT: _json(report)})
    model = _register(learnt, card, record, request.alias, registry)
    return _publish(job_id, model, report, storage)


def _point(model: RegisteredModel, alias: str | None, registry: Registry) -> None:
    """Give a model its alias, where it never had it: whoever has moved it since is right."""
    moves = registry.history(model.card.name)
    if alias and not any((m.alias, m.version) == (alias, model.version) for m in moves):
        registry.promote(model.reference, alias)


def _kept(model: RegisteredModel, registry: Registry) -> dict[str, Any]:
    """The report that was kept with the training of a model."""
    report: dict[str, Any] = json.loads(registry.kept(model.reference, _REPORT))
    return report


def _register(
    learnt: Mapping[str, Part],
    card: ModelCard,
    record: RunRecord,
    alias: str | None,
    registry: Registry,
) -> RegisteredModel:
    """Register what was learnt."""
    learned = {
        day: Learned(part.trained.ensemble, part.trained.applicability)
        for day, part in learnt.items()
    }
    whole = learned.pop("")
    return registry.save(
        whole.ensemble,
        card,
        applicability=whole.applicability,
        in_season=learned,
        record=record,
        alias=alias,
    )


def _learn(
    table: Table, request: TrainingRequest, progress: Progress, abandoned: Asked
) -> dict[str, Part]:
    """One training for the whole season and each date, by date; all of the same classes."""
    known = table.as_of_dates
    dates = known if request.as_of is None else in_order(request.as_of)
    unknown = [day for day in dates if day not in known]
    if unknown:
        raise InvalidTable(
            f"The table has no features as of {', '.join(unknown)}; its dates are: {', '.join(known) or 'none'}."
        )
    found: dict[str, Part] = {}
    for number, day in enumerate(("", *dates)):
        samples = table.samples(day)
        if found:
            _check_classes(samples, found[""].samples, day, table.legend)
        tell = _tell(progress, number, 1 + len(dates), day, abandoned)
        options = replace(request.options, compare=not day)
        found[day] = Part(samples, train(samples, options, tell=tell))
    return found


def _check_classes(
    samples: LabelledSamples, whole: LabelledSamples, day: str, legend: Legend
) -> None:
    """Raises: InvalidTable: a class of the whole season has no sample of the date."""
    lacking = sorted({*whole.codes.tolist()} - {*samples.codes.tolist()})
    if lacking:
        raise InvalidTable(
            f"As of {day} the table has no sample of {', '.join(map(legend.name_of, lacking))}: a model's dates have "
            "the classes of the whole season. Leave that date out."
        )


def _tell(progress: Progress, number: int, count: int, day: str, abandoned: Asked) -> Progress:
    """Progress of one training as that of all; asks whether to go on."""

    def tell(share: float, message: str) -> None:
        leave(abandoned)
        progress(0.95 * (number + share) / count, f"{message}, as of {day}" if day else message)

    return tell


def _publish(
    job_id: str, model: RegisteredModel, figures: Mapping[str, Any], storage: Storage
) -> TrainedModel:
    """Store what describes the model."""
    card = model.card
    report = {"model": model.reference, **figures}
    contents = (
        ("card", "card.json", "application/json", _json(card.to_json())),
        (
            "card-page",
            "card.html",
            "text/html",
            card_page(card, model.version, model.checksums).encode(),
        ),
        ("report", _REPORT, "application/json", _json(report)),
    )
    for _, name, media_type, content in contents:
        storage.put(RESULTS, result_key(job_id, name), content, media_type)
    return TrainedModel(
        job_id,
        model.reference,
        card,
        report,
        tuple(ProducedFile.of_bytes(*of) for of in contents),
        {key: storage.url(RESULTS, result_key(job_id, name)) for key, name, _, _ in contents},
    )


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, indent=1, allow_nan=False).encode()
