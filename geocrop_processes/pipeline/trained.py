"""What trainings found, told: as a model's card, as a run of MLflow's, as a report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import geocrop_processes
from geocrop_processes.domain.legend import Legend
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.models.assessment import assessment, figures
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import library_versions
from geocrop_processes.models.training import Trained
from geocrop_processes.pipeline.table import Table
from geocrop_processes.publish.card_page import card_page
from geocrop_processes.publish.pictures import (
    confusion_picture,
    importance_picture,
    reliability_picture,
)
from geocrop_processes.registry import RunRecord


@dataclass(frozen=True)
class Part:
    """What was learnt from the samples of one as-of date, or of the whole season."""

    samples: LabelledSamples
    trained: Trained


def describe(
    name: str,
    learnt: Mapping[str, Part],
    table: Table,
    created: datetime,
    table_sha256: str,
) -> ModelCard:
    """The card of a model, in words of our own where whoever trained says nothing.

    Args:
        name: what it is to be registered under.
        learnt: by as-of date; the whole season's under the empty one.
        table: that it was learnt from.
        created: when the job was made.
        table_sha256: of the table as it was handed over.
    """
    samples, trained = learnt[""].samples, learnt[""].trained
    legend = Legend(tuple(c for c in table.legend if c.code in trained.ensemble.codes))
    counts = {c.name: int((samples.codes == c.code).sum()) for c in legend}
    seasons = tuple(sorted({int(year) for year in samples.seasons}))
    stated = {"spatial": assessment(trained.spatial, legend)}
    if trained.random is not None:
        stated["random"] = assessment(trained.random, legend)
    stated |= {
        f"spatial as of {day}": assessment(part.trained.spatial, legend)
        for day, part in learnt.items()
        if day
    }
    ensemble = trained.ensemble
    return ModelCard(
        name=name,
        description=_described(len(samples), legend, seasons, table),
        legend=legend,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=table.simulated,
        seasons=seasons,
        samples=counts,
        accuracy=figures(stated["spatial"]),
        software={"geocrop": geocrop_processes.__version__, **library_versions()},
        seed=trained.hyperparameters["seed"],
        created=created.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        extent=_extent(samples),
        table_sha256=table_sha256,
        as_of=tuple(day for day in learnt if day),
        assessments=stated,
        weights=dict(ensemble.weights),
        calibration={
            **{name: c.to_json() for name, c in ensemble.calibration.items()},
            "vote": Temperature(ensemble.temperature).to_json(),
        },
        applicability_threshold=trained.applicability.threshold,
        use=_USE,
        limits=_LIMITS,
    )


_USE = (
    "Crop-type maps at 10 m from Sentinel-2 of seasons and places like those of its training samples, and areas of "
    "crops estimated from such maps with a reference sample."
)
_LIMITS = (
    "Not for pixels outside its area of applicability, crops that its legend does not name, fields smaller than a few "
    "pixels, or seasons of a kind that it has not seen. Shares of pixels are no areas: those need a reference sample."
)


def _described(samples: int, legend: Legend, seasons: Sequence[int], table: Table) -> str:
    kind = "simulated samples" if table.simulated else "samples"
    years = ", ".join(f"{year}/{(year + 1) % 100:02d}" for year in seasons)
    return f"Trained on {samples} {kind} of {len(legend)} classes, seasons {years}."


def _extent(samples: LabelledSamples) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees."""
    lon, lat = samples.lon, samples.lat
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def record_of(learnt: Mapping[str, Part], card: ModelCard, job_id: str) -> RunRecord:
    """What MLflow keeps of the training: what was chosen, measured and drawn."""
    chosen = learnt[""].trained.hyperparameters
    stated = card.assessments
    importances = learnt[""].trained.importances
    pictures = {
        "importances": importance_picture(card.features, importances, f"Features of {card.name}")
    }
    for protocol, values in stated.items():
        name, title = protocol.replace(" ", "-"), f"{card.name}, {protocol} cross-validation"
        pictures[f"confusion-{name}"] = confusion_picture(values, title)
        pictures[f"reliability-{name}"] = reliability_picture(values, title)
    return RunRecord(
        parameters={
            **{
                name: v if isinstance(v, (int, float)) else json.dumps(v)
                for name, v in chosen.items()
            },
            "samples": sum(card.samples.values()),
            "classes": len(card.legend),
            "as_of": " ".join(card.as_of),
        },
        metrics={
            f"{protocol.replace(' ', '_')}/{name}": value
            for protocol, values in stated.items()
            for name, value in figures(values).items()
        },
        files={
            **{f"pictures/{name}.png": content for name, content in pictures.items()},
            "card.html": card_page(card).encode(),
        },
        job_id=job_id,
    )


def report_of(card: ModelCard, trained: Trained) -> dict[str, Any]:
    """The figures of a training, as JSON values.

    Args:
        card: what is known of the model.
        trained: the training of the whole season.
    """
    return {
        "simulated": card.simulated,
        "table_sha256": card.table_sha256,
        "samples": dict(card.samples),
        "as_of": list(card.as_of),
        "accuracy": {p: figures(values) for p, values in card.assessments.items()},
        "hyperparameters": dict(trained.hyperparameters),
        "importances": dict(zip(card.features, trained.importances.tolist(), strict=True)),
    }
