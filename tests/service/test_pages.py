"""Pages: they hold all that the JSON says, are whole HTML, and nothing that a client sent is more than text."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.service.pages.collections import collection_page, list_page
from geocrop_processes.service.pages.engine import STATIC
from geocrop_processes.service.pages.site import Site
from geocrop_processes.service.processes import DESCRIPTIONS
from geocrop_processes.storage import RESULTS
from tests.service.asking import URL, Api

PAGE = {"Accept": "text/html"}
EMPTY = {"br", "col", "hr", "img", "input", "link", "meta", "rect"}
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "javascript:alert(5)",
    "{{ 7 * 7 }}{% raw %}",
    "\u2028alert(6)\u2029<!--<svg onload=alert(7)>",
)


class Page(HTMLParser):
    """What a page says, and whether it is what we write."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name in names]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in EMPTY:
            self.open.append(tag)
        assert not [name for name in attributes if name.startswith("on") or name == "style"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            json.loads(data)
        elif self.open and self.open[-1] != "style":
            self.said.append(data)


def checked(api: Api, path: str, status: int = 200) -> Page:
    """A page that holds to what every page holds to."""
    answer = api.get(path, headers=PAGE)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Accept" in answer.headers["vary"].split(", ")
    assert answer.text.startswith("<!doctype html>")
    page = Page(answer.text)
    (root,) = page.all("html")
    assert root["lang"] == "en"
    for script in page.all("script"):
        own = script.get("src", "").startswith("/api/static/")
        assert own != (script.get("type") == "application/json")
    for name in ("href", "src", "action", "formaction", "content"):
        for _, attributes in page.elements:
            assert not attributes.get(name, "").lower().lstrip().startswith(("javascript", "data"))
    sources = [
        one.get("src") or one["href"]
        for one in page.all("script", "link", "img")
        if {"src", "href"} & {*one}
    ]
    assert all(source.startswith("/api/") for source in sources)
    _check_headings(page)
    _check_labels(page)
    return page


def _check_headings(page: Page) -> None:
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def _check_labels(page: Page) -> None:
    """Every field has a label, every identifier is there once, every description is there."""
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label.get("for") for label in page.all("label")}
    for field in page.all("input", "select", "textarea"):
        within = field.get("type") == "checkbox" and field.get("name") == "outputs"
        assert field.get("type") == "hidden" or within or field["id"] in labelled, field
    described = {one for _, a in page.elements for one in a.get("aria-describedby", "").split()}
    assert described | (labelled - {None}) <= {*ids}


def scalars(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in scalars(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in scalars(inner)]
    return [json.dumps(value) if value is None or isinstance(value, bool) else str(value)]


def hrefs(value: Any) -> set[str]:
    if isinstance(value, list):
        return {href for inner in value for href in hrefs(inner)}
    if not isinstance(value, dict):
        return set()
    own = {value["href"]} if isinstance(value.get("href"), str) else set()
    return own.union(*(hrefs(inner) for inner in value.values()))


@pytest.fixture
def done(api: Api) -> str:
    """A map's job that is done, among others."""
    api.store.add("waiting", "echo", {"message": "x"}, {})
    api.store.dismiss("waiting")
    job_id = api.submit()
    api.finish(job_id)
    return job_id


def test_a_page_says_all_that_the_json_says_and_has_its_links(api: Api, done: str) -> None:
    """OGC 18-062r2, requirement /req/html/content."""
    paths = ["/", "/conformance", "/processes", "/jobs?limit=1", "/jobs/waiting", f"/jobs/{done}"]
    paths += [
        "/collections",
        "/collections/crop-maps",
        f"/jobs/{done}/results",
        *(f"/processes/{name}" for name in DESCRIPTIONS),
    ]
    for path in paths:
        page = checked(api, path)
        document = api.get(path).json()
        document = {k: v for k, v in document.items() if k != "links"} | {
            "links": [one for one in document.get("links", []) if one["rel"] != "self"]
        }
        links = {one["href"] for one in page.all("a")}
        for href in hrefs(document):
            assert {href, href.replace(URL, "/api") or "/", href.replace(URL, "/api", 1)} & links, (
                path,
                href,
            )
        written = page.text
        for text in scalars({k: v for k, v in document.items() if k != "links"}):
            if text not in {"href", "type", "title"} and text not in hrefs(document):
                assert " ".join(text.split()) in written, (path, text)


def test_each_page_leads_to_its_json(api: Api, done: str) -> None:
    for path in ("/", "/jobs?limit=1", f"/jobs/{done}"):
        (alternate,) = (a for a in checked(api, path).all("link") if a["rel"] == "alternate")
        assert alternate["type"] == "application/json"
        answer = api.get(alternate["href"].removeprefix("/api"), headers=PAGE)
        assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts(text: str, api: Api) -> None:
    name = text.replace("/", "|")
    inputs = {"message": text, text: {"href": text, "title": text, "type": text}}
    api.store.add(name, text, inputs, {"outputs": {text: {}}})
    api.store.note(name, text)
    api.store.add("failed", "echo", inputs, {})
    step = api.claim("run")
    while step.job_id != "failed":
        step = api.claim("run")
    api.store.failed(step, {"title": text, "detail": text, "status": 400}, retry=False)
    plain = " ".join(text.split())
    assert plain in checked(api, "/jobs").text
    assert plain in checked(api, f"/jobs/{quote(name)}").text
    assert plain in checked(api, "/jobs/failed").text
    assert plain in checked(api, "/jobs/failed/results", 400).text
    checked(api, f"/jobs?status={quote(text)}", 400)
    checked(api, f"/jobs?processID={quote(text)}&datetime=&limit=20")
    checked(api, f"/jobs/{quote(name)}no", 404)
    checked(api, f"/{quote(text)}", 404)


def test_the_secrets_of_addresses_are_not_shown(api: Api) -> None:
    address = "https://app.example.org/done?token=secret-1#secret-2"
    inputs = {"labels": {"href": "https://data.example.org/a.csv?token=secret-3"}}
    api.store.add("secret", "sample-extraction", inputs, {"subscriber": {"successUri": address}})
    text = api.get("/jobs/secret", headers=PAGE).text
    assert "https://app.example.org/done" in text
    assert "secret-" not in text


def test_hostile_results_are_texts(api: Api) -> None:
    for text in HOSTILE:
        answer = api.execute("echo", {"inputs": {"message": text, "items": [text]}}, **PAGE)
        assert answer.status_code == 200
        assert " ".join(text.split()) in Page(answer.text).text


def test_hostile_figures_are_texts(api: Api) -> None:
    for number, text in enumerate(HOSTILE):
        api.store.add(f"job-{number}", "crop-classification", {}, {})
        one = {
            "name": text,
            "colour": text,
            "hectares": text,
            "share": 0.1,
            "mean_probability": text,
        }
        summary = {"notice": text, "classes": [one], "mapped_hectares": text}
        outputs = {
            key: {"file": text, "media_type": kind, "sha256": "", "size": 0}
            for key, kind in (
                ("class-map", "image/tiff; application=geotiff; profile=cloud-optimized"),
                ("summary", "application/json"),
                ("quicklook", "image/png"),
            )
        }
        api.store.planned(api.claim("plan"), b"{}", ["0-0"], None)
        api.store.block_done(api.claim("block"))
        result = {"job_id": f"job-{number}", "outputs": outputs, "summary": summary}
        assert api.store.finished(api.claim("finish"), result, None)
        page = checked(api, f"/jobs/job-{number}")
        assert " ".join(text.split()) in page.text
        assert {"fill": "none", "width": "16", "height": "16"} in page.all("rect")


def test_hostile_maps_are_texts(api: Api) -> None:
    for text in HOSTILE:
        extent = {
            "spatial": {"bbox": [[30, -18, 31, -17]]},
            "temporal": {"interval": [[text, None]]},
        }
        document = {
            **dict.fromkeys(("id", "title", "description", "storageCrs"), text),
            "extent": extent,
            "links": [{"rel": text, "href": text, "type": text, "title": text}],
        }
        legend = [{"value": text, "name": text, "colour": text}]
        plain = " ".join(text.split())
        asked = Request(
            {"type": "http", "app": api.app, "path": f"/{text}", "query_string": text.encode()}
        )
        for answer in (
            collection_page(asked, document, legend, text),
            list_page(
                asked,
                {"collections": [document], "links": [], "numberMatched": 1, "numberReturned": 1},
            ),
        ):
            page = Page(bytes(answer.body).decode())
            assert plain in page.text
            _check_headings(page)
            _check_labels(page)
            assert not [a for a in page.all("a") if a["href"].startswith(("java", "<", '"', "'"))]


def test_problems_are_pages_where_pages_are_asked_for(api: Api) -> None:
    assert "There is no job 'tea'." in checked(api, "/jobs/tea", 404).text
    assert "'limit' is 'x'" in checked(api, "/jobs?limit=x", 400).text
    refused = api.execute("echo", {"inputs": {}}, **PAGE)
    assert (refused.status_code, refused.headers["content-type"]) == (
        400,
        "text/html; charset=utf-8",
    )
    # a form that is not offered
    assert (
        api.get("/jobs?f=xml", headers=PAGE).headers["content-type"] == "application/problem+json"
    )


def test_no_path_becomes_an_address_of_another_host(api: Api) -> None:
    answer = api.get("http://host//evil.example.org/x", headers=PAGE)
    assert answer.status_code == 404
    (alternate,) = (a for a in Page(answer.text).all("link") if a["rel"] == "alternate")
    assert alternate["href"] == "/api/evil.example.org/x?f=json"


def test_a_dismissal_is_a_page_as_well(api: Api, done: str) -> None:
    dismissed = api("DELETE", f"/jobs/{done}", headers=PAGE)
    assert dismissed.status_code == 200
    assert "dismissed" in Page(dismissed.text).text


def test_pages_that_are_files_run_no_script(api: Api) -> None:
    api.store.add("trained", "model-training", {}, {})
    file = {"file": "card.html", "media_type": "text/html", "sha256": "", "size": 1}
    api.storage.put(RESULTS, "results/trained/card.html", b"<", "text/html")
    result = {"job_id": "trained", "outputs": {"card-page": file}}
    assert api.store.finished(api.claim("run"), result, None)
    for path in ("/assets/trained/card.html", "/jobs/trained/results/card-page"):
        policy = api.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("; sandbox")


@given(st.text())
def test_an_address_is_of_the_web_or_a_path_here(href: str) -> None:
    site = Site(URL)
    address = site.address(href)
    assert address == "" or address.startswith(("http://", "https://", "/"))
    assert not address.startswith("//")
    assert not set(address) & {"\\", "\n", "\t", " "}


@pytest.mark.parametrize(
    ("href", "address"),
    [
        (URL, "/api"),
        (f"{URL}/jobs?limit=1", "/api/jobs?limit=1"),
        (f"{URL}.evil.example.org/", f"{URL}.evil.example.org/"),
        ("https://example.org/x", "https://example.org/x"),
        *(
            (bad, "")
            for bad in (
                "javascript:alert(1)",
                "//evil.example.org",
                "/\\evil",
                "data:text/html,x",
                "\tjavascript:x",
                7,
                None,
            )
        ),
    ],
)
def test_addresses_of_this_service_become_paths(href: object, address: str) -> None:
    assert Site(URL).address(href) == address


def test_the_detail_of_a_refused_input_names_it_as_forms_read_it(api: Api) -> None:
    script = (STATIC / "form.js").read_text()
    (pattern,) = re.findall(r"= /(.*)/i\.exec\(detail\)", script)
    for name, description in DESCRIPTIONS.items():
        for key in description["inputs"]:
            for bad in ({"href": 7}, {"value": [{"a": None}]}):
                detail = api.execute(name, {"inputs": {**_example(name), key: bad}}).json()[
                    "detail"
                ]
                match = re.search(pattern, detail, re.IGNORECASE)
                assert match, (name, key, detail)
                assert match[1] == key, (name, key, detail)


def _example(process: str) -> dict[str, Any]:
    inputs: dict[str, Any] = DESCRIPTIONS[process]["example"]["inputs"]
    table = {"value": "AAAA", "encoding": "base64"}
    return {k: table if isinstance(v, dict) and "href" in v else v for k, v in inputs.items()}


def test_text_has_a_contrast_of_at_least_4_5_in_both_schemes() -> None:
    """WCAG 2.2, success criterion 1.4.3; relative luminance as it defines it."""
    style = (STATIC / "geocrop.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    for scheme in (light, dark):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", scheme))
        for ink in ("text", "muted", "accent", "wrong"):
            for ground in ("ground", "card"):
                assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert _contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert _contrast(colours["text"], colours["notice"]) >= 4.5
        assert _contrast(colours["edge"], colours["field"]) >= 3


def _contrast(one: str, other: str) -> float:
    lights = sorted(_luminance(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_no_file_of_ours_names_another_host() -> None:
    files = [*STATIC.iterdir(), *(STATIC.parent / "templates").iterdir()]
    assert len(files) > 10
    for file in files:
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9.-]+\.[a-z]{2,})", file.read_text()))
        assert hosts <= {"www.w3.org"}, file
