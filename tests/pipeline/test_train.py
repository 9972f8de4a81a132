"""A table goes in, a model comes out that says what it is worth."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

import geocrop_processes.pipeline.train as pipeline
from geocrop_processes.domain.as_of import dekads_of_as_of
from geocrop_processes.errors import (
    Abandoned,
    InvalidModelName,
    InvalidRequest,
    InvalidSample,
    InvalidSeason,
    InvalidTable,
)
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.until import known
from geocrop_processes.models.card import ModelCard
from geocrop_processes.pipeline.train import TrainedModel, TrainingRequest, train_model
from geocrop_processes.publish.card_page import card_page
from geocrop_processes.registry import Registry
from geocrop_processes.storage import RESULTS, Storage
from tests.tables import CREATED, DATE, SEEN, features, parquet, rows

ASKED = TrainingRequest("fields", folds=3, max_rounds=6, threads=1)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("registry")
    return Registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "models"))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    kept = Storage(str(tmp_path_factory.mktemp("storage")))
    kept.ensure_buckets()
    return kept


@pytest.fixture(scope="module")
def table() -> bytes:
    return parquet(rows(""), rows(DATE))


Told = list[tuple[float, str]]


@pytest.fixture(scope="module")
def told() -> Told:
    """What the training said of its progress."""
    return []


@pytest.fixture(scope="module")
def trained(table: bytes, registry: Registry, storage: Storage, told: Told) -> TrainedModel:
    return train_model(
        *("job-1", CREATED, table, ASKED, registry, storage),
        progress=lambda share, message: told.append((share, message)),
    )


def test_a_model_is_registered_as_a_candidate_for_whoever_trusts_it(
    trained: TrainedModel, registry: Registry
) -> None:
    assert trained.reference == "fields@1" == registry.resolve("fields@candidate")
    assert registry.promote("fields@candidate") == "fields@1" == registry.resolve("fields")


def test_a_registered_model_tells_the_classes_apart_whole_season_and_as_of_its_dates(
    trained: TrainedModel, registry: Registry
) -> None:
    codes = np.repeat(SEEN, 20)
    for as_of, least in (("", 0.8), (DATE, 0.6)):
        model = registry.load(trained.reference, as_of)
        seen = features(codes, 1.0, 99)
        seen[:, ~known(dekads_of_as_of(as_of))] = np.nan
        assert (model.ensemble.predict(seen) == codes).mean() > least
        assert model.applicability is not None
        index = model.applicability.index(seen.T)
        assert np.isfinite(index).all()
        assert model.applicability.index(seen.T + 100).min() > index.max()


def test_the_card_says_what_it_was_trained_on(trained: TrainedModel, table: bytes) -> None:
    card = trained.card
    assert [c.code for c in card.legend] == list(SEEN)
    assert card.samples == {"maize": 60, "tobacco $^$ & <co>": 60, "water": 60}
    assert card.seasons == (2021, 2022)
    assert card.extent is not None
    assert np.allclose(card.extent, (29.0, -19.0, 30.5179, -18.4), atol=1e-6)
    assert card.table_sha256 == hashlib.sha256(table).hexdigest()
    assert card.as_of == (DATE,)
    assert (card.fingerprint, card.features) == (FINGERPRINT, FEATURE_ORDER_V1)
    assert card.simulated
    assert card.created == "2026-11-23T12:30:00Z"
    assert card.description == (
        "Trained on 180 simulated samples of 3 classes, seasons 2021/22, 2022/23."
    )
    assert card.use
    assert card.limits
    assert {"geocrop", "xgboost", "lightgbm", "catboost"} == set(card.software)


def test_the_card_says_what_the_model_is_worth_by_class_with_intervals(
    trained: TrainedModel,
) -> None:
    stated = trained.card.assessments
    assert set(stated) == {"spatial", "random", f"spatial as of {DATE}"}
    spatial = stated["spatial"]
    assert [sum(row) for row in spatial["confusion"]] == [60, 60, 60]
    right = sum(spatial["confusion"][i][i] for i in range(3))
    assert spatial["overall"]["value"] == right / 180 == trained.card.accuracy["overall"]
    assert spatial["overall"]["low"] < right / 180 < spatial["overall"]["high"]
    for i, c in enumerate(spatial["classes"]):
        assert c["producers"]["value"] == spatial["confusion"][i][i] / 60
        assert c["users"]["value"] == spatial["confusion"][i][i] / sum(
            row[i] for row in spatial["confusion"]
        )
    assert set(spatial["members"]) == {"xgboost", "lightgbm", "catboost"}
    assert sum(spatial["reliability"]["after"]["samples"]) == 180
    assert 0 <= spatial["ece_after"] <= 1
    # less is seen by the date
    assert stated[f"spatial as of {DATE}"]["overall"]["value"] < spatial["overall"]["value"]


def test_the_card_says_how_votes_are_counted(trained: TrainedModel, registry: Registry) -> None:
    ensemble = registry.load(trained.reference).ensemble
    card = trained.card
    assert card.weights == ensemble.weights
    assert card.calibration["vote"]["temperature"] == ensemble.temperature
    assert {n: c.temperature for n, c in ensemble.calibration.items()} == {
        n: c["temperature"] for n, c in card.calibration.items() if n != "vote"
    }
    assert card.applicability_threshold == registry.load("fields@1").applicability.threshold  # type: ignore[union-attr]


def test_card_page_and_report_are_files_of_the_job(trained: TrainedModel, storage: Storage) -> None:
    assert [f.key for f in trained.files] == ["card", "card-page", "report"]
    for file in trained.files:
        content = storage.get(RESULTS, f"results/job-1/{file.file_name}")
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
        assert Path(trained.paths[file.key]).read_bytes() == content
    card = json.loads(storage.get(RESULTS, "results/job-1/card.json"))
    assert ModelCard.from_json(card) == trained.card
    report = json.loads(storage.get(RESULTS, "results/job-1/report.json"))
    assert report == trained.report
    assert report["model"] == "fields@1"
    assert report["hyperparameters"]["folds"] == 3
    assert sum(report["importances"].values()) == pytest.approx(1)
    telling = sorted(report["importances"], key=lambda name: -report["importances"][name])[:2]
    assert set(telling) == {FEATURE_ORDER_V1[3], FEATURE_ORDER_V1[30]}


def test_mlflow_has_the_training_with_its_pictures(
    trained: TrainedModel, registry: Registry
) -> None:
    entry = registry._client.get_model_version("fields", "1")
    assert entry.tags["as_of"] == DATE
    assert entry.tags["table_sha256"] == trained.card.table_sha256
    assert (entry.tags["job"], entry.tags["simulated"]) == ("job-1", "true")
    assert entry.run_id is not None
    run = registry._client.get_run(entry.run_id)
    assert run.data.params["folds"] == "3"
    assert run.data.params["table_sha256"] == trained.card.table_sha256
    metrics = run.data.metrics
    assert metrics["spatial/overall"] == trained.card.accuracy["overall"] == metrics["overall"]
    assert {"random/overall", f"spatial_as_of_{DATE}/ece_after"} <= set(metrics)
    folder = Path(run.info.artifact_uri)
    assert sorted(p.name for p in (folder / "pictures").iterdir()) == [
        "confusion-random.png",
        f"confusion-spatial-as-of-{DATE}.png",
        "confusion-spatial.png",
        "importances.png",
        "reliability-random.png",
        f"reliability-spatial-as-of-{DATE}.png",
        "reliability-spatial.png",
    ]
    for path in (folder / "pictures").iterdir():
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 250
            # something is drawn
            assert len(picture.convert("L").getcolors() or []) > 20
    assert (folder / "card.html").read_text() == card_page(trained.card)
    natives = {p.name for p in (folder / "model").rglob("*") if p.is_file()}
    assert {p.rpartition(".")[2] for p in natives} == {"ubj", "txt", "cbm", "json", "npz"}


def test_progress_rises_to_the_end_and_names_the_date(trained: TrainedModel, told: Told) -> None:
    assert trained
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1
    assert any(message.endswith(f"as of {DATE}") for _, message in told)


def test_the_same_job_done_again_registers_nothing_more_and_writes_the_same(
    trained: TrainedModel, table: bytes, registry: Registry, storage: Storage
) -> None:
    again = train_model("job-1", CREATED, table, ASKED, registry, storage)
    assert again.reference == trained.reference
    assert again.files == trained.files
    assert len([e for e in registry.list() if e.name == "fields"]) == 1


def test_a_job_that_has_registered_trains_no_more_and_leaves_its_alias_where_people_put_it(
    table: bytes, registry: Registry, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(*_: Any) -> None:
        raise AssertionError("trained again")

    asked = replace(ASKED, name="twice", as_of=(), max_rounds=2)
    first = train_model("job-a", CREATED, table, asked, registry, storage)
    second = train_model("job-b", CREATED, table, asked, registry, storage)
    monkeypatch.setattr(pipeline, "_learn", learn)
    again = train_model("job-a", CREATED, table, asked, registry, storage)
    assert (again.reference, again.files) == (first.reference, first.files)
    assert again.report == json.loads(storage.get(RESULTS, "results/job-a/report.json"))
    assert registry.resolve("twice@candidate") == second.reference == "twice@2"
    # one that was stopped before it had its alias is given it
    train_model("job-a", CREATED, table, replace(asked, alias="mine"), registry, storage)
    assert registry.resolve("twice@mine") == "twice@1"


def test_another_job_of_the_same_request_gives_the_same_model(
    trained: TrainedModel, registry: Registry, storage: Storage, table: bytes
) -> None:
    other = train_model("job-2", CREATED, table, ASKED, registry, storage)
    assert other.reference == "fields@2"
    assert other.card == trained.card
    for as_of in ("", DATE):
        checksums = [registry.load(f"fields@{v}", as_of).checksums for v in "12"]
        assert checksums[0] == checksums[1]
    assert registry.resolve("fields@candidate") == "fields@2"
    assert registry.roll_back("fields", "candidate") == "fields@1"


Train = Callable[..., TrainedModel]


@pytest.fixture
def train(registry: Registry, storage: Storage, tmp_path: Path) -> Train:
    """Train, and see that what fails leaves nothing."""

    def _train(content: bytes, request: TrainingRequest = ASKED, **options: Any) -> TrainedModel:
        before = registry.list()
        try:
            return train_model(
                tmp_path.name, CREATED, content, request, registry, storage, **options
            )
        except Exception:
            assert registry.list() == before
            assert not storage.list(RESULTS, f"results/{tmp_path.name}/")
            raise

    return _train


def test_dates_that_are_not_asked_for_are_left_out(train: Train, table: bytes) -> None:
    small = replace(ASKED, name="whole", as_of=(), description="Mine.", use="This.", limits="That.")
    card = train(table, small).card
    assert card.as_of == ()
    assert set(card.assessments) == {"spatial", "random"}
    assert (card.description, card.use, card.limits) == ("Mine.", "This.", "That.")


def test_a_date_that_the_table_lacks_is_refused_with_those_that_it_has(
    train: Train, table: bytes
) -> None:
    with pytest.raises(InvalidTable, match=r"no features as of 12-31; its dates are: 01-31\."):
        train(table, replace(ASKED, as_of=("12-31", DATE)))


def test_a_date_without_a_class_is_refused_and_the_class_named(train: Train) -> None:
    cut = rows(DATE)
    content = parquet(rows(""), cut.filter(pc.not_equal(cut["code"], 11)))
    with pytest.raises(InvalidTable, match=r"As of 01-31 the table has no sample of water"):
        train(content)


def test_a_table_of_other_features_is_refused_with_both_fingerprints(
    train: Train, table: bytes
) -> None:
    other = "sha256:" + "0" * 64
    read = pq.read_table(BytesIO(table))
    told = {**read.schema.metadata, b"geocrop.fingerprint": other.encode()}
    stream = BytesIO()
    pq.write_table(read.replace_schema_metadata(told), stream)
    with pytest.raises(InvalidTable) as caught:
        train(stream.getvalue())
    assert other in str(caught.value)
    assert FINGERPRINT in str(caught.value)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (rows("", 180, code=[2] * 180, **{"class": ["maize"] * 180}), "two classes or more"),
        (rows("", 6), "folds"),
        (rows("", 180, group=[1] * 180), "folds"),
    ],
)
def test_samples_that_are_too_few_or_too_alike_are_refused(
    part: pa.Table, reason: str, train: Train
) -> None:
    with pytest.raises(InvalidSample, match=reason):
        train(parquet(part))


def test_what_is_no_table_is_refused(train: Train) -> None:
    with pytest.raises(InvalidTable, match="no Parquet"):
        train(b"PK\x03\x04")


def test_a_training_that_nobody_wants_any_more_is_left(train: Train, table: bytes) -> None:
    asked = iter([False] * 3 + [True] * 1000)
    with pytest.raises(Abandoned):
        train(table, abandoned=lambda: next(asked))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": "a b"}, InvalidModelName),
        ({"alias": "v1"}, InvalidModelName),
        ({"as_of": ("31-01",)}, InvalidSeason),
        ({"as_of": ("05-31",)}, InvalidSeason),
        ({"folds": 1}, InvalidSample),
        ({"block_m": 0.0}, InvalidSample),
        ({"trials": -1}, InvalidSample),
        ({"max_rounds": 0}, InvalidSample),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_anything_is_read(
    change: dict[str, Any], error: type[InvalidRequest]
) -> None:
    with pytest.raises(error):
        replace(ASKED, **change)


class Page(HTMLParser):
    """What a page refers to, says and holds."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href", "action", "data"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_says_everything(trained: TrainedModel) -> None:
    content = card_page(trained.card, "1", {"xgboost.ubj": "f" * 64})
    page = Page(content)
    assert page.open == []
    assert page.addresses == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "url(" not in content
    assert page.tags.count("h1") == page.tags.count("main") == 1
    words = re.sub(r"\s+", " ", page.text)
    card = trained.card
    spatial = card.assessments["spatial"]
    for said in (
        *("fields@1", "Simulated data", card.use, card.limits, card.table_sha256, FINGERPRINT),
        *("2021/22, 2022/23", "29.00° E to 30.52° E", "19.00° S to 18.40° S", "f" * 64),
        *("tobacco $^$ & <co>", f"as of {DATE}", spatial["protocol"], "2026-11-23T12:30:00Z"),
        f"{100 * spatial['overall']['value']:.1f} %",
        f"{card.applicability_threshold:.3f}",
        f"{100 * spatial['ece_after']:.1f} %",
    ):
        assert said in words
    assert "<co>" not in content
    assert content == card_page(trained.card, "1", {"xgboost.ubj": "f" * 64})


def test_the_page_of_a_card_that_knows_little_is_shown_too(trained: TrainedModel) -> None:
    little = ModelCard(
        **{
            name: getattr(trained.card, name)
            for name in (
                *("name", "description", "legend", "features", "fingerprint", "simulated"),
                *("seasons", "samples", "accuracy", "software", "seed"),
            )
        }
    )
    page = Page(card_page(little))
    assert page.open == []
    assert "no area of applicability" in page.text
    assert "Confusion matrix" not in page.text


def test_pictures_are_the_same_for_the_same_figures(
    trained: TrainedModel, registry: Registry
) -> None:
    """As those of the other job that trained the same."""
    folders = []
    for version in "12":
        run_id = registry._client.get_model_version("fields", version).run_id
        assert run_id is not None
        folders.append(Path(registry._client.get_run(run_id).info.artifact_uri) / "pictures")
    assert trained
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()
        assert Image.open(BytesIO(path.read_bytes())).info.get("Software") is None
