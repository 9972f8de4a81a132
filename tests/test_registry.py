import hashlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import (
    InvalidModelName,
    RegistryUnavailable,
    UnknownAsOf,
    UnknownModel,
    UnusableModel,
)
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry import Learned, ModelEntry, RegisteredModel, Registry

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
    """Two of the members, with what they had seen."""
    members = {name: ensemble.members[name] for name in ("xgboost", "lightgbm")}
    seen = Applicability.fit(ROWS.T, np.ones(4), np.arange(len(ROWS)) % 3)
    return Learned(Ensemble(ensemble.codes, members), seen)


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
    assert all(name.startswith("as-of-12-31/") for name in dated.checksums)
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
    with pytest.raises(UnusableModel, match=r"are no JSON object|lacks the file 'card\.json'"):
        registry.load(saved.reference)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))  # noqa: S301 - shows what it would do
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["model.pkl", "xgboost.pkl", "xgboost.ubj", "card.json"])
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
