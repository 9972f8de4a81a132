"""The registry as a deployment has it: MLflow's server with PostgreSQL, files on S3, and a worker apart."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest

from geocrop_processes.errors import RegistryUnavailable, UnknownAsOf, UnknownModel, UnusableModel
from geocrop_processes.pipeline.train import TrainedModel, TrainingRequest, train_model
from geocrop_processes.registry import Registry
from geocrop_processes.registry.contents import sha256
from geocrop_processes.settings import Settings
from geocrop_processes.storage import MODELS, Storage
from tests.servers import KEY_ID, SECRET, mlflow_server, postgresql, s3_server
from tests.tables import DATE, SEEN, features, parquet, rows

pytestmark = [pytest.mark.system, pytest.mark.slow]

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REQUEST = TrainingRequest("fields", folds=2, block_m=20_000.0, max_rounds=3, threads=1)

WORKER = """
import json, os, sys
import numpy as np
from geocrop_processes.service.context import WorkerContext
from geocrop_processes.settings import Settings
assert not [name for name in os.environ if name.startswith("MLFLOW_S3")]
context = WorkerContext.of(Settings.read())
reference = context.registry.resolve(sys.argv[1], sys.argv[2])
model = context.model(reference, sys.argv[2])
rows = np.load(sys.argv[3])
print(json.dumps([reference, model.reference, model.as_of, model.ensemble.predict_proba(rows).tolist()]))
"""


@dataclass(frozen=True)
class Deployment:
    """What an operator has set, and what runs."""

    environment: dict[str, str]
    """All that the operator says: nothing of MLflow's own."""
    settings: Settings
    """The same, read."""
    database: str
    """PostgreSQL's address of MLflow's tables."""

    @property
    def storage(self) -> Storage:
        """The object store."""
        return self.settings.open_storage()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("servers")
    with (
        s3_server(folder) as s3,
        postgresql(folder, "mlflow") as database,
        mlflow_server(folder, f"{database}/mlflow", s3) as mlflow,
        pytest.MonkeyPatch.context() as patch,
    ):
        environment = {
            "GEOCROP_DATA": str(folder / "data"),
            "GEOCROP_REGISTRY__URI": mlflow,
            "GEOCROP_STORAGE__ROOT": "s3://",
            "GEOCROP_STORAGE__ENDPOINT": s3,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Deployment(environment, Settings.read(), f"{database}/mlflow")


@pytest.fixture(scope="module")
def registry(deployment: Deployment) -> Registry:
    return deployment.settings.open_registry(deployment.storage)


@pytest.fixture(scope="module")
def trained(deployment: Deployment, registry: Registry) -> list[TrainedModel]:
    """Two versions: of the second, the samples are fewer."""
    return [
        train_model(
            *(f"job-{n}", NOW, parquet(rows("", n), rows(DATE, n)), REQUEST, registry),
            storage=deployment.storage,
        )
        for n in (60, 48)
    ]


def ask_a_worker(
    deployment: Deployment, folder: Path, reference: str, as_of: str = ""
) -> tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """What a process of its own, which knows the settings alone, loads and says."""
    values = features(np.repeat(SEEN, 5), 1.0, 3)
    np.save(folder / "rows.npy", values)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, reference, as_of, str(folder / "rows.npy")],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **deployment.environment},
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    resolved, loaded, date, votes = json.loads(done.stdout.splitlines()[-1])
    assert resolved == loaded
    assert date == as_of
    return loaded, np.asarray(votes)


def test_what_was_trained_is_in_postgresql_and_its_files_on_s3(
    deployment: Deployment, registry: Registry, trained: list[TrainedModel]
) -> None:
    assert [t.reference for t in trained] == ["fields@1", "fields@2"]
    assert registry.resolve("fields@candidate") == "fields@2"
    with psycopg.connect(deployment.database.replace("+psycopg", "")) as connection:
        versions = connection.execute("select name, version, source from model_versions").fetchall()
    assert sorted(v[:2] for v in versions) == [("fields", 1), ("fields", 2)]
    assert all(v[2].startswith("s3://geocrop-models/") for v in versions)
    keys = deployment.storage.list(MODELS, "")
    names = {key.split("/artifacts/")[1] for key in keys}
    assert {
        *("model/xgboost.ubj", "model/lightgbm.txt", "model/catboost.cbm", "model/card.json"),
        *("model/calibration.json", "model/applicability.npz", "model/checksums.json"),
        *(f"model/as-of-{DATE}/xgboost.ubj", "pictures/importances.png", "card.html"),
        *("pictures/confusion-spatial.png", "pictures/reliability-spatial.png"),
    } <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    # MLflow's own pages find them
    run_id = registry._client.get_model_version("fields", "1").run_id
    assert run_id is not None
    run = registry._client.get_run(run_id)
    assert run.data.params["table_sha256"] == trained[0].card.table_sha256
    assert run.data.metrics["spatial/overall"] == trained[0].card.accuracy["overall"]


def test_a_model_is_promoted_rolled_back_and_loaded_by_a_worker_that_pins_its_version(
    deployment: Deployment, registry: Registry, trained: list[TrainedModel], tmp_path: Path
) -> None:
    assert trained
    with pytest.raises(UnknownModel, match="There is no model 'fields'"):
        registry.resolve("fields")
    registry.promote("fields@1")
    first, votes = ask_a_worker(deployment, tmp_path, "fields")
    assert first == "fields@1"
    registry.promote("fields@candidate")
    second, others = ask_a_worker(deployment, tmp_path, "fields")
    assert second == "fields@2"
    assert not np.array_equal(votes, others)
    assert registry.roll_back("fields") == "fields@1"
    again, same = ask_a_worker(deployment, tmp_path, "fields")
    assert (again, same.tolist()) == (first, votes.tolist())
    # what was pinned stays what it was, whatever the alias means by now
    assert np.array_equal(ask_a_worker(deployment, tmp_path, second)[1], others)
    assert [
        (m.version, m.action) for m in registry.history("fields") if m.alias == "production"
    ] == [
        *(("1", "rolled back"), ("2", "promoted"), ("1", "promoted")),
    ]


def test_a_worker_loads_the_model_of_a_date(
    deployment: Deployment, registry: Registry, trained: list[TrainedModel], tmp_path: Path
) -> None:
    reference = trained[0].reference
    values = features(np.repeat(SEEN, 5), 1.0, 3)
    _, votes = ask_a_worker(deployment, tmp_path, reference, DATE)
    expected = registry.load(reference, DATE).ensemble.predict_proba(values)
    assert np.array_equal(votes, expected)
    assert not np.array_equal(votes, registry.load(reference).ensemble.predict_proba(values))
    with pytest.raises(UnknownAsOf, match=f"it knows {DATE}, the whole season"):
        registry.resolve(reference, "12-31")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("xgboost.ubj", r"file xgboost\.ubj of model .* was changed"),
        ("calibration.json", r"file calibration\.json of model .* was changed"),
        ("applicability.npz", r"file applicability\.npz of model .* was changed"),
        ("card.json", r"file card\.json of model .* was changed"),
        ("checksums.json", r"file checksums\.json of model .* was changed"),
        ("model.pkl", r"file model\.pkl was added to model .* not read"),
        (f"as-of-{DATE}/model.pkl", r"model\.pkl was added to model .* not read"),
    ],
)
def test_a_tampered_file_and_a_pickle_are_refused_and_never_promoted(
    name: str,
    reason: str,
    deployment: Deployment,
    registry: Registry,
    trained: list[TrainedModel],
    tmp_path: Path,
) -> None:
    reference = trained[1].reference
    source = str(registry._client.get_model_version("fields", "2").source)
    key = f"{source.removeprefix(f's3://{MODELS}/')}/{name}"
    storage = deployment.storage
    before = storage.get(MODELS, key) if key in storage.list(MODELS, "") else None
    storage.put(MODELS, key, pickle.dumps(Trap(tmp_path / "sprung")), "application/octet-stream")
    try:
        with pytest.raises(UnusableModel, match=reason):
            registry.load(reference)
        with pytest.raises(UnusableModel, match=reason):
            registry.promote(reference, "trusted")
    finally:
        if before is None:
            storage.delete(MODELS, key)
        else:
            storage.put(MODELS, key, before, "application/octet-stream")
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(UnknownModel):
        registry.resolve("fields@trusted")
    assert registry.load(reference).reference == reference


def test_checksums_that_list_a_pickle_are_refused(
    deployment: Deployment, registry: Registry, trained: list[TrainedModel], tmp_path: Path
) -> None:
    """Even where MLflow's own tag was changed too."""
    loaded = registry.load(trained[1].reference)
    saved = registry.save(loaded.ensemble, replace(loaded.card, name="odd", as_of=()))
    source = str(registry._client.get_model_version("odd", saved.version).source)
    prefix = source.removeprefix(f"s3://{MODELS}/")
    storage = deployment.storage
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    checksums = json.loads(storage.get(MODELS, f"{prefix}/checksums.json"))
    storage.put(MODELS, f"{prefix}/model.pkl", trap, "application/octet-stream")
    content = json.dumps({**checksums, "model.pkl": sha256(trap)}).encode()
    storage.put(MODELS, f"{prefix}/checksums.json", content, "application/json")
    registry._client.set_model_version_tag("odd", "1", "checksums_sha256", sha256(content))
    with pytest.raises(UnusableModel, match=r"holds model\.pkl, which is no file of a model"):
        registry.load("odd")
    assert not (tmp_path / "sprung").exists()


def test_a_server_that_is_not_there_is_told(deployment: Deployment, tmp_path: Path) -> None:
    """The port is that of the S3 server, which knows nothing of MLflow."""
    away = Registry(str(deployment.environment["GEOCROP_STORAGE__ENDPOINT"]), str(tmp_path))
    with pytest.raises(RegistryUnavailable, match="cannot find 'fields'"):
        away.load("fields")
