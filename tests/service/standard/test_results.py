"""What OGC API - Processes 1.0 asks of results: document, raw, in parts, by reference; what its draft 2.0 adds."""

import base64
import email
import email.policy
import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from geocrop_processes.service.outcome import Outcome, Output
from geocrop_processes.service.rendering import Renderer
from geocrop_processes.service.stored_files import StoredFile
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage
from tests.service.asking import OGC
from tests.service.conftest import Made
from tests.service.standard.conftest import MAP, Conforms, Running

VALUE, REFERENCE = {"transmissionMode": "value"}, {"transmissionMode": "reference"}
ECHO: dict[str, Any] = {"message": "mangwanani"}


def _map(service: Running, **request: Any) -> tuple[str, Made]:
    """A map's job that was asked for so."""
    job_id = service.submit("crop-classification", MAP, **request)
    return job_id, service.shop.complete(job_id)


def _parts(answer: httpx.Response) -> dict[str, EmailMessage]:
    """The parts of an answer by their ids, as Python's own reader of mail sees them."""
    assert answer.status_code == 200
    kind = answer.headers["content-type"]
    message = email.message_from_bytes(
        f"Content-Type: {kind}\n\n".encode() + answer.content, policy=email.policy.HTTP
    )
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/related"
    assert not message.defects
    parts = list(message.iter_parts())
    assert message.get_param("type") == parts[0].get_content_type()
    assert int(answer.headers["content-length"]) == len(answer.content)
    return {str(part["Content-ID"]).strip("<>"): part for part in parts}  # type: ignore[misc]


def test_all_outputs_are_given_where_none_is_named(service: Running, map_job: str) -> None:
    told = service.get(f"/jobs/{map_job}/results").json()
    assert set(told) == {"class-map", "summary", "style", "item"}
    assert set(service.execute("echo", {"inputs": ECHO}).json()) == {
        *("message", "length", "measurement")
    }


def test_a_document_holds_values_and_references(
    service: Running, map_job: str, conforms: Conforms
) -> None:
    answer = service.get(f"/jobs/{map_job}/results")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    conforms("results", answer.json())
    assert answer.json()["class-map"]["href"] == f"{service.url}/assets/{map_job}/class-map.tif"
    assert answer.json()["summary"]["value"]["classes"]
    at_once = service.execute("echo", {"inputs": ECHO, "response": "document"})
    assert (at_once.status_code, at_once.headers["content-type"]) == (200, "application/json")
    conforms("results", at_once.json())
    # the standard's own test suite takes a link for a job's
    assert not {"link", "location"} & set(at_once.headers)


def test_a_document_holds_files_where_they_are_asked_for_by_value(
    service: Running, conforms: Conforms
) -> None:
    wanted = {"class-map": VALUE, "item": VALUE, "style": REFERENCE, "summary": REFERENCE}
    job_id, made = _map(service, outputs=wanted)
    answer = service.get(f"/jobs/{job_id}/results")
    conforms("results", answer.json())
    told = answer.json()
    assert set(told) == set(wanted)
    assert base64.b64decode(told["class-map"]["value"]) == made.files["class-map.tif"]
    assert told["class-map"]["encoding"] == "base64"
    assert told["item"]["value"] == json.loads(made.files["item.json"])
    for output in ("style", "summary"):
        assert set(told[output]) == {"href", "type"}
        assert service.get(told[output]["href"]).status_code == 200


def test_one_raw_output_is_its_bytes_with_ranges_and_a_checksum(service: Running) -> None:
    job_id, made = _map(service, outputs={"class-map": VALUE}, response="raw")
    path, whole = f"/jobs/{job_id}/results", made.files["class-map.tif"]
    answer = service.get(path)
    assert (answer.status_code, answer.content) == (200, whole)
    described = service.get("/processes/crop-classification").json()["outputs"]["class-map"]
    assert answer.headers["content-type"] == described["schema"]["contentMediaType"]
    assert answer.headers["etag"] == f'"{hashlib.sha256(whole).hexdigest()}"'
    part = service.get(path, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, whole[2:10])
    assert part.headers["content-range"] == f"bytes 2-9/{len(whole)}"
    assert service.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    known = service.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = service.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole)


def test_one_raw_output_of_an_execution_at_once_is_its_value(service: Running) -> None:
    def raw(inputs: Any, **outputs: Any) -> httpx.Response:
        body = {"inputs": ECHO | inputs, "outputs": outputs, "response": "raw"}
        return service.execute("echo", body)

    text = raw({}, message={})
    assert (text.text, text.headers["content-type"]) == ("mangwanani", "text/plain; charset=utf-8")
    as_json = raw({}, message={"format": {"mediaType": "application/json"}})
    assert (as_json.json(), as_json.headers["content-type"]) == ("mangwanani", "application/json")
    number = raw({}, length=VALUE)
    assert (number.json(), number.headers["content-type"]) == (10, "application/json")
    encoded = base64.b64encode("kupisa ñ".encode()).decode()
    document = raw({"document": encoded}, document={})
    assert document.content == "kupisa ñ".encode()
    assert raw({"document": "no base64"}, document={}).text == "no base64"


def test_several_raw_outputs_come_in_parts(service: Running) -> None:
    job_id, made = _map(service, outputs={"class-map": VALUE, "style": VALUE}, response="raw")
    parts = _parts(service.get(f"/jobs/{job_id}/results"))
    assert list(parts) == ["class-map", "style"]
    assert parts["class-map"].get_payload(decode=True) == made.files["class-map.tif"]
    assert parts["style"].get_payload(decode=True) == made.files["class-map.qml"]
    head = service.client.head(f"/jobs/{job_id}/results")
    assert head.headers["content-type"].startswith("multipart/related")
    assert head.content == b""


def test_several_raw_outputs_of_an_execution_at_once_come_in_parts(service: Running) -> None:
    body = {"inputs": ECHO, "outputs": {"message": VALUE, "length": VALUE}, "response": "raw"}
    parts = _parts(service.execute("echo", body))
    assert parts["message"].get_payload(decode=True) == b"mangwanani"
    assert parts["message"].get_content_charset() == "utf-8"
    assert parts["length"].get_payload(decode=True) == b"10"
    assert parts["length"].get_content_type() == "application/json"


def test_raw_references_are_links_without_a_body(service: Running) -> None:
    job_id, made = _map(
        service, outputs={"class-map": REFERENCE, "style": REFERENCE}, response="raw"
    )
    answer = service.get(f"/jobs/{job_id}/results")
    assert (answer.status_code, answer.content) == (204, b"")
    addresses = [part.partition(">")[0].lstrip(" <") for part in answer.headers["link"].split(",")]
    assert [service.get(address).content for address in addresses] == [
        made.files["class-map.tif"],
        made.files["class-map.qml"],
    ]


def test_raw_references_and_values_are_mixed_in_parts(service: Running) -> None:
    job_id, made = _map(service, outputs={"class-map": REFERENCE, "style": VALUE}, response="raw")
    parts = _parts(service.get(f"/jobs/{job_id}/results"))
    assert parts["class-map"].get_payload(decode=True) == b""
    address = parts["class-map"]["Content-Location"]
    assert service.get(address).content == made.files["class-map.tif"]
    assert parts["style"].get_payload(decode=True) == made.files["class-map.qml"]


def test_a_value_can_be_told_by_reference(service: Running) -> None:
    """Such as the reference of a model that was trained."""
    outcome = Outcome({"model": Output("text/plain", "reference", "crops@1")}, "document", "j1")
    renderer = Renderer(service.shop.settings, service.shop.storage)
    assert renderer.document(outcome) == {
        "model": {"href": f"{service.url}/jobs/j1/results/model", "type": "text/plain"}
    }


@pytest.mark.parametrize(
    "outputs",
    [
        {"message": REFERENCE},
        {"message": {"transmissionMode": "pigeon"}},
        {"message": {"format": {"mediaType": "image/png"}}},
        {"length": {"format": {"mediaType": "text/plain"}}},
        {"message": {"format": {"encoding": "base64"}}},
        {"tea": {}},
        {"message": []},
        ["message"],
    ],
)
def test_a_mode_or_format_that_is_not_offered_is_refused(
    outputs: Any, service: Running, conforms: Conforms
) -> None:
    """An execution at once offers values only, and says so in its description."""
    assert service.get("/processes/echo").json()["outputTransmission"] == ["value"]
    for response in ("document", "raw"):
        body = {"inputs": ECHO, "outputs": outputs, "response": response}
        answer = service.execute("echo", body)
        assert answer.status_code == 400
        conforms("exception", answer.json())


def test_one_output_is_given_as_it_is_however_it_was_to_be_told(service: Running) -> None:
    job_id, made = _map(service, outputs={"class-map": REFERENCE, "summary": {}})
    path = f"/jobs/{job_id}/results/class-map"
    assert service.get(path).content == made.files["class-map.tif"]
    assert service.get(path, headers={"Range": "bytes=0-3"}).content == b"II*\0"
    assert int(service.client.head(path).headers["content-length"]) == len(
        made.files["class-map.tif"]
    )
    summary = service.get(f"/jobs/{job_id}/results/summary")
    assert summary.content == made.files["summary.json"]
    for other in ("tea", "style"):
        missing = service.get(f"/jobs/{job_id}/results/{other}")
        assert missing.status_code == 404
        assert missing.json()["type"] == f"{OGC}no-such-output"
        assert "class-map, summary" in missing.json()["detail"]


def test_some_of_the_outputs_are_given(service: Running, map_job: str, conforms: Conforms) -> None:
    path = f"/jobs/{map_job}/results"
    some = service.get(f"{path}?outputs=summary,class-map").json()
    assert set(some) == {"summary", "class-map"}
    assert service.get(f"{path}?outputs=summary&outputs=class-map").json() == some
    assert set(service.get(f"{path}?outputs=").json()) == set(service.get(path).json())
    unknown = service.get(f"{path}?outputs=summary,tea")
    assert unknown.status_code == 400
    conforms("exception", unknown.json())
    assert unknown.json()["type"] == f"{OGC}invalid-query-parameter-value"
    assert "'tea'" in unknown.json()["detail"]


def _sizes(response: Response) -> Iterable[int]:
    """How many bytes each piece of an answer has."""
    assert isinstance(response, StreamingResponse)

    async def pieces() -> list[int]:
        return [len(piece) async for piece in response.body_iterator]

    return anyio.run(pieces)


def test_of_a_document_s_files_head_reads_next_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Settings(data=tmp_path / "data").open_storage()
    storage.put(RESULTS, "results/j/a.tif", bytes(5000), "image/tiff")
    file = StoredFile("a.tif", "results/j/a.tif", "image/tiff", "0" * 64, 5000, datetime.now(UTC))
    outcome = Outcome({"a": Output("image/tiff", "value", file=file)}, "document", "j")
    read: list[int] = []

    def counted(bucket: str, key: str, start: int, stop: int) -> Any:
        read.append(stop - start)
        return Storage.open_range(storage, bucket, key, start, stop)

    monkeypatch.setattr(storage, "open_range", counted)
    request = Request({"type": "http", "method": "HEAD", "headers": []})
    answer = Renderer(Settings(), storage).response(outcome, request)
    assert list(_sizes(answer)) == []
    assert answer.headers["content-type"] == "application/json"
    assert sum(read) == 1


@pytest.mark.parametrize(
    ("response", "outputs"), [("document", ["a"]), ("raw", ["a"]), ("raw", ["a", "b"])]
)
def test_a_large_file_is_never_whole_in_memory(
    response: str, outputs: list[str], tmp_path: Path
) -> None:
    storage = Settings(data=tmp_path / "data").open_storage()
    size = (9 << 20) + 1
    storage.put(RESULTS, "results/j/a.tif", bytes(size), "image/tiff")
    file = StoredFile("a.tif", "results/j/a.tif", "image/tiff", "0" * 64, size, datetime.now(UTC))
    outcome = Outcome(
        {name: Output("image/tiff", "value", file=file) for name in outputs}, response, "j"
    )
    request = Request({"type": "http", "method": "GET", "headers": []})
    sizes = list(_sizes(Renderer(Settings(), storage).response(outcome, request)))
    assert max(sizes) <= 3 << 20
    assert sum(sizes) >= size * len(outputs)


def test_a_file_that_is_gone_is_told_before_the_answer_begins(service: Running) -> None:
    outputs = {"class-map": VALUE, "style": VALUE}
    for response in ("document", "raw"):
        job_id, _ = _map(service, outputs=outputs, response=response)
        service.shop.storage.delete(RESULTS, f"results/{job_id}/class-map.qml")
        answer = service.get(f"/jobs/{job_id}/results")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
