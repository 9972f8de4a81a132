"""What OGC API - Processes 1.0 asks of HTML pages, and of the OpenAPI document of this very service."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service.standard.conftest import Running

PAGE = {"Accept": "text/html"}


class _Links(HTMLParser):
    """The addresses of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {_local(value or "") for name, value in attrs if (tag, name) == ("a", "href")}


def _local(address: str) -> str:
    """An address as it is written where no host is needed."""
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}"


def _paths(job: str) -> list[str]:
    found = ["/", "/conformance", "/openapi", "/processes", "/processes/echo", "/jobs"]
    return [*found, f"/jobs/{job}", f"/jobs/{job}/results"]


def test_every_answer_is_a_page_where_one_is_asked_for(service: Running, map_job: str) -> None:
    for path in _paths(map_job):
        for answer in (
            service.get(path, headers=PAGE),
            service.get(path, params={"f": "html"}),
        ):
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith("text/html"), path
            assert answer.text.lstrip().lower().startswith("<!doctype html>")
    at_once = service.execute("echo", {"inputs": {"message": "x"}}, **PAGE)
    assert at_once.headers["content-type"].startswith("text/html")
    job_id = service.submit("echo", {"message": "x"})
    answer = service.client.delete(f"/jobs/{job_id}", headers=PAGE)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_page_holds_every_link_of_its_json(service: Running, map_job: str) -> None:
    for path in ("/", "/processes", "/processes/echo", "/jobs?limit=2", f"/jobs/{map_job}"):
        links = service.get(path).json()["links"]
        page = _Links()
        page.feed(service.get(path, headers=PAGE).text)
        # a page's own address in each form of it needs no link
        own = {"self", "alternate", "monitor"}
        wanted = {_local(one["href"]) for one in links if one["rel"] not in own}
        assert wanted <= page.found, path


@pytest.fixture(scope="module")
def document(service: Running) -> Any:
    answer = service.get("/openapi")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    return answer.json()


def test_every_path_of_the_definition_is_there(service: Running, document: Any) -> None:
    for path, operations in document["paths"].items():
        address = re.sub(r"\{[^}]*\}", "x", path)
        for method in {"get", "post", "delete"} & set(operations):
            answer = service.client.request(method, address)
            assert answer.status_code < 500, (method, path)
            assert answer.status_code != 405, (method, path)
            assert "There is nothing at" not in answer.text, (method, path)


def test_no_operation_is_access_controlled_or_says_so(document: Any) -> None:
    assert "security" not in document
    for operations in document["paths"].values():
        for operation in operations.values():
            assert not {"401", "403"} & set(operation.get("responses", {}))
