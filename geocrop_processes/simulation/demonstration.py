"""From nothing to a map: an archive, a model trained on samples of other places, a map of a place it never saw.

The figures show that every part works, and how well the map meets the simulator's truth. They say nothing
about maps of real fields.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.progress import Progress, part_of
from geocrop_processes.errors import UnknownModel, UnusableModel
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Catalog
from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.assessment import assessment
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.models.members import library_versions
from geocrop_processes.models.reliability import Reliability
from geocrop_processes.models.training import Options, Trained, train
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.pipeline.product import Product
from geocrop_processes.registry import RegisteredModel, Registry
from geocrop_processes.simulation.app import serve
from geocrop_processes.simulation.archive import (
    build_archive,
    is_current,
    locked,
    simulator_version,
)
from geocrop_processes.simulation.baseline import write_baseline
from geocrop_processes.simulation.demo import DEMO_AOI, DEMO_SEASON, truth
from geocrop_processes.simulation.layout import S2_L2A, Layout, layout_of
from geocrop_processes.simulation.legend import LEGEND
from geocrop_processes.simulation.samples import Samples, training_samples
from geocrop_processes.storage import RESULTS, Storage, result_key

MODEL = "geocrop-demo"
"""The name that the demo's model is registered under."""
ARCHIVE = "simulation"
"""What the names of archives' folders within the data folder start with; as a catalogue's address it means the one
of the collection that is set."""
SEED = 1
"""Of the training samples and of the training."""
HOLDOUT_SEED = 2
"""Of the samples that the model's accuracy is measured on: other landscapes, other weather."""
PER_CLASS = 1000
"""Training samples of each class, about."""
HOLDOUT_PER_CLASS = 100
"""Samples of each class that the accuracy is measured on, about."""
THREADS = 2
"""Blocks computed at once, and threads of the training; more would change the model's bytes."""
TRAINING = Options(seed=SEED, threads=THREADS, folds=2, max_rounds=80, patience=0, compare=False)
"""A demonstration does not wait for more: two folds of places, and as many rounds as were found to be enough."""


@dataclass(frozen=True)
class Demonstration:
    """What was made and how it fared."""

    product: Product
    """The map."""
    accuracy: Accuracy
    """Its mapped pixels against the truth."""
    seconds: float
    """From the start to the figures."""
    urls: Mapping[str, str] = field(default_factory=dict)
    """Where each of its files is over HTTP, by asset key; none where no service made it."""

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values, as in `demo.json`."""
        figures = self.product.summary
        return {
            "job_id": self.product.job_id,
            "checksum_sha256": self.product.checksums["class-map"],
            "agreement": self.accuracy.overall,
            "macro_f1": self.accuracy.macro_f1,
            "f1": {LEGEND.name_of(code): score for code, score in self.accuracy.f1.items()},
            "hectares": {row["name"]: row["hectares"] for row in figures["classes"]},
            "scenes": {"used": figures["scenes_used"], "left_out": figures["scenes_left_out"]},
            "model": figures["model"],
            "notice": figures["notice"],
            "seconds": round(self.seconds, 1),
            "paths": self.product.paths,
            "urls": dict(self.urls),
        }

    def write(self, folder: Path) -> None:
        """Write `demo.json` into the data folder."""
        (folder / "demo.json").write_text(json.dumps(self.to_json(), indent=1))


def prepare(
    folder: Path,
    storage: Storage,
    registry: Registry,
    progress: Progress,
    collection: str = S2_L2A.collection,
) -> RegisteredModel:
    """Build what is missing of what a demonstration needs; its model.

    Args:
        folder: the data folder that the archive is kept in.
        storage: where the baseline goes.
        registry: where the model is registered.
        progress: told what is being done.
        collection: whose layout the archive has.
    """
    prepare_archive(folder, collection, part_of(progress, 0.0, 0.4))
    # two at once would train and register the model twice
    with locked(folder / ".demonstration.lock"):
        write_baseline(storage)
        return demo_model(registry, part_of(progress, 0.4, 1.0))


def prepare_archive(data: Path, collection: str, progress: Progress) -> Path:
    """The folder of the simulated archive in a collection's layout, built where it is missing or outdated.

    Args:
        data: the data folder that it is kept in.
        collection: `s2_l2a` or `s2_l2a_c1`.
        progress: told what is being done.

    Raises:
        InvalidSetting: the simulator has no such collection.
    """
    layout = layout_of(collection)
    folder = _folder(data, layout)
    build_archive(folder, progress, layout=layout)
    return folder


def is_prepared(data: Path, collection: str) -> bool:
    """Whether `prepare_archive` would find the archive built, and write nothing.

    Raises:
        InvalidSetting: the simulator has no such collection.
    """
    layout = layout_of(collection)
    return is_current(_folder(data, layout), simulator_version(layout=layout))


def _folder(data: Path, layout: Layout) -> Path:
    return data / (ARCHIVE if layout is S2_L2A else f"{ARCHIVE}-{layout.collection}")


def demonstrate(
    folder: Path,
    storage: Storage,
    registry: Registry,
    access: Access,
    progress: Progress,
    collection: str = S2_L2A.collection,
) -> Demonstration:
    """Build what is missing, map the demo's place, compare with the truth.

    Args:
        folder: the data folder: the archive is kept in it.
        storage: where the product goes, to `results/demo/`.
        registry: where the model is registered.
        access: how scenes are read.
        progress: told what is being done.
        collection: whose layout the archive has.
    """
    started = time.monotonic()
    model = prepare(folder, storage, registry, part_of(progress, 0.0, 0.8), collection)
    with serve(prepare_archive(folder, collection, part_of(progress, 0.8, 0.8))) as url:
        product = classify(
            "demo",
            Request(DEMO_AOI, DEMO_SEASON, ARCHIVE, block_px=512, min_acquisitions=6),
            model,
            find=Catalog(url, collection).find,
            storage=storage,
            access=access,
            threads=THREADS,
            progress=part_of(progress, 0.8, 1.0),
        )
    return Demonstration(product, compare(storage, product.job_id), time.monotonic() - started)


def demo_model(registry: Registry, progress: Progress) -> RegisteredModel:
    """The demo's ensemble: the registered one of this very simulator, else trained and registered."""
    version = _model_version()
    try:
        registered = registry.load(MODEL)
    except (UnknownModel, UnusableModel):
        registered = None
    if registered and registered.card.software.get("simulator") == version:
        return registered
    samples = training_samples(SEED, PER_CLASS, part_of(progress, 0.0, 0.3)).labelled()
    trained = train(samples, TRAINING, tell=part_of(progress, 0.3, 0.9))
    holdout = training_samples(HOLDOUT_SEED, HOLDOUT_PER_CLASS, part_of(progress, 0.9, 1.0))
    card = replace(
        _card(samples, trained, _measured(trained.ensemble, holdout)),
        software={**library_versions(), "simulator": version},
    )
    return registry.save(trained.ensemble, card, applicability=trained.applicability)


def _measured(ensemble: Ensemble, holdout: Samples) -> dict[str, float]:
    """What the ensemble is worth on landscapes and weather that it has not seen."""
    probabilities = ensemble.predict_proba(holdout.features)
    accuracy = Accuracy.of(holdout.labels, ensemble.decide(probabilities), LEGEND.codes)
    labels = np.searchsorted(ensemble.codes, holdout.labels)
    return {
        "simulated_agreement": accuracy.overall,
        "simulated_macro_f1": accuracy.macro_f1,
        "simulated_calibration_error": Reliability.of(probabilities, labels).expected_error,
    }


def _card(samples: LabelledSamples, trained: Trained, accuracy: Mapping[str, float]) -> ModelCard:
    """The card, but for the software."""
    counts = np.bincount(samples.codes, minlength=256)
    ensemble = trained.ensemble
    return ModelCard(
        name=MODEL,
        description="Demo model, trained on simulated samples of simulated places: for trying GeoCrop, not for real maps.",
        legend=LEGEND,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=True,
        seasons=tuple(sorted({int(year) for year in samples.seasons})),
        samples={c.name: int(counts[c.code]) for c in LEGEND},
        accuracy=accuracy,
        software={},
        seed=SEED,
        extent=(
            float(samples.lon.min()),
            float(samples.lat.min()),
            float(samples.lon.max()),
            float(samples.lat.max()),
        ),
        assessments={"spatial": assessment(trained.spatial, LEGEND)},
        weights=dict(ensemble.weights),
        calibration={
            **{name: c.to_json() for name, c in ensemble.calibration.items()},
            "vote": Temperature(ensemble.temperature).to_json(),
        },
        applicability_threshold=trained.applicability.threshold,
        use="Trying GeoCrop on its simulated archive.",
        limits="It knows nothing of real fields.",
    )


def _model_version() -> str:
    """A digest of all that decides the demo's model: the simulator, the features, the learners, their libraries."""
    digest = hashlib.sha256(json.dumps([simulator_version(), library_versions()]).encode())
    package = Path(__file__).parents[1]
    for source in sorted([*package.glob("features/*.py"), *package.glob("models/*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def compare(storage: Storage, job_id: str) -> Accuracy:
    """A published class map against the simulator's truth, over the pixels that have a class."""
    content = storage.get(RESULTS, result_key(job_id, "class-map.tif"))
    with rasterio.MemoryFile(content).open() as source:
        classes = source.read(1)
        corner = source.transform @ (0, 0)
        grid = Grid(
            source.crs.to_epsg(), round(corner[0]), round(corner[1]), source.width, source.height
        )
    mapped = classes != 0
    return Accuracy.of(truth(grid)[mapped], classes[mapped], LEGEND.codes)
