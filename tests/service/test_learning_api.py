"""The processes of learning over HTTP: what is brought is looked at before anything is stored."""

import base64
import hashlib
import io
import json
import os
import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.pipeline.table import Table
from geocrop_processes.pipeline.table_columns import SCHEMA
from geocrop_processes.service import manager, uploads
from geocrop_processes.service.app import create_app
from geocrop_processes.service.edge import MAX_BODY
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.manager import CeleryManager, Parts
from geocrop_processes.service.processes import FILE_INPUTS
from geocrop_processes.service.steps import Step
from geocrop_processes.service.uploads import Upload
from geocrop_processes.settings import ServiceSettings, Settings, UploadSettings
from geocrop_processes.storage import DATASETS, RESULTS, Storage
from tests.backends import Backend

URL = "https://maps.example.org/api"
MOST = 200_000
PARQUET = "application/vnd.apache.parquet"
GPKG = "application/geopackage+sqlite3"
PICKLE = b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x93\x94."
CSV = "lon,lat,class,season\n30.2,-17.36,maize,2022\n30.21,-17.36,soybean,2022\n"


def geojson(*points: tuple[float, float, str, int]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [lon, lat]},
                "properties": {"class": name, "season": season},
            }
            for lon, lat, name, season in points
        ],
    }


LABELS = geojson((30.2, -17.36, "maize", 2022), (30.21, -17.36, "soybean", 2022))


def table(n: int = 12) -> bytes:
    """Samples whose features are noise."""
    legend = Legend((CropClass(1, "maize", "#ffd300"), CropClass(4, "soybean", "#267000")))
    random = np.random.default_rng(1)
    codes = np.resize([1, 4], n)
    columns: dict[str, Any] = {
        "sample": np.arange(n),
        "group": np.arange(n),
        "code": codes,
        "class": [legend.name_of(int(code)) for code in codes],
        "lon": np.linspace(30, 30.1, n),
        "lat": np.linspace(-17.4, -17.3, n),
        "year": np.full(n, 2022),
        "as_of": [""] * n,
        "n_valid": np.full(n, 20, np.uint8),
        "max_gap_days": np.full(n, 30, np.uint16),
        "scenes": [["S2A_36KTF_20221112_0_L2A"]] * n,
        **{name: random.normal(size=n).astype(np.float32) for name in FEATURE_ORDER_V1},
    }
    made = Table(
        pa.table(columns, schema=SCHEMA),
        legend,
        simulated=True,
        created=datetime(2026, 11, 23, tzinfo=UTC),
    )
    return made.to_parquet()


def text(content: bytes | str) -> str:
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


@dataclass(frozen=True)
class Service:
    """The application, asked in-process; nothing carries its jobs out."""

    settings: Settings
    client: TestClient
    store: JobStore
    storage: Storage

    def execute(self, process: str, **inputs: Any) -> Any:
        body = {"inputs": inputs}
        return self.client.post(f"/processes/{process}/execution", json=body)

    def accepted(self, process: str, **inputs: Any) -> dict[str, Any]:
        """The inputs as the job keeps them."""
        answer = self.execute(process, **inputs)
        assert answer.status_code == 201, answer.text
        return self.store.get(answer.json()["jobID"]).inputs

    def refused(self, process: str, **inputs: Any) -> str:
        """What is said of a request that leaves nothing behind."""
        before = self.brought(), self.store.list()[1]
        answer = self.execute(process, **inputs)
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (self.brought(), self.store.list()[1]) == before
        return str(answer.json()["detail"])

    def brought(self) -> list[str]:
        return self.storage.list(DATASETS, "uploads/")

    def claim(self, kind: str) -> Step:
        step = self.store.claim([kind])
        assert step is not None
        return step

    def finish(self, process: str, job_id: str, files: dict[str, tuple[str, str, bytes]]) -> None:
        """A job of one step, or of a map, that has made these files: name, media type, content by output."""
        for name, _, content in files.values():
            self.storage.put(RESULTS, f"results/{job_id}/{name}", content, "text/plain")
        self.store.add(job_id, process, {"year": 2022}, {})
        if process != "model-training":
            assert self.store.planned(self.claim("plan"), b"{}", [], None)
        outputs = {
            key: {
                "file": name,
                "media_type": kind,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
            for key, (name, kind, content) in files.items()
        }
        values = {"model": "fields@3"} if process == "model-training" else {}
        result = {"job_id": job_id, "outputs": outputs, "values": values}
        step = self.claim("run" if process == "model-training" else "finish")
        assert self.store.finished(step, result, None)


@pytest.fixture
def service(
    backend: Backend, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    class Models:
        def resolve(self, _reference: str, _as_of: str = "") -> str:
            return "geocrop-demo@2"

    settings = backend.settings(
        ServiceSettings(url=URL),
        uploads=UploadSettings(hosts="data.example.org", max_bytes=MOST),
    )
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    monkeypatch.setattr(manager, "publish", lambda _settings: None)
    client = TestClient(create_app(settings, store=store), raise_server_exceptions=False)
    with closing(client):
        yield Service(settings, client, store, settings.open_storage())


@pytest.mark.parametrize(
    "given_as",
    [
        LABELS,
        {"value": LABELS},
        {"value": LABELS, "mediaType": "application/geo+json"},
        {"value": json.dumps(LABELS), "mediaType": "application/geo+json"},
        {
            "value": text(json.dumps(LABELS)),
            "mediaType": "application/geo+json",
            "encoding": "base64",
        },
        {"value": CSV, "mediaType": "text/csv"},
        {"value": text(CSV), "mediaType": "text/csv; charset=utf-8", "encoding": "base64"},
    ],
)
def test_labels_by_value_are_stored_once_and_the_job_names_them(
    given_as: dict[str, Any], service: Service
) -> None:
    kept = service.accepted("sample-extraction", labels=given_as)
    again = service.accepted("sample-extraction", labels=given_as)
    assert kept["labels"] == again["labels"]
    assert set(kept["labels"]) == {"upload", "mediaType", "size"}
    assert service.brought() == [f"uploads/{kept['labels']['upload']}"]
    content = service.storage.get(DATASETS, service.brought()[0])
    assert hashlib.sha256(content).hexdigest() == kept["labels"]["upload"]
    assert len(content) == kept["labels"]["size"]
    assert {k: kept[k] for k in ("per_field", "seed", "as_of")} == {
        "per_field": 20,
        "seed": 1,
        "as_of": [],
    }


def test_a_table_by_value_is_stored(service: Service) -> None:
    content = table()
    for given_as in (
        text(content),
        {"value": text(content), "mediaType": PARQUET, "encoding": "base64"},
    ):
        kept = service.accepted("model-training", table=given_as, name="fields")
        assert kept["table"]["mediaType"] == PARQUET
        assert service.brought() == [f"uploads/{hashlib.sha256(content).hexdigest()}"]
        assert "alias" not in kept


def test_dates_are_kept_in_the_order_of_the_season(service: Service) -> None:
    kept = service.accepted("sample-extraction", labels=LABELS, as_of=["01-31", "12-31"])
    assert kept["as_of"] == ["12-31", "01-31"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (geojson((30.2, -17.36, "maize", 2022), (-17.36, 30.2, "maize", 2022)), "Row 2"),
        (geojson((30.2, -17.36, "", 2022), (30.3, -17.36, "maize", 2022)), "Row 1"),
        (geojson((30.2, -17.36, "maize", 1999)), "1999"),
        ({"type": "FeatureCollection", "features": []}, "no label"),
        ({"type": "Topology"}, ""),
        ({"value": "lon,lat\n1,2\n", "mediaType": "text/csv"}, "class"),
        ({"value": text(b"\xff\xfe\x00"), "mediaType": "text/csv", "encoding": "base64"}, ""),
        ({"value": text(PICKLE), "mediaType": GPKG, "encoding": "base64"}, ""),
        ({"value": text("SQLite format 3\0" + "x" * 100), "mediaType": GPKG}, ""),
        ({"value": CSV, "mediaType": "application/x-python-pickle"}, "text/csv"),
        ({"value": CSV}, "media type"),
        (CSV, "media type"),
        ({"value": LABELS, "mediaType": "text/csv"}, ""),
        ({"value": LABELS, "mediaType": []}, "media type"),
        ({"value": LABELS, "mediaType": {}}, "media type"),
        ({"value": CSV, "mediaType": "text/csv", "encoding": "gzip"}, "base64"),
        ({"value": "%%%", "mediaType": GPKG}, "base64"),
        ({"value": "x" * (2 * MOST + 1), "mediaType": "text/csv"}, f"{MOST} bytes"),
        ({"value": "x" * (MOST + 1), "mediaType": "text/csv"}, f"{MOST} bytes"),
        ({"value": [1], "mediaType": "text/csv"}, "reference"),
        ([LABELS], "reference"),
        *((wrong, "") for wrong in (None, 1, True, "", {}, {"value": None}, {"href": None})),
        ({"href": 1}, "texts"),
        ({"href": "https://data.example.org/x", "type": 1}, "texts"),
        ({"href": "https://data.example.org/x", "type": "application/zip"}, "text/csv"),
        ({"href": "https://other.example.org/x.csv", "type": "text/csv"}, "data.example.org"),
        ({"href": "http://data.example.org/x.csv"}, "https"),
        ({"href": "file:///etc/passwd"}, "https"),
        ({"href": f"{URL}/jobs/none/results/samples"}, "no job 'none'"),
        ({"href": f"{URL}/processes"}, "no address of an output"),
        ({"href": f"{URL}/jobs/a/../b/results/x"}, "no address of an output"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_and_leave_nothing(
    labels: Any, said: str, service: Service
) -> None:
    told = service.refused("sample-extraction", labels=labels)
    assert told.startswith("The input 'labels' cannot be used:")
    assert said in told


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "'labels' is missing"),
        ({"labels": LABELS, "year": 2100}, "'year'"),
        ({"labels": LABELS, "year": 1999}, "2015"),
        ({"labels": LABELS, "as_of": ["02-30"]}, "'as_of'"),
        ({"labels": LABELS, "as_of": ["02-29"]}, "29 February"),
        ({"labels": LABELS, "as_of": ["07-01"]}, "outside every season"),
        ({"labels": LABELS, "as_of": ["2022-12-31"]}, "'as_of'"),
        ({"labels": LABELS, "as_of": ["12-31", "12-31"]}, "twice"),
        ({"labels": LABELS, "per_field": 0}, "at least 1"),
        ({"labels": LABELS, "seed": -1}, "at least 0"),
        ({"labels": LABELS, "legend": []}, "at least 1"),
        ({"labels": LABELS, "legend": [{"code": 1, "name": "maize"}]}, "'legend'"),
        (
            {
                "labels": LABELS,
                "legend": [{"code": 1, "name": n, "colour": "#000000"} for n in "ab"],
            },
            "unique codes",
        ),
        ({"labels": LABELS, "legend": [{"code": 1, "name": "rice", "colour": "#000000"}]}, "Row 1"),
        ({"labels": LABELS, "surplus": 1}, "no input 'surplus'"),
    ],
)
def test_what_else_an_extraction_is_asked_for_is_looked_at(
    inputs: dict[str, Any], said: str, service: Service
) -> None:
    assert said in service.refused("sample-extraction", **inputs)


def test_a_season_can_be_given_for_labels_that_name_none(service: Service) -> None:
    content = {"value": "lon,lat,class\n30.2,-17.36,maize\n", "mediaType": "text/csv"}
    assert "season is missing" in service.refused("sample-extraction", labels=content)
    assert service.accepted("sample-extraction", labels=content, year=2022)["year"] == 2022


def packed(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("table.parquet", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PICKLE, "no Parquet"),
        (packed(b"x"), "no Parquet"),
        (b"", "no Parquet"),
        (b"PAR1" + bytes(range(64)) + b"PAR1", "cannot be read"),
        (table()[:-8] + b"\0\0\0\0PAR1", ""),
        (CSV.encode(), "no Parquet"),
        (b"x" * (MOST + 1), f"{MOST} bytes"),
    ],
    ids=["pickle", "archive", "empty", "noise", "cut-off", "text", "too-large"],
)
def test_a_table_that_is_none_is_refused_and_never_unpickled(
    content: bytes, said: str, service: Service
) -> None:
    assert pickletools.genops(PICKLE)
    told = service.refused("model-training", table=text(content), name="fields")
    assert told.startswith("The input 'table' cannot be used:")
    assert said in told


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"name": "a/b"}, "'name'"),
        ({"name": ""}, "'name'"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "fields", "alias": "v1"}, "reserved"),
        ({"name": "fields", "alias": "latest"}, "reserved"),
        ({"name": "fields", "folds": 1}, "at least 2"),
        ({"name": "fields", "trials": 1.5}, "integer"),
        ({"name": "fields", "block_m": 10**400}, "too large a number"),
        ({"name": "fields", "as_of": ["05-31"]}, "last day"),
    ],
)
def test_what_else_a_training_is_asked_for_is_looked_at(
    inputs: dict[str, Any], said: str, service: Service
) -> None:
    assert said in service.refused("model-training", table=text(table()), **inputs)


def test_a_file_of_a_listed_host_is_left_to_the_worker(service: Service) -> None:
    href = "https://data.example.org/labels.csv?token=1"
    kept = service.accepted("sample-extraction", labels={"href": href, "type": "text/csv"})
    assert kept["labels"] == {"href": href, "mediaType": "text/csv"}
    told = CeleryManager({"name": "x"})
    told.attach(Parts.open(service.settings, service.store))
    assert "token" not in json.dumps(told.get_jobs()) + json.dumps(
        told.get_job(service.store.list()[0][0].id)
    )
    assert service.brought() == []


def test_an_output_of_an_earlier_job_is_looked_at_and_not_stored_again(service: Service) -> None:
    content = table()
    made = {"samples": ("samples.parquet", PARQUET, content)}
    service.finish("sample-extraction", "earlier", made)
    for path in (
        "jobs/earlier/results/samples",
        "jobs/earlier/results/samples?f=x",
        "assets/earlier/samples.parquet",
    ):
        kept = service.accepted("model-training", table={"href": f"{URL}/{path}"}, name="fields")
        assert kept["table"] == {
            "job": "earlier",
            "folder": "earlier",
            "file": "samples.parquet",
            "sha256": hashlib.sha256(content).hexdigest(),
            "mediaType": PARQUET,
            "size": len(content),
        }
    assert service.brought() == []


def test_an_output_that_is_not_there_or_is_none_of_the_kind_is_refused(service: Service) -> None:
    made = {"report": ("report.json", "application/json", b"{}")}
    service.finish("sample-extraction", "earlier", made)
    service.store.add("open", "sample-extraction", {}, {})
    service.store.add("spoken", "echo", {"message": "x"}, {})
    assert service.store.finished(service.claim("run"), {"outputs": {"message": "x"}}, None)

    def said(path: str) -> str:
        return service.refused("model-training", table={"href": f"{URL}/{path}"}, name="fields")

    assert "no file 'samples'" in said("jobs/earlier/results/samples")
    assert PARQUET in said("jobs/earlier/results/report")
    assert "is accepted" in said("jobs/open/results/samples")
    assert "no file 'message'" in said("jobs/spoken/results/message")
    service.store.dismiss("earlier")
    assert "is dismissed" in said("jobs/earlier/results/report")


def test_a_map_is_judged_that_is_there(service: Service) -> None:
    service.store.add("open", "crop-classification", {"year": 2022}, {})
    made = {"samples": ("samples.parquet", PARQUET, b"x")}
    service.store.dismiss("open")
    service.finish("sample-extraction", "table", made)
    for product, said in (("none", "no job"), ("open", "dismissed"), ("table", "class-map")):
        told = service.refused("accuracy-assessment", product=product, reference=LABELS)
        assert told.startswith("The input 'product' cannot be used:")
        assert said in told
    mapped = {"class-map": ("class-map.tif", "image/tiff", b"x")}
    service.finish("crop-classification", "map", mapped)
    assert "Row 1" in service.refused(
        "accuracy-assessment", product="map", reference=geojson((0, 0, "maize", 2022))
    )
    points = {"value": "lon,lat,class\n30.2,-17.36,maize\n", "mediaType": "text/csv"}
    kept = service.accepted("accuracy-assessment", product="map", reference=points)
    assert kept["product"] == "map"


def test_bodies_are_larger_where_files_are_brought_and_nowhere_else(service: Service) -> None:
    body = json.dumps({"inputs": {"message": "x" * MAX_BODY}})
    for process, status in (
        ("echo", 413),
        ("crop-classification", 413),
        ("sample-extraction", 400),
    ):
        answer = service.client.post(f"/processes/{process}/execution", content=body)
        assert answer.status_code == status, process
    for process, files in FILE_INPUTS.items():
        size = MAX_BODY + len(files) * MOST * 4 // 3
        answer = service.client.post(f"/processes/{process}/execution", content=b" " * (size + 1))
        assert answer.status_code == 413


def test_the_files_of_a_job_are_its_results(service: Service) -> None:
    card = b'{"name": "fields"}'
    made = {
        "card": ("card.json", "application/json", card),
        "card-page": ("card.html", "text/html", b"<!doctype html>"),
    }
    service.finish("model-training", "trained", made)
    document = service.client.get("/jobs/trained/results").json()
    page = {"href": f"{URL}/assets/trained/card.html", "type": "text/html"}
    assert document == {
        "model": "fields@3",
        "card": {"value": {"name": "fields"}, "mediaType": "application/json"},
        "card-page": page,
    }
    raw = service.client.get("/jobs/trained/results/card")
    assert (raw.content, raw.headers["content-type"]) == (card, "application/json")
    assert service.client.get("/jobs/trained/results/model").text == "fields@3"
    assert service.client.get("/jobs/trained/results/report").status_code == 404


def test_the_files_of_a_job_are_served_in_parts_to_any_origin(service: Service) -> None:
    content = bytes(range(200))
    service.finish("sample-extraction", "a", {"samples": ("samples.parquet", PARQUET, content)})
    headers = {"Range": "bytes=10-19", "Origin": "https://elsewhere.example"}
    part = service.client.get("/assets/a/samples.parquet", headers=headers)
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert part.headers["access-control-allow-origin"] == "*"
    assert part.headers["content-type"] == PARQUET
    tag = part.headers["etag"]
    assert tag == f'"{hashlib.sha256(content).hexdigest()}"'
    known = service.client.get("/assets/a/samples.parquet", headers={"If-None-Match": tag})
    assert known.status_code == 304
    assert service.client.head("/assets/a/samples.parquet").headers["content-length"] == "200"
    for missing in ("/assets/a/report.json", "/assets/a/..%2Fb", "/assets/b/samples.parquet"):
        assert service.client.get(missing).status_code == 404
    service.store.dismiss("a")
    assert service.client.get("/assets/a/samples.parquet").status_code == 404


def sweep(service: Service) -> None:
    jobs = service.store.inputs_of_open_jobs
    service.storage.remove(DATASETS, uploads.unneeded(service.storage, jobs, 3600))


@pytest.mark.embedded_only
def test_what_was_brought_is_swept_once_it_is_old_and_no_open_job_needs_it(
    service: Service,
) -> None:
    folder = Path(service.storage.url(DATASETS, "uploads"))
    kept = {name: Upload(name.encode(), "text/csv") for name in ("needed", "young", "old")}
    for name, upload in kept.items():
        uploads.keep(service.storage, upload)
        if name != "young":
            os.utime(folder / upload.sha256, (0, 0))
    service.store.add("a", "sample-extraction", {"labels": kept["needed"].named()}, {})
    sweep(service)
    left = {key.rpartition("/")[2] for key in service.brought()}
    assert left == {kept["needed"].sha256, kept["young"].sha256}
    service.store.dismiss("a")
    sweep(service)
    assert service.brought() == [f"uploads/{kept['young'].sha256}"]


@pytest.mark.embedded_only
def test_what_is_brought_again_while_it_is_swept_is_kept(service: Service) -> None:
    upload = Upload(b"x", "text/csv")
    uploads.keep(service.storage, upload)
    path = Path(service.storage.url(DATASETS, f"uploads/{upload.sha256}"))
    os.utime(path, (0, 0))

    def brought_again() -> list[dict[str, Any]]:
        uploads.keep(service.storage, upload)
        return []

    service.storage.remove(DATASETS, uploads.unneeded(service.storage, brought_again, 3600))
    assert path.read_bytes() == b"x"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["href", "type", "value", "mediaType", "encoding", "features", "x"]),
            inner,
        )
    ),
    max_leaves=8,
)
_NAMES = [
    "labels",
    "table",
    "reference",
    "strata",
    "product",
    "name",
    "as_of",
    "legend",
    "aoi",
    "year",
]


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    process=st.sampled_from([*FILE_INPUTS, "feature-extraction"]),
    inputs=st.dictionaries(st.sampled_from(_NAMES), JSON | st.just(LABELS)) | JSON,
)
def test_whatever_comes_is_no_error_of_the_server(
    process: str, inputs: Any, service: Service
) -> None:
    body = json.dumps({"inputs": inputs})
    answer = service.client.post(f"/processes/{process}/execution", content=body)
    assert answer.status_code in {201, 400}, answer.text


def test_json_that_is_nested_too_deeply_is_refused(service: Service) -> None:
    for depth in (300, 900, 5000, 100_000):
        deep = '{"inputs": {"labels": {"value": ' + '{"a":' * depth + "1" + "}" * depth + "}}}"
        answer = service.client.post("/processes/sample-extraction/execution", content=deep)
        assert answer.status_code == 400, (depth, answer.text)
