"""What a model is: its legend, features, data, accuracy and software."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from geocrop_processes.domain.legend import Legend
from geocrop_processes.errors import UnusableModel


@dataclass(frozen=True)
class ModelCard:
    """Everything that whoever uses a model must know of it; stored beside its members."""

    name: str
    """The name that it is registered under."""
    description: str
    """What it is for and what it was trained on, in a sentence or two."""
    legend: Legend
    """Its classes: the columns of its probabilities, in this order."""
    features: tuple[str, ...]
    """Names of its input columns, in order."""
    fingerprint: str
    """The fingerprint of that order; a map is made only with features of the same fingerprint."""
    simulated: bool
    """Whether it was trained on simulated data; every product made with it says so."""
    seasons: tuple[int, ...]
    """The seasons (years of the first September) of its training samples."""
    samples: Mapping[str, int]
    """Training samples per class name."""
    accuracy: Mapping[str, float]
    """Accuracy figures by name, measured on samples that it was not trained on; empty where none were."""
    software: Mapping[str, str]
    """Versions of the libraries that trained it, by name."""
    seed: int
    """The seed of its training."""
    created: str = ""
    """When it was trained, UTC, as `2026-11-23T12:00:00Z`; empty where it is not known."""
    extent: tuple[float, float, float, float] | None = None
    """Of its training samples: west, south, east, north in degrees; None where it is not known."""
    table_sha256: str = ""
    """The SHA-256 of the table that it was trained from; empty where there was none."""
    as_of: tuple[str, ...] = ()
    """Dates within a season, `MM-DD`, in their order, that it can make maps for beside the whole season."""
    assessments: Mapping[str, Any] = field(default_factory=dict)
    """How good it is, by protocol (`spatial`, `random`, and of a date `spatial as of 12-31`): JSON values that
    `assessment` makes, measured on samples out of fold."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The share of each member in the vote; empty where all count the same."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """How each member's probabilities are corrected before the vote, by name, and the vote's own as `vote`."""
    applicability_threshold: float | None = None
    """The dissimilarity index beyond which it does not apply; None where it is not known."""
    use: str = ""
    """What it is meant for."""
    limits: str = ""
    """What it is not to be used for, and where it fails."""

    def to_json(self) -> dict[str, Any]:
        """The card as JSON values."""
        return {
            **asdict(self),
            "legend": self.legend.to_json(),
            "features": list(self.features),
            "seasons": list(self.seasons),
            "extent": None if self.extent is None else list(self.extent),
            "as_of": list(self.as_of),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelCard":
        """The inverse of `to_json`.

        Raises:
            UnusableModel: a member that every card has is missing, one is unknown, or the legend cannot be read.
        """
        try:
            # `**` refuses what is no object
            values = {"extent": None, "as_of": (), **values}
            extent = values["extent"]
            return cls(
                **{
                    **values,
                    "legend": Legend.from_json(values["legend"]),
                    "features": tuple(values["features"]),
                    "seasons": tuple(values["seasons"]),
                    "extent": None if extent is None else _extent(extent),
                    "as_of": tuple(values["as_of"]),
                }
            )
        except (TypeError, ValueError, KeyError) as error:
            raise UnusableModel(f"The model card cannot be read: {error}.") from error


def _extent(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Raises: TypeError: these are no four numbers."""
    if len(values) != 4:
        raise TypeError(f"an extent is four numbers, not {values}")
    west, south, east, north = (float(v) for v in values)
    return west, south, east, north
