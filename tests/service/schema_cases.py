"""What OpenAPI cannot say of a request that is well-formed: which jobs there are, which places are mapped."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from schemathesis import Case, HookContext

PLACE = [30.2, -17.36, 1500]
POINTS = {
    "value": {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [30.2, -17.36]},
                "properties": {"class": "maize", "season": 2022},
            }
        ],
    },
    "mediaType": "application/geo+json",
}
BOXES = ("29.9,-17.6,30.5,-17.1", "170,-20,-170,20", "-180,-90,180,90")
TIMES = ("2022-11-12T00:00:00Z", "2022-09-01T00:00:00Z/..", "../2023-05-31T00:00:00Z")
KEPT = ("f", "bbox", "datetime")
PARTS: tuple[dict[str, str], ...] = (
    {},
    {"scale-factor": "4"},
    {"subset": "Lat(-17.362:-17.358)"},
    {"crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "width": "16"},
)
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[30, -18], [31, -18], [31, -17], [30, -17], [30, -18]]],
}
JUDGED: dict[str, dict[str, Any]] = {
    "crop-classification": {"aoi": PLACE, "year": 2022, "model": "geocrop-demo", "as_of": None},
    "feature-extraction": {"aoi": PLACE, "year": 2022, "as_of": None},
    "sample-extraction": {"labels": POINTS, "year": 2022, "as_of": ["01-31"], "legend": None},
    "model-training": {"name": "my-crops", "alias": None, "as_of": ["01-31"]},
    "accuracy-assessment": {"product": "job-1", "reference": POINTS, "strata": None},
    "echo": {"pause": 0},
}
"""The inputs that only the domain can judge: good ones; None leaves one out."""


@dataclass
class Known:
    """Puts what there is into the cases that ask for something: three times of four."""

    spare: Callable[[], str]
    """A job that can be dismissed."""
    table: dict[str, Any]
    """A table of samples."""
    _turn: Any = field(default_factory=count)

    def before_call(self, context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        """One case, just before it is sent."""
        del context, kwargs
        assert case.meta is not None
        if next(self._turn) % 4 or case.method == "DELETE":
            self._name(case)
        if case.meta.generation.mode.is_positive:
            self._mean(case)
        body: Any = case.body
        inputs = body.get("inputs") if isinstance(body, dict) else None
        if isinstance(inputs, dict) and isinstance(inputs.get("pause"), int):
            inputs["pause"] = min(inputs["pause"], 0)

    def _name(self, case: Case[Any]) -> None:
        """Let a case ask for something that is there."""
        job = self.spare() if case.method == "DELETE" else "job-1"
        # a part of a JSON document is none, whatever its media type says
        partly = "Range" in (case.headers or {})
        output, file = ("class-map", "class-map.tif") if partly else ("summary", "item.json")
        names = {
            "jobId": job,
            "processId": "echo",
            "outputId": output,
            "output": output,
            "itemId": "job-1",
            "file": file,
        }
        for name in case.path_parameters or {}:
            if name == "collectionId":
                case.path_parameters[name] = (
                    "crop-maps" if case.path.startswith("/stac") else "job-1"
                )
            elif name in names:
                case.path_parameters[name] = names[name]

    def _mean(self, case: Case[Any]) -> None:
        """Let a case mean something, where its schema allows more than can mean anything."""
        turn = next(self._turn)
        for name in {"z", "x", "y"} & (case.path_parameters or {}).keys():
            if not str(case.path_parameters[name]).lstrip("-").isdigit():
                # the template of a tile's address, followed as a link
                case.path_parameters[name] = 0
        searched = case.body if case.path == "/stac/search" else {}
        for given in (case.query, searched):
            if isinstance(given, dict):
                _search(given, turn, in_body=given is searched)
        if "outputs" in (case.query or {}):
            case.query["outputs"] = ["summary"]
        if case.path.endswith("/coverage"):
            kept = {key: value for key, value in (case.query or {}).items() if key in KEPT}
            case.query = kept | PARTS[turn % len(PARTS)]
        if case.path.endswith(("/execution", "/validation")) and isinstance(case.body, dict):
            self._order(case)

    def _order(self, case: Case[Any]) -> None:
        process = case.path.split("/")[2]
        if process.startswith("{"):
            process = "echo"
            case.path_parameters["processId"] = process
            case.body = {"inputs": {"message": "mangwanani"}}
        body: Any = case.body
        # the service lists no host that it may tell
        body.pop("subscriber", None)
        judged = JUDGED[process] | ({"table": self.table} if process == "model-training" else {})
        inputs = body.get("inputs", {})
        for name in judged.keys() & inputs.keys():
            if judged[name] is None:
                del inputs[name]
            else:
                inputs[name] = judged[name]
        # nor one that it may ask
        for name in [key for key, given in inputs.items() if _is_reference(given)]:
            del inputs[name]
            if process == "echo" and name == "message":
                inputs[name] = "mangwanani"
        for given in inputs.values():
            value = given.get("value") if isinstance(given, dict) else None
            if isinstance(value, float) and value.is_integer():
                # 1.0 is no integer to OpenAPI 3.0, and one to later JSON schemas
                given["value"] = int(value)


def _is_reference(given: Any) -> bool:
    return isinstance(given, dict) and "href" in given


def _search(given: dict[str, Any], turn: int, *, in_body: bool) -> None:
    """Let the conditions of a search be places and times; where both are asked for, only the box."""
    for name in ("filter", "filter-lang", "filter-crs", "sortby", "fields"):
        given.pop(name, None)
    if "bbox" in given:
        given.pop("intersects", None)
    if "intersects" in given:
        given["intersects"] = SQUARE if in_body else json.dumps(SQUARE)
    for name, values in (("bbox", BOXES), ("datetime", TIMES)):
        if name in given:
            value = values[turn % len(values)]
            given[name] = (
                [float(n) for n in value.split(",")] if in_body and name == "bbox" else value
            )
