"""The OpenAPI 3.0.3 document of all routes: FastAPI's own, in the words of that version, with each process's inputs.

FastAPI writes OpenAPI 3.1, and OGC's conformance class `oas30` wants 3.0. The one library that turns the first
into the second, openapi-downgrade, changes texts that say "true" and names that are keywords: `schema30` does it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import geocrop_processes
from geocrop_processes.service.described import HEADERS, HTML, PARAMETERS, Responses, problems
from geocrop_processes.service.openapi.executions import EXECUTION, executions
from geocrop_processes.service.openapi.schema30 import schema30
from geocrop_processes.service.openapi.schemas import SCHEMAS
from geocrop_processes.service.problems import MEDIA_TYPE as PROBLEM
from geocrop_processes.service.processes import Description
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

VERSION = "3.0.3"
"""The version of OpenAPI."""
ABOUT = (
    "Crop-type maps from Sentinel-2 as OGC API - Processes: a place and a season in, a published map out. "
    "Maps are found by STAC, read as coverages and files, and shown as tiles."
)
"""What the service is."""

_LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
_ANYWHERE = (400, 500, 503)
"""What any route can answer: an unusable address or parameter, and that parts of ours do not do what they should."""
MAX_OFFSET = 2**31 - 1
"""The most members before a page, where the list names no other bound."""
_METHODS = ("get", "post", "put", "patch", "delete")


def document(app: FastAPI, settings: Settings, processes: Mapping[str, Description]) -> Json:
    """The document of an application whose routes are all there.

    Args:
        app: the application.
        settings: the deployment, for its address.
        processes: the descriptions by id.
    """
    made = get_openapi(
        title=app.title,
        version=geocrop_processes.__version__,
        openapi_version=VERSION,
        description=ABOUT,
        routes=app.routes,
        servers=[{"url": public_url(settings)}],
        license_info=_LICENSE,
    )
    paths = {_camel(path): _operations(path, said) for path, said in made["paths"].items()}
    template = paths.get(EXECUTION)
    if template is not None:
        paths |= executions(template["post"], processes)
    components = made.get("components", {})
    schemas = {
        name: _as_read(schema30(said)) for name, said in components.get("schemas", {}).items()
    }
    whole = made | {
        "paths": {path: _in_30(said) for path, said in paths.items()},
        "components": {
            "schemas": schemas | {name: schema30(said) for name, said in SCHEMAS.items()},
            "parameters": _in_30(PARAMETERS),
            "headers": _in_30(HEADERS),
        },
    }
    return _pruned(json.loads(json.dumps(whole)))


def part(whole: Json, prefix: str) -> Json:
    """The document of those paths alone that begin with a prefix."""
    paths = {path: said for path, said in whole["paths"].items() if path.startswith(prefix)}
    return _pruned(whole | {"paths": paths})


def as_yaml(whole: Json) -> str:
    """The document as YAML, the same text each time."""
    text: str = yaml.dump(whole, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return text


class _Plain(yaml.SafeDumper):  # type: ignore[misc] # PyYAML ships no types
    """Writes every value where it is used, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whether a value is written again instead of being pointed to."""
        del data
        return True


def _operations(path: str, said: Json) -> Json:
    """The operations of a path; what it names may not be there."""
    common = problems(*_ANYWHERE, *([404] if "{" in path else []))
    return {
        method: _operation(method, one, common) if method in _METHODS else one
        for method, one in said.items()
    }


def _operation(method: str, said: Json, common: Responses) -> Json:
    """An operation with what is so for all of them, and with names as OGC and STAC write them."""
    own = {status: one for status, one in said["responses"].items() if not _is_fastapis(one)}
    if "requestBody" in said:
        common = common | problems(413)
    responses = {str(status): one for status, one in common.items()} | own
    responses = {status: _also_a_page(one) for status, one in responses.items()}
    said = said | {
        "responses": dict(sorted(responses.items())),
        "parameters": [_named(one) for one in said.get("parameters", [])],
    }
    if "_" in said["operationId"]:
        # FastAPI's own choice, which says the path twice
        words = f"{method} {' '.join(said.get('tags', []))} {said['summary']}"
        said["operationId"] = _camel(re.sub(r"\W+", "_", words.lower()).strip("_"))
    if said.get("description") == "Endpoint.":
        # stac-fastapi's word for having none
        del said["description"]
    return said


def _is_fastapis(response: Json) -> bool:
    """Whether it is FastAPI's answer to unusable parameters, which is a problem document here."""
    return "HTTPValidationError" in str(response.get("content"))


def _also_a_page(response: Json) -> Json:
    """A problem document is a page for whoever asks for pages."""
    content = response.get("content", {})
    if PROBLEM not in content:
        return response
    return response | {"content": content | {HTML: {"schema": {"type": "string"}}}}


def _as_read(schema: Any) -> Any:
    """A model's schema as the model reads it: what is a set there may hold a value twice in a request."""
    if isinstance(schema, list):
        return [_as_read(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _as_read(one) for key, one in schema.items() if key != "uniqueItems"}


def _bounded(schema: Json) -> Json:
    return {key: schema[key] for key in ("minimum", "maximum", "default") if schema.get(key)}


def _named(parameter: Json) -> Json:
    if parameter.get("in") == "query" and parameter["name"] == "offset":
        # stac-fastapi's model of the parameter names no bounds
        bounds = {"minimum": 0, "maximum": MAX_OFFSET}
        return parameter | {"schema": {"type": "integer", **bounds} | _bounded(parameter["schema"])}
    if parameter.get("in") != "path":
        return parameter
    return parameter | {"name": _camel(parameter["name"])}


def _camel(text: str) -> str:
    """A name, or a path with names, in camel case: `{job_id}` is `{jobId}`."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), text)


def _in_30(node: Any) -> Any:
    """A part of the document with all its schemas in the words of OpenAPI 3.0."""
    if isinstance(node, list):
        return [_in_30(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _schema_of(node, value)
        if key == "schema"
        else value
        if key in {"example", "examples"}
        else _in_30(value)
        for key, value in node.items()
    }


def _schema_of(holder: Json, schema: Any) -> Json:
    """The schema of a parameter, header or body; no parameter in an address can be null."""
    said = schema30(schema)
    if "in" in holder:
        said.pop("nullable", None)
        for key in ("anyOf", "oneOf"):
            if key in said:
                said[key] = [one for one in said[key] if one.get("enum") != [None]]
    return said


def _pruned(whole: Json) -> Json:
    """Without components that nothing names."""
    kept: dict[str, Json] = {}
    found = list(_references(whole["paths"]))
    while found:
        kind, name = found.pop()
        if name not in kept.setdefault(kind, {}):
            kept[kind][name] = whole["components"][kind][name]
            found += _references(kept[kind][name])
    ordered = {kind: dict(sorted(kept[kind].items())) for kind in sorted(kept)}
    return whole | {"components": ordered}


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of each component that a part of the document names."""
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            _, _, kind, name = target.split("/")
            yield kind, name
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
