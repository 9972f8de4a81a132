"""A request for pixels, answered: format, fields, place, time, limits; then the pixels; then the file."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from geocrop_processes.publish.assets import COG, KINDS
from geocrop_processes.service.assets import file_answer
from geocrop_processes.service.collections import covjson
from geocrop_processes.service.collections.asked import asked_of
from geocrop_processes.service.collections.coverage import Coverage, Layer, place, times_of
from geocrop_processes.service.collections.covjson import coverage_json, stamp
from geocrop_processes.service.collections.crs import Box, Crs, PixelGrid
from geocrop_processes.service.collections.encoding import geotiff, picture
from geocrop_processes.service.collections.everything import Collections
from geocrop_processes.service.collections.fields import Field, chosen
from geocrop_processes.service.collections.reading import read_layers
from geocrop_processes.service.problems import BLANK, Problem, invalid
from geocrop_processes.settings.sections import CoverageSettings

_FORMATS = {
    "cog": COG,
    "geotiff": COG,
    "gtiff": COG,
    "tiff": COG,
    "covjson": covjson.EARLIER_MEDIA_TYPE,
    "json": covjson.EARLIER_MEDIA_TYPE,
    "png": "image/png",
}
_ACCEPTED = {
    "image/tiff": COG,
    "image/*": COG,
    "*/*": COG,
    "application/geotiff": COG,
    "application/x-geotiff": COG,
    "image/png": "image/png",
    covjson.MEDIA_TYPE: covjson.MEDIA_TYPE,
    covjson.EARLIER_MEDIA_TYPE: covjson.EARLIER_MEDIA_TYPE,
    "application/json": covjson.EARLIER_MEDIA_TYPE,
    "application/*": covjson.MEDIA_TYPE,
}
"""Formats by what a client accepts; the most general last among equals is the GeoTIFF's."""


MOST_SIDE = 65_536
"""The most pixels that an answer is wide or high: 655 km of 10 m."""


def coverage_answer(
    collections: Collections, name: str, request: Request
) -> Response | Callable[[], Response]:
    """The pixels of a collection that a request asks for, or what computes them, which takes its time.

    Raises:
        Problem: there is no such collection or file (404), a value is not allowed (400), no format of ours is
            accepted (406), or more is asked for than is given at once (413).
    """
    coverage = collections.get(name)
    media_type = format_of(request)
    asked = asked_of(request.query_params, coverage.storage, coverage.known)
    fields = chosen(coverage.fields, asked.properties, asked.without)
    if media_type == COG and asked.whole and coverage.item is not None:
        return _stored(collections, coverage, coverage.item, request)
    if not coverage.meets(asked.interval):
        return Response(status_code=204)
    beyond = asked.scaling is not None and asked.scaling.kind == "size"
    grid = place(coverage, asked.area, asked.crs or coverage.storage, beyond=beyond)
    if grid is None:
        return Response(status_code=204)
    if asked.scaling is not None:
        grid = asked.scaling.applied(grid)
    check_size(collections.settings.coverage, media_type, grid, len(fields))
    layers = collections.layers(coverage, grid, asked.interval)
    if not layers:
        return Response(status_code=204)
    return partial(_rendered, collections, layers, fields, grid, media_type)


def format_of(request: Request) -> str:
    """The media type of the answer: by `f`, else by the header Accept; a GeoTIFF where neither says.

    Raises:
        Problem: `f` names none (400), or nothing that there is is accepted (406).
    """
    asked = request.query_params.get("f")
    if asked is not None:
        if asked.lower() not in _FORMATS:
            raise invalid(
                f"The parameter 'f' is {asked[:60]!r}, allowed are {', '.join(_FORMATS)}."
            )
        return _FORMATS[asked.lower()]
    if not ", ".join(request.headers.getlist("Accept")).strip():
        return COG
    found = preferred(request, _ACCEPTED)
    if found is None:
        known = ", ".join(dict.fromkeys(_ACCEPTED.values()))
        raise Problem(406, "Not acceptable", f"There are: {known}.", BLANK)
    return found


def preferred(request: Request, known: Mapping[str, str]) -> str | None:
    """What the header Accept weighs most of formats by what is accepted; None where it names none of them."""
    header = ", ".join(request.headers.getlist("Accept"))
    best = [(weight, text.partition(";")[0].strip().lower()) for text, weight in _accepted(header)]
    usable = [(weight, name) for weight, name in best if weight > 0 and name in known]
    # max takes the first of equals, which is what the client has named first
    return known[max(usable, key=lambda pair: pair[0])[1]] if usable else None


def _accepted(header: str) -> Sequence[tuple[str, float]]:
    return [(str(text), float(weight)) for text, weight in parse_accept_header(header, MIMEAccept)]


def check_size(limits: CoverageSettings, media_type: str, grid: PixelGrid, fields: int) -> None:
    """Accept a grid, or say what is too large.

    Raises:
        Problem: it has more values than are given at once, or a side is too long (413).
    """
    if max(grid.width, grid.height) > MOST_SIDE:
        detail = (
            f"{grid.width} x {grid.height} pixels: at most {MOST_SIDE} are given a side; ask for a part by bbox or "
            "subset, or for fewer by scale-factor."
        )
        raise Problem(413, "Too large", detail)
    values = grid.width * grid.height * fields
    as_json = media_type in {covjson.MEDIA_TYPE, covjson.EARLIER_MEDIA_TYPE}
    most = limits.max_json_values if as_json else limits.max_values
    if values > most:
        setting = "MAX_JSON_VALUES" if as_json else "MAX_VALUES"
        detail = (
            f"{grid.width} x {grid.height} pixels of {fields} fields are {values} values; at most {most} are given "
            f"at once (GEOCROP_COVERAGE__{setting}): ask for a part by bbox or subset, or for fewer by scale-factor."
        )
        raise Problem(413, "Too large", detail)


def _stored(
    collections: Collections, coverage: Coverage, item: Mapping[str, Any], request: Request
) -> Response:
    """The class map as it is stored, or a range of its bytes: a cloud-optimised GeoTIFF for GDAL's /vsicurl."""
    file = KINDS["class-map"].file_name
    answer = file_answer(request, collections.store, collections.storage, coverage.id, file)
    answer.headers.update(said(coverage.storage, coverage.extent, times_of(item)))
    return answer


def _rendered(
    collections: Collections,
    layers: Sequence[Layer],
    fields: Sequence[Field],
    grid: PixelGrid,
    media_type: str,
) -> Response:
    pixels = read_layers(layers, fields, grid, collections.storage)
    interval = (
        min(layer.interval[0] for layer in layers),
        max(layer.interval[1] for layer in layers),
    )
    headers = said(grid.crs, grid.bounds, interval)
    headers["Content-Interpolation"] = "[ogc-interpolation:nearest-neighbor]"
    if media_type == COG:
        headers["Content-Disposition"] = 'attachment; filename="coverage.tif"'
        return Response(geotiff(pixels, fields, grid), media_type=COG, headers=headers)
    if media_type == "image/png":
        return Response(picture(pixels, fields), media_type=media_type, headers=headers)
    document = coverage_json(pixels, fields, grid, interval)
    return JSONResponse(document, media_type=media_type, headers=headers)


def said(crs: Crs, box: Box, interval: tuple[datetime, datetime]) -> dict[str, str]:
    """What the headers tell of an answer's place and time (19-087, /req/core/response-headers)."""
    sides = ",".join(f"{side:.10g}" for side in crs.ordered(box))
    start, end = interval
    return {
        "Content-Crs": f"<{crs.uri}>",
        "Content-Bbox": sides,
        "Content-Datetime": f"{stamp(start)}/{stamp(end)}",
    }
