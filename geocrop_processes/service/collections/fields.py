"""The fields of a coverage: what each number of a pixel means, as JSON Schema and in the request's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from geocrop_processes.domain.legend import Legend
from geocrop_processes.models import confidence
from geocrop_processes.publish.cog import CLASS_BAND, CONFIDENCE_BANDS, Band
from geocrop_processes.service.class_codes import classes_of
from geocrop_processes.service.problems import invalid

Json = dict[str, Any]

CLASS = CLASS_BAND.name
"""The field of the crop class, which is what a coverage gives where nothing else is asked for."""
_UCUM = {"day": "d"}
"""Units as UCUM writes them, which OGC's schemas take; the others are the same."""


@dataclass(frozen=True)
class Field:
    """One number of each pixel."""

    name: str
    """What it is asked for by."""
    title: str
    """What it is, for people."""
    unit: str
    """Of the value, as UCUM writes it."""
    scale: float
    """The value is the stored byte times this."""
    no_data: int
    """The byte that stands for none."""
    asset: str
    """The file that holds it: a key of `publish.assets.KINDS`."""
    band: int
    """The band of that file, from 1."""
    legend: Legend | None = None
    """The classes, of a field of class codes."""

    def schema(self, place: int) -> Json:
        """The field as a property of a JSON Schema; `place` is its place among all fields, from 1."""
        common: Json = {
            "title": self.title,
            "description": f"Stored as bytes; {self.no_data} is no data.",
            "x-ogc-propertySeq": place,
            "x-ogc-unit": self.unit,
            "x-ogc-nullValues": [self.no_data],
        }
        if self.legend is not None:
            kinds = [{"const": c.code, "title": c.name} for c in self.legend]
            return common | {
                "type": "integer",
                "x-ogc-variableType": "categoricalNominal",
                "oneOf": kinds,
            }
        if self.scale != 1:
            common["description"] += f" The value is the byte times {self.scale:g}."
        return common | {
            "type": "integer" if self.scale == 1 else "number",
            "x-ogc-variableType": "continuous",
            "minimum": 0,
            "maximum": round(254 * self.scale, 6),
        }


def legend_of(item: Mapping[str, Any]) -> Legend:
    """The classes of a product, out of its STAC item."""
    return Legend(tuple(classes_of(item["assets"]["class-map"]["classification:classes"])))


def fields_of(item: Mapping[str, Any], legend: Legend) -> tuple[Field, ...]:
    """The fields of a product: class, then those of the files that it has beside the class map."""
    found = [class_field(legend)]
    if "confidence" in item["assets"]:
        # a product of an earlier version has fewer bands
        names = {band["name"] for band in item["assets"]["confidence"].get("bands", [])}
        found += [f for f in confidence_fields() if f.name in names]
    if "probabilities" in item["assets"]:
        count = len(item["assets"]["probabilities"].get("bands", []))
        found += [
            Field(
                f"probability_{c.code}",
                f"probability of {c.name}",
                "1",
                confidence.SCALE,
                confidence.NO_DATA,
                "probabilities",
                band,
            )
            # the bands are the model's classes; a class that a mask adds has none
            for band, c in enumerate(list(legend)[:count], start=1)
        ]
    return tuple(found)


def class_field(legend: Legend) -> Field:
    """The field of class codes."""
    return Field(CLASS, CLASS_BAND.description, "1", 1.0, 0, "class-map", 1, legend)


@cache
def confidence_fields() -> tuple[Field, ...]:
    """The fields of a confidence raster."""
    return tuple(_measure(band, place) for place, band in enumerate(CONFIDENCE_BANDS, start=1))


def _measure(band: Band, place: int) -> Field:
    unit = _UCUM.get(band.unit, band.unit)
    return Field(
        band.name, band.description, unit, band.scale, confidence.NO_DATA, "confidence", place
    )


def chosen(
    fields: Sequence[Field],
    properties: Sequence[str] | None,
    without: Sequence[str] | None,
) -> tuple[Field, ...]:
    """The fields that a request names, in its order; the class where it names none.

    Raises:
        Problem: one of them is not there, or none is left (400).
    """
    known = {field.name: field for field in fields}
    parameter = "properties" if without is None else "exclude-properties"
    for name in properties or without or ():
        if name not in known:
            raise invalid(
                f"The parameter {parameter!r} names {name[:60]!r}; there are {', '.join(known)}."
            )
    if without is not None:
        left = tuple(field for field in fields if field.name not in without)
        if not left:
            raise invalid("The parameter 'exclude-properties' leaves no field.")
        return left
    return tuple(known[name] for name in properties or (CLASS,))


def shared_no_data(fields: Sequence[Field]) -> int:
    """The one byte that is no data in a file of these fields: 0 of classes alone, else 255, which is no class."""
    values = {field.no_data for field in fields}
    return values.pop() if len(values) == 1 else confidence.NO_DATA


def schema_of(identifier: str, title: str, fields: Sequence[Field]) -> Json:
    """The fields as a JSON Schema (OGC API - Common part 3)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        "title": title,
        "type": "object",
        "properties": {f.name: f.schema(place) for place, f in enumerate(fields, start=1)},
        "additionalProperties": False,
    }


def relabelled(fields: Sequence[Field], legend: Legend) -> tuple[Field, ...]:
    """The same fields with another legend of classes."""
    return tuple(replace(f, legend=legend) if f.legend is not None else f for f in fields)
