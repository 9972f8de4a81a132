"""Pixels of a coverage as CoverageJSON (OGC 21-069r2), which programs read without a library for rasters."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from geocrop_processes.service.collections.crs import PixelGrid
from geocrop_processes.service.collections.fields import Field
from geocrop_processes.service.collections.reading import Pixels

Json = dict[str, Any]

MEDIA_TYPE = "application/vnd.cov+json"
"""What it is, as the standard has it."""
EARLIER_MEDIA_TYPE = "application/prs.coverage+json"
"""What it was before, and what many clients ask for."""

_DIGITS = 6
"""Decimals of a value: products of a byte and a scale have three, and what floating point adds is left out."""


def coverage_json(
    pixels: Pixels,
    fields: Sequence[Field],
    grid: PixelGrid,
    interval: tuple[datetime, datetime],
) -> Json:
    """The values in their units, None where there is no data; north is first, as in a raster."""
    shape = [grid.height, grid.width]
    return {
        "type": "Coverage",
        "domain": _domain(grid, interval),
        "parameters": {field.name: _parameter(field) for field in fields},
        "ranges": {
            field.name: {
                "type": "NdArray",
                "dataType": "integer" if field.scale == 1 else "float",
                "axisNames": ["y", "x"],
                "shape": shape,
                "values": _values(pixels[n], field),
            }
            for n, field in enumerate(fields)
        },
    }


def _domain(grid: PixelGrid, interval: tuple[datetime, datetime]) -> Json:
    left, bottom, right, top = grid.bounds
    half_x, half_y = grid.x_step / 2, grid.y_step / 2
    start, end = (stamp(moment) for moment in interval)
    kind = "GeographicCRS" if grid.crs.geographic else "ProjectedCRS"
    return {
        "type": "Domain",
        "domainType": "Grid",
        "axes": {
            "x": _axis(left + half_x, right - half_x, grid.width),
            "y": _axis(top - half_y, bottom + half_y, grid.height),
            "t": {"values": [start], "bounds": [start, end]},
        },
        "referencing": [
            {
                "coordinates": ["y", "x"] if grid.crs.latitude_first else ["x", "y"],
                "system": {"type": kind, "id": grid.crs.uri},
            },
            {"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}},
        ],
    }


def _axis(start: float, stop: float, count: int) -> Json:
    """The pixels' centres."""
    first = round(start, 9)
    return {"start": first, "stop": first if count == 1 else round(stop, 9), "num": count}


def _parameter(field: Field) -> Json:
    said: Json = {
        "type": "Parameter",
        "description": {"en": field.title},
        "observedProperty": {"label": {"en": field.title}},
    }
    if field.legend is None:
        symbol = {"value": field.unit, "type": "http://www.opengis.net/def/uom/UCUM/"}
        return said | {"unit": {"symbol": symbol}}
    said["observedProperty"]["categories"] = [
        {"id": _category(c.code), "label": {"en": c.name}, "preferredColor": c.colour}
        for c in field.legend
    ]
    return said | {"categoryEncoding": {_category(c.code): c.code for c in field.legend}}


def _category(code: int) -> str:
    return f"#class-{code}"


def _values(pixels: Pixels, field: Field) -> list[Any]:
    """The values row by row."""
    whole = field.scale == 1
    table: list[Any] = [
        byte if whole else round(byte * field.scale, _DIGITS) for byte in range(256)
    ]
    table[field.no_data] = None
    return [table[byte] for byte in pixels.tobytes()]


def stamp(moment: datetime) -> str:
    """A moment as RFC 3339 writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
