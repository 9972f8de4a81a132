import hashlib
import io
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import (
    InvalidModelName,
    RegistryUnavailable,
    StorageUnavailable,
    UnknownAsOf,
    UnknownModel,
    UnusableModel,
)
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.calibration import Temperature
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry import Learned, ModelEntry, RegisteredModel, Registry, RunRecord
from geocrop_processes.registry.moves import TAG
from geocrop_processes.storage import Storage

# MLflow 3.17 asks SQLAlchemy 2.1 for a loader strategy that is going away
pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning"
)

ROWS = np.random.default_rng(5).normal(size=(90, 4)).astype(np.float32)
CODES = np.array([2, 7, 11])[(ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] > 0)]
LEGEND = Legend(
    (
        CropClass(2, "maize", "#ffd300", cropland=True),
        CropClass(7, "tobacco", "#00af4b", cropland=True),
        CropClass(11, "water", "#419bdf"),
    )
)
CARD = ModelCard(
    name="first",
    description="For tests.",
    legend=LEGEND,
    features=("a", "b", "c", "d"),
    fingerprint="v1:abc",
    simulated=True,
    seasons=(2022,),
    samples={"maize": 30},
    accuracy={"overall": 0.5},
    software={"xgboost": "3"},
    seed=7,
)


@pytest.fixture(scope="session")
def ensemble() -> Ensemble:
    return Ensemble.train(ROWS, CODES, seed=7, rounds=3)


@pytest.fixture(scope="session")
def other(ensemble: Ensemble) -> Learned:
    """Two of the members, counted otherwise, with what they had seen."""
    members = {name: ensemble.members[name] for name in ("xgboost", "lightgbm")}
    seen = Applicability.fit(ROWS.T, np.ones(4), np.arange(len(ROWS)) % 3)
    weights = {"xgboost": 0.75, "lightgbm": 0.25}
    counted = Ensemble(ensemble.codes, members, {"xgboost": Temperature(1.5)}, weights, 0.875)
    return Learned(counted, seen)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """One for all tests, since MLflow takes seconds to make its tables; each test has its own names."""
    folder = tmp_path_factory.mktemp("registry")
    return Registry(f"sqlite:///{folder / 'new' / 'mlflow.db'}", str(folder / "models"))


@pytest.fixture
def save(
    registry: Registry, ensemble: Ensemble, request: pytest.FixtureRequest
) -> Callable[..., RegisteredModel]:
    """Save under a name of the test's own."""
    name = f"m{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"

    def _save(alias: str = "production", **changes: object) -> RegisteredModel:
        card = replace(CARD, **{"name": name, **changes})  # type: ignore[arg-type]
        return registry.save(ensemble, card, alias=alias)

    return _save


Save = Callable[..., RegisteredModel]


def files_of(registry: Registry, model: RegisteredModel) -> Path:
    """The folder of a version's files."""
    entry = registry._client.get_model_version(model.card.name, model.version)
    return Path(str(entry.source).removeprefix("file://"))


def rewrite(registry: Registry, model: RegisteredModel, name: str, content: bytes) -> None:
    """Change a file and all checksums of it, as whoever may write to the store and to MLflow can."""
    folder = files_of(registry, model)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    checksums = json.loads((folder / "checksums.json").read_text())
    checksums[name] = hashlib.sha256(content).hexdigest()
    written = json.dumps(checksums).encode()
    (folder / "checksums.json").write_bytes(written)
    registry._client.set_model_version_tag(
        *(model.card.name, model.version, "checksums_sha256", hashlib.sha256(written).hexdigest())
    )


def test_a_loaded_model_is_the_one_that_was_saved(
    registry: Registry, save: Save, ensemble: Ensemble
) -> None:
    saved = save()
    loaded = registry.load(saved.card.name)
    assert loaded.card == saved.card
    assert loaded.version == saved.version == "1"
    assert loaded.reference == f"{saved.card.name}@1"
    assert loaded.checksums == saved.checksums
    assert set(loaded.checksums) == {"xgboost.ubj", "lightgbm.txt", "catboost.cbm"}
    assert np.array_equal(loaded.ensemble.predict_proba(ROWS), ensemble.predict_proba(ROWS))


def test_only_native_files_a_card_and_checksums_are_stored(registry: Registry, save: Save) -> None:
    folder = files_of(registry, save())
    assert sorted(p.name for p in folder.iterdir()) == [
        *("card.json", "catboost.cbm", "checksums.json", "lightgbm.txt", "xgboost.ubj")
    ]


def test_a_new_version_moves_the_alias_and_leaves_the_old_one_loadable(
    registry: Registry, save: Save
) -> None:
    first = save(description="The first.")
    second = save(description="The second.")
    name = first.card.name
    assert registry.load(name).version == second.version == "2"
    assert registry.load(f"{name}@1").card.description == "The first."
    assert registry.load(f"{name}@production").card.description == "The second."


def test_another_alias_leaves_production_where_it_is(registry: Registry, save: Save) -> None:
    name = save().card.name
    save(alias="candidate")
    assert registry.load(name).version == "1"
    assert registry.load(f"{name}@candidate").version == "2"


def test_models_are_listed_by_name_the_newest_first(registry: Registry, save: Save) -> None:
    name = save(description="The first.").card.name
    save(alias="candidate", description="The second.")
    entries = [e for e in registry.list() if e.name == name]
    assert entries == [
        ModelEntry(name, "2", ("candidate",), "The second."),
        ModelEntry(name, "1", ("production",), "The first."),
    ]
    assert entries[0].reference == f"{name}@2"
    names = [e.name for e in registry.list()]
    assert names == sorted(names)


def test_every_page_of_the_list_is_read(
    registry: Registry, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = save().card.name, save(name="of-the-second-page").card.name
    search = registry._client.search_registered_models
    monkeypatch.setattr(
        registry._client,
        "search_registered_models",
        lambda page_token: search(max_results=1, page_token=page_token),
    )
    assert {one, two} <= {e.name for e in registry.list()}


def test_models_of_as_of_dates_are_beside_the_one_of_the_whole_season(
    registry: Registry, ensemble: Ensemble, other: Learned
) -> None:
    card = replace(CARD, name="dated", as_of=("12-31",))
    saved = registry.save(ensemble, card, in_season={"12-31": other})
    whole, dated = registry.load("dated"), registry.load("dated", "12-31")
    assert whole.card == dated.card == card
    assert whole.reference == dated.reference == registry.resolve("dated", "12-31") == "dated@1"
    assert (whole.as_of, dated.as_of) == ("", "12-31")
    assert whole.checksums == saved.checksums
    assert set(dated.checksums) == {
        f"as-of-12-31/{name}"
        for name in ("xgboost.ubj", "lightgbm.txt", "calibration.json", "applicability.npz")
    }
    assert dated.ensemble.counting == other.ensemble.counting
    assert np.array_equal(whole.ensemble.predict_proba(ROWS), ensemble.predict_proba(ROWS))
    assert np.array_equal(dated.ensemble.predict_proba(ROWS), other.ensemble.predict_proba(ROWS))
    assert whole.applicability is None
    assert dated.applicability is not None
    assert other.applicability is not None
    assert np.array_equal(dated.applicability.index(ROWS.T), other.applicability.index(ROWS.T))


def test_a_date_that_a_model_was_not_trained_for_is_refused_with_those_that_it_knows(
    registry: Registry, ensemble: Ensemble, other: Learned, save: Save
) -> None:
    card = replace(CARD, name="two-dates", as_of=("11-30", "02-28"))
    registry.save(ensemble, card, in_season=dict.fromkeys(card.as_of, other))
    known = r"two-dates@1 was not trained for the date 12-31; it knows 11-30, 02-28, the whole season\.$"
    with pytest.raises(UnknownAsOf, match=known):
        registry.resolve("two-dates", "12-31")
    with pytest.raises(UnknownAsOf, match=known):
        registry.load("two-dates", "12-31")
    with pytest.raises(UnknownAsOf, match=r"it knows the whole season\."):
        registry.resolve(save().card.name, "12-31")


def test_dates_that_the_card_does_not_name_are_not_saved(
    registry: Registry, ensemble: Ensemble, other: Learned
) -> None:
    with pytest.raises(
        UnusableModel, match=r"names the as-of dates \[\], trained were \['12-31'\]"
    ):
        registry.save(ensemble, replace(CARD, name="odd"), in_season={"12-31": other})


def test_a_reference_is_resolved_to_the_version_that_it_means_now(
    registry: Registry, save: Save
) -> None:
    first = save()
    second = save(alias="candidate")
    name = first.card.name
    assert registry.resolve(name) == first.reference
    assert registry.resolve(f"{name}@candidate") == second.reference
    assert registry.resolve(second.reference) == second.reference
    with pytest.raises(UnknownModel):
        registry.resolve(f"{name}@999")


@pytest.mark.parametrize("at", ["", "@1", "@99", "@candidate", "@99999999999999999999", "@@", "@٣"])
def test_a_model_that_is_not_registered_is_unknown_and_those_that_are_are_named(
    at: str, registry: Registry, save: Save
) -> None:
    saved = save()
    unknown = f"nobody{at}" if at in {"", "@1"} else f"{saved.card.name}{at}"
    with pytest.raises(UnknownModel) as caught:
        registry.load(unknown)
    assert str(caught.value).startswith(f"There is no model '{unknown}'; registered are: ")
    assert saved.reference in str(caught.value)


def test_an_empty_registry_says_none_yet(tmp_path: Path) -> None:
    empty = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path / "models"))
    assert empty.list() == []
    with pytest.raises(UnknownModel, match="registered are: none yet"):
        empty.load("first")


@pytest.mark.parametrize("file", ["xgboost.ubj", "lightgbm.txt", "catboost.cbm", "card.json"])
def test_a_file_that_was_changed_is_told(file: str, registry: Registry, save: Save) -> None:
    saved = save()
    path = files_of(registry, saved) / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UnusableModel, match=f"file {file} of model .* was changed"):
        registry.load(saved.reference)


@pytest.mark.parametrize("file", ["xgboost.ubj", "card.json", "checksums.json"])
def test_a_file_that_is_missing_is_told(file: str, registry: Registry, save: Save) -> None:
    saved = save()
    (files_of(registry, saved) / file).unlink()
    with pytest.raises(UnusableModel, match=rf"lacks the file '{file}'"):
        registry.load(saved.reference)


DATED = "as-of-12-31/xgboost.ubj", "as-of-12-31/calibration.json", "as-of-12-31/applicability.npz"


@pytest.fixture(scope="session")
def dated(registry: Registry, ensemble: Ensemble, other: Learned) -> RegisteredModel:
    card = replace(CARD, name="with-dates", as_of=("12-31",))
    return registry.save(ensemble, card, in_season={"12-31": other})


@pytest.fixture
def restored(registry: Registry, dated: RegisteredModel) -> Iterator[Path]:
    """The files of the model with dates, put back as they were after a test."""
    folder = files_of(registry, dated)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tags = dict(registry._client.get_model_version(dated.card.name, dated.version).tags)
    yield folder
    for path, content in before.items():
        path.write_bytes(content)
    key = "checksums_sha256"
    registry._client.set_model_version_tag(dated.card.name, dated.version, key, tags[key])


@pytest.mark.parametrize("file", DATED)
def test_a_changed_file_of_a_date_is_told_to_whoever_asks_for_the_date(
    file: str, registry: Registry, dated: RegisteredModel, restored: Path
) -> None:
    (restored / file).write_bytes((restored / file).read_bytes() + b" ")
    with pytest.raises(UnusableModel, match=f"file {file} of model .* was changed"):
        registry.load(dated.reference, "12-31")
    assert registry.load(dated.reference).checksums == dated.checksums


@pytest.mark.parametrize("file", DATED)
def test_a_missing_file_of_a_date_is_told(
    file: str, registry: Registry, dated: RegisteredModel, restored: Path
) -> None:
    (restored / file).unlink()
    with pytest.raises(UnusableModel, match=f"lacks the file '{file}'"):
        registry.load(dated.reference, "12-31")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("file", DATED)
def test_a_pickle_in_the_place_of_a_dates_file_is_refused_and_never_unpickled(
    file: str, registry: Registry, dated: RegisteredModel, restored: Path, tmp_path: Path
) -> None:
    assert restored.is_dir()
    rewrite(registry, dated, file, pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(UnusableModel):
        registry.load(dated.reference, "12-31")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_of_objects_is_refused_and_never_unpickled(
    registry: Registry, dated: RegisteredModel, restored: Path, tmp_path: Path
) -> None:
    assert restored.is_dir()
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    stream = io.BytesIO()
    np.savez(stream, mean=trap, weight=trap, points=trap, mean_distance=trap, threshold=trap)
    rewrite(registry, dated, DATED[2], stream.getvalue())
    with pytest.raises(UnusableModel, match="area of applicability cannot be read as npz"):
        registry.load(dated.reference, "12-31")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "are no JSON object"),
        ("{}", "calibration cannot be read: 'calibration'"),
        ('{"calibration": [], "weights": {}, "temperature": 1}', "calibration cannot be read"),
        ('{"calibration": {}, "weights": {"xgboost": "a"}, "temperature": 1}', "cannot be read"),
        ('{"calibration": {}, "weights": {"catboost": 1}, "temperature": 1}', "counts votes of"),
        ('{"calibration": {}, "weights": {"xgboost": -1}, "temperature": 1}', "from 0 up"),
        ('{"calibration": {}, "weights": {}, "temperature": 0}', "temperature is within"),
        (
            '{"calibration": {"xgboost": {"method": "isotonic", "said": [], "meant": []}}, "weights": {}, "temperature": 1}',
            "calibrated by temperatures",
        ),
    ],
)
def test_a_calibration_that_cannot_be_used_is_told(
    content: str, reason: str, registry: Registry, dated: RegisteredModel, restored: Path
) -> None:
    assert restored.is_dir()
    rewrite(registry, dated, DATED[1], content.encode())
    with pytest.raises(UnusableModel, match=reason):
        registry.load(dated.reference, "12-31")


def test_an_area_of_applicability_of_other_features_is_refused(
    registry: Registry, dated: RegisteredModel, restored: Path
) -> None:
    assert restored.is_dir()
    other = Applicability.fit(ROWS.T[:3], np.ones(3), np.arange(len(ROWS)) % 3)
    rewrite(registry, dated, DATED[2], other.to_bytes())
    with pytest.raises(UnusableModel, match="is one of 3 features, the model of 4"):
        registry.load(dated.reference, "12-31")


def test_a_folder_of_files_that_is_gone_is_told(registry: Registry, save: Save) -> None:
    saved = save()
    folder = files_of(registry, saved)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(UnusableModel, match=r"files of model .* cannot be read"):
        registry.load(saved.reference)


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "{}"])
def test_checksums_that_are_no_object_or_leave_the_card_out_are_refused(
    content: str, registry: Registry, save: Save
) -> None:
    saved = save()
    (files_of(registry, saved) / "checksums.json").write_text(content)
    registry._client.delete_model_version_tag(saved.card.name, saved.version, "checksums_sha256")
    with pytest.raises(UnusableModel, match=r"no JSON object|lacks the file 'card\.json'"):
        registry.load(saved.reference)


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))  # noqa: S301 - shows what it would do
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "name",
    [
        "model.pkl",
        "xgboost.pkl",
        "xgboost.ubj",
        "card.json",
        "as-of-12-31/model.pkl",
        "other/xgboost.ubj",
    ],
)
def test_a_pickle_is_refused_and_never_unpickled(
    name: str, registry: Registry, save: Save, tmp_path: Path
) -> None:
    saved = save()
    rewrite(registry, saved, name, pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(UnusableModel):
        registry.load(saved.reference)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["python_model.pkl", "as-of-12-31/xgboost.pkl", "MLmodel"])
def test_a_file_that_was_added_is_told_and_not_touched(
    name: str, registry: Registry, save: Save, tmp_path: Path
) -> None:
    saved = save()
    added = files_of(registry, saved) / name
    added.parent.mkdir(exist_ok=True)
    added.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(UnusableModel, match=f"The file {name} was added to model .* not read"):
        registry.load(saved.reference)
    assert not (tmp_path / "sprung").exists()


def test_checksums_that_were_changed_with_the_file_are_told(registry: Registry, save: Save) -> None:
    """MLflow keeps the checksum of the checksums: writing to the store alone changes no model."""
    saved = save()
    folder = files_of(registry, saved)
    content = (folder / "lightgbm.txt").read_bytes()
    checksums = json.loads((folder / "checksums.json").read_text())
    other = content.replace(b"[learning_rate: 0.1]", b"[learning_rate: 0.2]")
    assert other != content
    (folder / "lightgbm.txt").write_bytes(other)
    checksums["lightgbm.txt"] = hashlib.sha256(other).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(checksums))
    with pytest.raises(UnusableModel, match=r"file checksums\.json of model .* was changed"):
        registry.load(saved.reference)


def test_an_ensemble_of_other_classes_than_the_legend_is_not_saved(
    registry: Registry, ensemble: Ensemble
) -> None:
    other = replace(CARD, name="odd", legend=Legend(LEGEND.classes[:2]))
    with pytest.raises(UnusableModel, match=r"votes on the classes \(2, 7, 11\), the legend"):
        registry.save(ensemble, other)
    assert "odd" not in {e.name for e in registry.list()}


@pytest.mark.parametrize("name", ["", "a@b", "a/b", "a:b", "o'hara", "-a", "a\nb"])
def test_a_name_that_could_not_be_asked_for_is_not_saved(
    name: str, registry: Registry, ensemble: Ensemble
) -> None:
    with pytest.raises(InvalidModelName, match="name has letters"):
        registry.save(ensemble, replace(CARD, name=name))


@pytest.mark.parametrize(
    "alias", ["", "1", "v1", "V22", "latest", "Latest", "a b", "a@b", "a.b", "é"]
)
def test_an_alias_that_could_not_be_asked_for_is_refused_before_anything_is_saved(
    alias: str, registry: Registry, ensemble: Ensemble
) -> None:
    with pytest.raises(InvalidModelName, match="An alias begins with a letter"):
        registry.save(ensemble, replace(CARD, name="no-alias"), alias=alias)
    assert "no-alias" not in {e.name for e in registry.list()}


def test_a_registry_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ensemble: Ensemble
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    away = Registry(f"http://127.0.0.1:{port}", str(tmp_path))
    with pytest.raises(RegistryUnavailable, match="cannot find 'first'"):
        away.load("first")
    with pytest.raises(RegistryUnavailable, match="cannot list its models"):
        away.list()
    with pytest.raises(RegistryUnavailable, match="cannot save 'first'"):
        away.save(ensemble, CARD)


SCRIPT = """
import sys
from geocrop_processes.registry import Registry
registry = Registry(f"sqlite:///{sys.argv[1]}/mlflow.db", f"{sys.argv[1]}/models")
assert registry.list() == []
"""


def test_nothing_is_written_to_the_home_or_the_working_folder(tmp_path: Path) -> None:
    home, here, data = (tmp_path / name for name in ("home", "here", "data"))
    for folder in (home, here, data):
        folder.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(data)],
        check=True,
        cwd=here,
        env=environment,
        timeout=120,
    )
    assert (data / "mlflow.db").exists()
    assert list(home.iterdir()) == []
    assert list(here.iterdir()) == []


def promotable(registry: Registry, name: str, versions: int) -> None:
    """Versions of a model of this code's features, without an alias."""
    card = replace(CARD, name=name, features=FEATURE_ORDER_V1, fingerprint=FINGERPRINT)
    rows = np.random.default_rng(3).normal(size=(40, 51)).astype(np.float32)
    known = Ensemble.train(rows, np.repeat([2, 7, 11], [15, 15, 10]), seed=1, rounds=2)
    small = Ensemble(known.codes, {"xgboost": known.members["xgboost"]})
    for _ in range(versions):
        registry.save(small, card, alias=None)


def test_an_alias_is_promoted_and_rolled_back_step_by_step(registry: Registry) -> None:
    promotable(registry, "stepped", 4)
    with pytest.raises(UnknownModel):
        registry.resolve("stepped")
    for version in ("1", "3", "2", "4"):
        assert registry.promote(f"stepped@{version}") == f"stepped@{version}"
        assert registry.resolve("stepped") == f"stepped@{version}"
    # once more changes nothing, and is no step
    registry.promote("stepped@4")
    assert registry.roll_back("stepped") == "stepped@2" == registry.resolve("stepped")
    assert registry.roll_back("stepped") == "stepped@3" == registry.resolve("stepped")
    # a step forward again leaves what was rolled back behind
    registry.promote("stepped@2")
    assert [registry.roll_back("stepped") for _ in range(2)] == ["stepped@3", "stepped@1"]
    with pytest.raises(UnknownModel, match="pointed to nothing before version 1"):
        registry.roll_back("stepped")
    assert registry.resolve("stepped") == "stepped@1"
    moves = registry.history("stepped")
    assert [(m.version, m.action) for m in moves] == [
        *(("1", "rolled back"), ("3", "rolled back"), ("2", "promoted"), ("3", "rolled back")),
        *(("2", "rolled back"), ("4", "promoted"), ("2", "promoted"), ("3", "promoted")),
        ("1", "promoted"),
    ]
    assert {m.alias for m in moves} == {"production"}
    assert all(a.at >= b.at for a, b in pairwise(moves))


def test_aliases_are_moved_apart_from_each_other(registry: Registry) -> None:
    promotable(registry, "apart", 3)
    registry.promote("apart@1")
    registry.promote("apart@2", "candidate")
    registry.promote("apart@candidate")
    registry.promote("apart@3", "candidate")
    assert registry.roll_back("apart") == "apart@1"
    assert registry.resolve("apart@candidate") == "apart@3"
    with pytest.raises(
        UnknownModel, match="'nobody' of 'apart' cannot be rolled back: it does not exist"
    ):
        registry.roll_back("apart", "nobody")


def test_a_move_that_somebody_else_made_can_be_rolled_back_too(registry: Registry) -> None:
    promotable(registry, "moved", 4)
    registry.promote("moved@1")
    registry._client.set_registered_model_alias("moved", "production", "2")
    registry.promote("moved@3")
    registry._client.set_registered_model_alias("moved", "production", "4")
    back = [registry.roll_back("moved") for _ in range(3)]
    assert back == ["moved@3", "moved@2", "moved@1"]


def test_a_roll_back_that_was_not_written_down_is_not_undone_by_the_next(
    registry: Registry,
) -> None:
    """The alias is moved, then the history is written: a server may die in between."""
    promotable(registry, "unwritten", 3)
    for version in "123":
        registry.promote(f"unwritten@{version}")
    registry._client.set_registered_model_alias("unwritten", "production", "2")
    assert registry.roll_back("unwritten") == "unwritten@1"


def test_a_version_that_was_deleted_is_passed_over(registry: Registry) -> None:
    promotable(registry, "deleted", 3)
    for version in "123":
        registry.promote(f"deleted@{version}")
    registry._client.delete_model_version("deleted", "2")
    assert registry.roll_back("deleted") == "deleted@1"


def test_a_saved_version_can_be_rolled_back(registry: Registry) -> None:
    promotable(registry, "saved", 1)
    registry.promote("saved@1")
    loaded = registry.load("saved@1")
    registry.save(loaded.ensemble, loaded.card)
    assert registry.resolve("saved") == "saved@2"
    assert registry.roll_back("saved") == "saved@1"
    assert [m.action for m in registry.history("saved")] == [
        "rolled back",
        "registered",
        "promoted",
    ]


def test_a_tag_that_somebody_else_wrote_is_no_history(registry: Registry) -> None:
    promotable(registry, "strange", 2)
    registry._client.set_registered_model_tag("strange", f"{TAG}production", '[["production"]]')
    assert registry.history("strange") == ()
    registry.promote("strange@2")
    assert [m.version for m in registry.history("strange")] == ["2"]


def test_what_cannot_be_loaded_is_not_promoted(registry: Registry) -> None:
    promotable(registry, "broken", 2)
    registry.promote("broken@1")
    folder = files_of(registry, registry.load("broken@2"))
    (folder / "xgboost.ubj").write_bytes(b"")
    with pytest.raises(UnusableModel, match=r"file xgboost\.ubj of model 'broken@2' was changed"):
        registry.promote("broken@2")
    assert registry.resolve("broken") == "broken@1"


def test_a_model_of_other_features_is_not_promoted(registry: Registry, save: Save) -> None:
    saved = save(alias="candidate")
    with pytest.raises(
        UnusableModel, match=f"trained on features v1:abc, .* computes {FINGERPRINT}"
    ):
        registry.promote(saved.reference)
    with pytest.raises(UnknownModel):
        registry.resolve(saved.card.name)


def test_nobody_is_promoted_rolled_back_or_has_a_history(registry: Registry) -> None:
    for ask in (registry.promote, registry.roll_back, registry.history):
        with pytest.raises(
            UnknownModel, match=r"There is no model 'nobody-at-all'; registered are: "
        ):
            ask("nobody-at-all")
    with pytest.raises(InvalidModelName):
        registry.promote("nobody-at-all@1", "v2")


def test_a_run_keeps_what_was_measured_and_drawn(registry: Registry, ensemble: Ensemble) -> None:
    record = RunRecord(
        {"folds": 5, "members": "{}"},
        {"spatial/overall": 0.8, "spatial/nothing": float("nan")},
        {"pictures/confusion.png": b"\x89PNG", "card.html": b"<html>"},
    )
    card = replace(CARD, name="recorded", table_sha256="ab" * 32)
    saved = registry.save(ensemble, card, record=record)
    entry = registry._client.get_model_version("recorded", saved.version)
    assert entry.tags == {
        "as_of": "",
        "checksums_sha256": entry.tags["checksums_sha256"],
        "fingerprint": "v1:abc",
        "job": "",
        "simulated": "true",
        "table_sha256": "ab" * 32,
    }
    assert entry.run_id is not None
    run = registry._client.get_run(entry.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "seed": "7",
        "features": "v1:abc",
        "table_sha256": "ab" * 32,
        "folds": "5",
        "members": "{}",
    }
    assert run.data.metrics == {"overall": 0.5, "spatial/overall": 0.8}
    # as MLflow's own page lists them
    assert {f.path for f in registry._client.list_artifacts(entry.run_id)} == {
        *("model", "pictures", "card.html")
    }
    assert (files_of(registry, saved).parent / "card.html").read_bytes() == b"<html>"
    registry.load("recorded")


def test_a_card_is_read_without_its_model(registry: Registry, save: Save) -> None:
    saved = save()
    (files_of(registry, saved) / "xgboost.ubj").write_bytes(b"")
    assert registry.card(saved.card.name) == (saved.card, saved.reference)
    (files_of(registry, saved) / "card.json").write_bytes(b"{}")
    with pytest.raises(UnusableModel, match=r"card\.json of model .* was changed"):
        registry.card(saved.reference)


def test_a_storage_that_refuses_leaves_a_failed_run(
    registry: Registry, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("The storage cannot write.")

    monkeypatch.setattr(Storage, "put", refuse)
    with pytest.raises(StorageUnavailable):
        registry.save(ensemble, replace(CARD, name="unstored"))
    experiment = registry._client.get_experiment_by_name("geocrop")
    assert experiment is not None
    (run,) = registry._client.search_runs(
        [experiment.experiment_id], "attributes.run_name = 'unstored'"
    )
    assert run.info.status == "FAILED"
    assert "unstored" not in {e.name for e in registry.list()}


def test_files_that_lie_where_nothing_is_read_from_are_told(registry: Registry, save: Save) -> None:
    saved = save()
    entry = registry._client.get_model_version(saved.card.name, saved.version)
    other = registry._client.create_model_version(saved.card.name, "dbfs:/models/1", entry.run_id)
    with pytest.raises(
        UnusableModel, match="read from folders and from s3://, not from 'dbfs:/models/1'"
    ):
        registry.load(f"{saved.card.name}@{other.version}")
