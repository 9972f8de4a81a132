"""Every input that is no file can be given by reference: read over https when the request comes, then as if inline."""

import base64
import json
import ssl
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from geocrop_processes.service import manager, referenced
from geocrop_processes.service.app import create_app
from geocrop_processes.service.fetch import fetch
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.processes import DESCRIPTIONS, FILE_INPUTS
from geocrop_processes.settings import ServiceSettings, Settings, UploadSettings
from tests.backends import Backend
from tests.service.asking import ASYNC, GOOD, URL, Api, Models
from tests.tls import HOST, serving

JSON = "application/json"
TEXT = "text/plain"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class Handler(BaseHTTPRequestHandler):
    """Answers with what its query asks for: `status`, `type`, `to`, `body`, `size`, `deep`."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        content = query.get("body", [""])[0].encode("latin-1")
        if "size" in query:
            content = b'"' + b"x" * int(query["size"][0]) + b'"'
        if "deep" in query:
            content = b"[" * int(query["deep"][0])
        self.send_response(int(query.get("status", ["200"])[0]))
        for name, key in (("Content-Type", "type"), ("Location", "to")):
            if key in query:
                self.send_header(name, query[key][0])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class Site:
    """The service, and a server elsewhere that it may ask."""

    def __init__(self, api: Api, port: int, asked: list[str]) -> None:
        self.api = api
        self.port = port
        self.asked = asked

    def href(self, **query: Any) -> str:
        return str(httpx.URL(f"https://{HOST}:{self.port}/secret", params=query))

    def json(self, value: Any) -> dict[str, Any]:
        """A reference to a value."""
        return {"href": self.href(type=JSON, body=json.dumps(value))}

    def echo(self, **inputs: Any) -> httpx.Response:
        return self.api.execute("echo", {"inputs": {"message": "x"} | inputs})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext]]:
    Handler.asked = []
    with serving(Handler, tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def site(
    server: tuple[int, ssl.SSLContext], backend: Backend, store: JobStore, monkeypatch: Any
) -> Site:
    """Its host is on the list; names are looked up as loopback, but for this host only."""
    port, tls = server
    settings = backend.settings(
        ServiceSettings(url=URL),
        uploads=UploadSettings(hosts=f"{HOST}:{port},localhost:{port}"),
    )
    asking = partial(fetch, resolve=lambda *_: ["127.0.0.1"], tls=tls)
    monkeypatch.setattr(manager, "fetch", asking)
    monkeypatch.setattr(manager, "publish", lambda _settings: None)
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    Handler.asked = []
    opened = Api(create_app(settings, store=store), store, settings.open_storage())
    return Site(opened, port, Handler.asked)


def test_every_input_of_an_echo_is_taken_by_reference(site: Site) -> None:
    values: dict[str, Any] = {
        "message": "ndeipi ü",
        "items": ["a", "b"],
        "bbox": {"bbox": [25, -22, 33, -15], "crs": CRS84},
        "measurement": 7.5,
        "pause": 0,
    }
    answer = site.echo(**{name: site.json(value) for name, value in values.items()})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    del values["pause"]
    assert {name: told[name] for name in values} == values
    assert len(site.asked) == 5


def test_a_map_asked_for_by_reference_is_the_job_of_the_same_values(site: Site) -> None:
    inputs = GOOD["inputs"]
    given = {name: site.json(value) for name, value in inputs.items()} | {"mask": site.json("none")}
    answer = site.api.execute("crop-classification", {"inputs": given}, **ASYNC)
    assert answer.status_code == 201, answer.text
    job = site.api.store.get(answer.json()["jobID"])
    inline = site.api.store.get(site.api.submit())
    assert job.inputs == inline.inputs


def test_a_request_is_validated_as_it_is_executed(site: Site) -> None:
    path = "/processes/echo/validation"
    told = site.api("POST", path, json={"inputs": {"message": site.json("x")}}).json()
    assert (told["accepted"], told["inputs"]["message"]) == (True, "x")
    told = site.api("POST", path, json={"inputs": {"message": site.json(3)}}).json()
    assert told["accepted"] is False
    assert told["problem"]["status"] == 400
    assert "'message' is 3" in told["problem"]["detail"]


@pytest.mark.parametrize(
    ("query", "told", "value"),
    [
        ({"type": "text/plain; charset=utf-8", "body": "7"}, None, "7"),
        ({"type": JSON, "body": '"7"'}, None, "7"),
        ({"type": "application/octet-stream", "body": '"7"'}, None, "7"),
        ({"body": '"7"'}, None, "7"),
        ({"type": TEXT, "body": '"7"'}, JSON, "7"),
        ({"body": "7"}, "Text/Plain;charset=utf-8", "7"),
    ],
)
def test_a_text_is_what_it_is_told_to_be_or_else_what_its_server_says(
    query: dict[str, str], told: str | None, value: str, site: Site
) -> None:
    message = {"href": site.href(**query), **({"type": told} if told else {})}
    answer = site.echo(message=message)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == value


def test_what_is_no_text_is_json_though_its_server_says_text(site: Site) -> None:
    """Servers of plain files say so of JSON too."""
    items = {"href": site.href(type=TEXT, body='["a"]')}
    assert site.echo(items=items).json()["items"] == ["a"]
    items = {"href": site.href(type="application/geo+json", body='["a"]')}
    assert site.echo(items=items).json()["items"] == ["a"]


def test_bytes_by_reference_are_those_that_base64_would_stand_for(site: Site) -> None:
    answer = site.echo(document={"href": site.href(type=TEXT, body="text"), "type": TEXT})
    assert base64.b64decode(answer.json()["document"]) == b"text"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"type": JSON, "body": "{"}, "no application/json"),
        ({"type": JSON, "body": ""}, "no application/json"),
        ({"type": JSON, "body": "NaN"}, "NaN"),
        ({"type": JSON, "body": "1e999"}, "too large a number"),
        ({"type": JSON, "body": '"\\u0000"'}, "NUL"),
        ({"type": JSON, "body": '"\\ud800"'}, "surrogate"),
        ({"type": JSON, "deep": 60_000}, "nested too deeply"),
        ({"type": TEXT, "body": "\xff"}, "no text/plain"),
        ({"type": TEXT, "body": "a\0"}, "NUL"),
        ({"type": "text/html", "body": '"x"'}, "'text/html', allowed are text/plain, application/"),
        ({"status": 404}, "404"),
        ({"status": 403, "body": '"x"'}, "403"),
        ({"size": 65_535}, "at most 65536 bytes"),
        ({"status": 302, "to": "https://other.example.org/?hidden"}, "not allowed"),
        ({"status": 302, "to": "file:///etc/passwd"}, "not allowed"),
        ({"status": 302, "to": "https://127.0.0.1/latest"}, "not allowed"),
    ],
)
def test_what_is_no_value_is_refused_with_its_input_and_address(
    query: dict[str, Any], said: str, site: Site
) -> None:
    for headers in ({}, ASYNC):
        body = {"inputs": {"message": {"href": site.href(**query)}}}
        answer = site.api.execute("echo", body, **headers)
        assert answer.status_code == 400, answer.text
        detail = answer.json()["detail"]
        assert "'message'" in detail
        assert f"https://{HOST}:{site.port}/secret'" in detail
        assert said in detail
        assert "hidden" not in detail
    assert site.api.store.list() == ([], 0)


def test_as_many_bytes_as_are_allowed_are_taken(site: Site) -> None:
    assert site.echo(message={"href": site.href(size=65_534)}).json()["length"] == 65_534


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_does_not_answer_is_a_bad_gateway(status: int, site: Site) -> None:
    answer = site.echo(message={"href": site.href(status=status)})
    assert answer.status_code == 502
    assert answer.json()["title"] == "Bad gateway"
    assert f"/secret') and cannot be read: 'https://{HOST}" in answer.json()["detail"]
    told = site.api(
        "POST",
        "/processes/echo/validation",
        json={"inputs": {"message": {"href": site.href(status=status)}}},
    ).json()
    assert told["problem"] == answer.json()


NO_FILES = [
    (process, name)
    for process, described in DESCRIPTIONS.items()
    for name in described["inputs"]
    if name not in FILE_INPUTS.get(process, {})
]


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd",
        "http://data.example.org/x?hidden",
        "https://127.0.0.1/x?hidden",
        "https://other.example.org/x?hidden",
        "https://user:hidden@data.example.org/x",
        "data:,7",
        "x.json",
        "",
        f"{URL}/jobs/none/results/summary",
        f"{URL}/processes?hidden",
    ],
)
def test_no_input_is_read_from_where_it_may_not_be(href: str, site: Site) -> None:
    for process, name in NO_FILES:
        known = {k: v for k, v in DESCRIPTIONS[process]["example"]["inputs"].items() if k == "aoi"}
        answer = site.api.execute(process, {"inputs": known | {name: {"href": href}}}, **ASYNC)
        assert answer.status_code == 400, answer.text
        assert "hidden" not in answer.json()["detail"]
    assert site.asked == []


def test_a_listed_host_of_a_private_address_is_not_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "fetch", fetch)
    answer = site.echo(message={"href": f"https://localhost:{site.port}/x"})
    assert answer.status_code == 400
    assert "not public" in answer.json()["detail"]
    assert site.asked == []


@pytest.mark.parametrize("message", [{"href": 3}, {"href": None}, {"href": "x", "type": ["a"]}])
def test_a_reference_that_is_none_is_refused(message: Any, site: Site) -> None:
    answer = site.echo(message=message)
    assert answer.status_code == 400
    assert "`href` and `type` must be texts" in answer.json()["detail"]


def test_a_type_that_the_input_cannot_have_is_refused_and_nothing_asked(site: Site) -> None:
    answer = site.echo(items={"href": site.href(body="[]"), "type": "image/png"})
    assert answer.status_code == 400
    assert "'image/png', allowed are application/json" in answer.json()["detail"]
    assert site.asked == []


def test_an_output_of_an_earlier_job_is_an_input(site: Site) -> None:
    job_id = site.api.submit()
    files = site.api.finish(job_id)
    store = site.api.store
    step = store.get(
        site.api.execute("echo", {"inputs": {"message": "x"}}, **ASYNC).json()["jobID"]
    )
    claimed = store.claim(["run"])
    assert claimed is not None
    store.finished(claimed, {"outputs": {"message": "first", "length": 5}}, None)
    own = f"{URL}/jobs/{step.id}/results"
    answer = site.echo(message={"href": f"{own}/message"}, measurement={"href": f"{own}/length"})
    assert (answer.json()["message"], answer.json()["measurement"]) == ("first", 5)
    # a file of JSON that is no text
    answer = site.echo(message={"href": f"{URL}/jobs/{job_id}/results/item", "type": JSON})
    assert json.loads(files["item"]) == {"type": "Feature"}
    assert '\'message\' is {"type": "Feature"}' in answer.json()["detail"]
    # and one that is neither
    answer = site.echo(message={"href": f"{URL}/jobs/{job_id}/results/class-map"})
    assert "'image/tiff" in answer.json()["detail"]
    assert site.asked == []


def test_no_more_than_a_few_values_are_fetched_at_once(site: Site) -> None:
    for _ in range(8):
        assert referenced._turns.acquire(blocking=False)
    try:
        answer = site.echo(message=site.json("x"))
    finally:
        referenced._turns.release(8)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert site.asked == []
    assert site.echo(message=site.json("x")).status_code == 200


@pytest.mark.parametrize(
    ("bbox", "said"),
    [
        ({"bbox": [1, 2, 3]}, "minItems"),
        ({"bbox": [1, 2, 3, 4, 5]}, "minItems"),
        ({"bbox": [1, 2, 3, "4"]}, "number"),
        ({"bbox": [1, 2, 3, 4], "crs": "EPSG:32736"}, CRS84),
        ({"crs": CRS84}, "bbox"),
    ],
)
def test_a_box_that_is_none_is_refused_inline_and_by_reference(
    bbox: Any, said: str, site: Site
) -> None:
    for given in (bbox, {"value": bbox}, site.json(bbox)):
        answer = site.echo(bbox=given)
        assert answer.status_code == 400
        assert "'bbox'" in answer.json()["detail"]
        assert said in answer.json()["detail"]


def test_a_box_with_heights_is_one(site: Site) -> None:
    bbox = {"bbox": [1, 2, 0, 3, 4, 9], "crs": "http://www.opengis.net/def/crs/OGC/0/CRS84h"}
    assert site.echo(bbox=bbox).json()["bbox"] == bbox
    # what a value holds beside is nobody's address
    odd = bbox | {"href": 5}
    body = {"inputs": {"message": "x", "bbox": {"value": odd}}}
    told = site.api("POST", "/processes/echo/validation", json=body).json()
    assert told["inputs"]["bbox"] == odd


@pytest.mark.parametrize(
    ("qualified", "said"),
    [
        ({"mediaType": "image/png"}, "image/png"),
        ({"mediaType": ["a"]}, "mediaType"),
        ({"encoding": "base64"}, "encoding"),
        ({"schema": 3}, "schema"),
    ],
)
def test_every_input_as_a_qualified_value_must_be_what_it_says_of_itself(
    qualified: dict[str, Any], said: str, site: Site
) -> None:
    values = {"message": "x", "pause": 0, "items": ["a"], "measurement": 1}
    for name, value in values.items():
        answer = site.echo(**{name: {"value": value} | qualified})
        assert answer.status_code == 400
        assert f"'{name}'" in answer.json()["detail"]
        assert said in answer.json()["detail"]
    wrapped: dict[str, Any] = {
        name: {"value": v, "mediaType": "Application/JSON; charset=utf-8", "schema": {}}
        for name, v in values.items()
    }
    assert site.echo(**wrapped).json()["items"] == ["a"]
