"""A table of samples in, a registered model out: trained, judged, described, kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.models.card import ModelCard
from geocrop_processes.pipeline.abandon import Asked, never
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.registry import Registry
from geocrop_processes.registry.names import check_alias, check_name
from geocrop_processes.storage import Storage

CANDIDATE = "candidate"
"""The alias of a new model where none is asked for: whoever trusts it promotes it."""

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""


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

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.alias is not None:
            check_alias(self.alias)
        if self.as_of is not None:
            in_order(self.as_of)


@dataclass(frozen=True)
class TrainedModel:
    """A training that is done."""

    job_id: str
    """The job."""
    reference: str
    """The model as `name@version`."""
    card: ModelCard
    """What is known of it."""
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
        progress: told the share that is done, and what is being done.
        abandoned: asked between the parts of the work.

    Raises:
        InvalidTable: it cannot be read, holds other features, or lacks a date that is asked for.
        InvalidSample: there are too few samples, classes or places.
        Abandoned: it is not wanted any more.
        RegistryUnavailable, StorageUnavailable: the registry or the storage does not answer.
    """
    raise NotImplementedError
