"""What the registry takes and gives, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble


@dataclass(frozen=True)
class Learned:
    """What a training on samples up to one date gives."""

    ensemble: Ensemble
    """The members, and how their votes are counted."""
    applicability: Applicability | None = None
    """Where they may be asked; None where it is not known."""


@dataclass(frozen=True)
class RunRecord:
    """What MLflow keeps of a training beside the model itself."""

    parameters: Mapping[str, str | int | float] = field(default_factory=dict)
    """What was chosen, by name."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name; only finite numbers are kept."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures and pages for people, by path: `pictures/reliability.png`, `card.html`."""
    job_id: str = ""
    """The job that trained, if one did."""


@dataclass(frozen=True)
class RegisteredModel:
    """A model as it was registered, ready to vote."""

    card: ModelCard
    """What is known about it."""
    version: str
    """Its version in the registry: "1", "2", ..."""
    checksums: Mapping[str, str]
    """SHA-256 of each file that decides its votes, hexadecimal, by path: `xgboost.ubj`, or of a model for a date
    `as-of-12-31/xgboost.ubj`."""
    ensemble: Ensemble
    """The members."""
    applicability: Applicability | None = None
    """Where it may be asked; None where it is not known."""
    as_of: str = ""
    """The date within the season, `MM-DD`, that its features end at; empty for the whole season."""

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


@dataclass(frozen=True)
class Move:
    """One step of an alias from version to version."""

    alias: str
    """The alias."""
    version: str
    """The version that it points to since."""
    action: str
    """How it came there: `registered`, `promoted` or `rolled back`."""
    at: datetime
    """When, UTC."""
