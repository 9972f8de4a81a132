"""What a model is: its legend, features, data, accuracy and software."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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

    def to_json(self) -> dict[str, Any]:
        """The card as JSON values."""
        return {**asdict(self), "legend": self.legend.to_json(), "features": list(self.features)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelCard":
        """The inverse of `to_json`.

        Raises:
            UnusableModel: a member is missing or unknown, or the legend cannot be read.
        """
        try:
            return cls(
                **{
                    **values,
                    "legend": Legend.from_json(values["legend"]),
                    "features": tuple(values["features"]),
                    "seasons": tuple(values["seasons"]),
                }
            )
        except (TypeError, KeyError) as error:
            raise UnusableModel(f"The model card cannot be read: {error}.") from error
