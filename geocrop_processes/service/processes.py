"""The OGC processes: what they are called, what goes in, what comes out; as pygeoapi's processors.

Schemas use only the keywords of OGC's own `schema.yaml`. pygeoapi builds a processor for every list,
description and execution: making one is cheap, and each has a copy of its description of its own.
"""

from copy import deepcopy
from typing import Any

from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError

import geocrop_processes
from geocrop_processes.domain.season import FIRST_YEAR
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.echo import DEFAULT_MEASUREMENT, echo

Description = dict[str, Any]
"""A process description as OGC API - Processes 1.0 writes it."""

ITEM_TYPE = "application/geo+json"
"""The media type of a product's STAC item."""
MAX_PAUSE_S = 60
"""The longest pause of an echo."""
CROP_CLASSIFICATION = "crop-classification"
"""The process that makes a map."""

_ABOUT = {
    "class-map": "The crop class of each 10 m pixel; 0 is no data. Cloud Optimized GeoTIFF.",
    "confidence": "Share of the votes for the class, margin and entropy (scale 0.005), number of clear views "
    "and longest gap between them in days. Cloud Optimized GeoTIFF.",
    "summary": "Hectares of each class, the scenes used and left out.",
    "quicklook": "A picture of the map with its legend.",
    "style": "Names and colours of the classes for QGIS.",
}


def _outputs() -> dict[str, Any]:
    files = {
        key: {
            "title": KINDS[key].title,
            "description": text,
            "schema": {"type": "object", "contentMediaType": KINDS[key].media_type}
            if key == "summary"
            else {
                "type": "string",
                "contentMediaType": KINDS[key].media_type,
                "contentEncoding": "base64",
            },
        }
        for key, text in _ABOUT.items()
    }
    item = {"type": "object", "contentMediaType": ITEM_TYPE}
    about = "Where, when, from what and how the map was made, with the checksum of each file."
    return files | {"item": {"title": "STAC item", "description": about, "schema": item}}


_CROP: Description = {
    "id": CROP_CLASSIFICATION,
    "version": geocrop_processes.__version__,
    "title": "Crop-type map",
    "description": "Maps the crops of a circle in one season from Sentinel-2: finds the scenes, masks clouds, "
    "computes features of each pixel and lets a model vote.",
    "keywords": ["crop type", "Sentinel-2", "classification", "Zimbabwe"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "aoi": {
            "title": "Place",
            "description": "A circle: longitude and latitude of its centre in degrees (longitude first), and its "
            "radius in metres.",
            "minOccurs": 1,
            "maxOccurs": 1,
            "schema": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        },
        "year": {
            "title": "Season",
            "description": "The season by its first September: 2022 is 2022-09-01 to 2023-05-31.",
            "minOccurs": 1,
            "maxOccurs": 1,
            "schema": {"type": "integer", "minimum": FIRST_YEAR},
        },
        "model": {
            "title": "Model",
            "description": "A registered model: name, name@version or name@alias; the service's own choice where none "
            "is given.",
            "minOccurs": 0,
            "maxOccurs": 1,
            "schema": {"type": "string", "minLength": 1},
        },
        "mask": {
            "title": "Mask",
            "description": "With `cropland`, pixels that the Dynamic World baseline does not see as crops become "
            "'not cropland (baseline)'.",
            "minOccurs": 0,
            "maxOccurs": 1,
            "schema": {"type": "string", "enum": ["none", "cropland"], "default": "none"},
        },
        "as_of": {
            "title": "As-of date",
            "description": "Use imagery up to this day only, for a map within a season: YYYY-MM-DD.",
            "minOccurs": 0,
            "maxOccurs": 1,
            "schema": {"type": "string", "format": "date"},
        },
        "fresh": {
            "title": "Fresh",
            "description": "Compute the map even where the same one exists already.",
            "minOccurs": 0,
            "maxOccurs": 1,
            "schema": {"type": "boolean", "default": False},
        },
    },
    "outputs": _outputs(),
    "example": {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022}},
}

_NUMBER_OR_TEXT = {"oneOf": [{"type": "number"}, {"type": "string"}]}
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1000}
_BBOX = {
    "allOf": [
        {"type": "object", "format": "ogc-bbox"},
        {
            "type": "object",
            "required": ["bbox"],
            "properties": {
                "bbox": {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 4,
                    "maxItems": 6,
                },
                "crs": {"type": "string"},
            },
        },
    ]
}
_DOCUMENT = {
    "type": "string",
    "contentMediaType": "text/plain",
    "contentEncoding": "base64",
}


def _optional(title: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "minOccurs": 0,
        "maxOccurs": 1,
        "schema": schema,
    }


_ECHO: Description = {
    "id": "echo",
    "version": geocrop_processes.__version__,
    "title": "Echo",
    "description": "Gives back what it is given: for trying out a client.",
    "keywords": ["test"],
    "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
    "outputTransmission": ["value"],
    "inputs": {
        "message": {
            "title": "Message",
            "description": "A text.",
            "minOccurs": 1,
            "maxOccurs": 1,
            "schema": {"type": "string"},
        },
        "pause": _optional(
            "Pause",
            "Seconds to wait before the answer.",
            {"type": "integer", "minimum": 0, "maximum": MAX_PAUSE_S, "default": 0},
        ),
        "items": _optional("Items", "A list of texts.", _TEXTS),
        "bbox": _optional("Bounding box", "A box of the OGC's format.", _BBOX),
        "measurement": _optional(
            "Measurement",
            "A number or a text.",
            _NUMBER_OR_TEXT | {"default": DEFAULT_MEASUREMENT},
        ),
        "document": _optional("Document", "A plain text, base64 encoded.", _DOCUMENT),
    },
    "outputs": {
        "message": {
            "title": "Message",
            "description": "The text that was given.",
            "schema": {"type": "string"},
        },
        "length": {
            "title": "Length",
            "description": "Its number of characters.",
            "schema": {"type": "integer"},
        },
        "measurement": {
            "title": "Measurement",
            "description": "As it was given.",
            "schema": _NUMBER_OR_TEXT,
        },
        "items": {"title": "Items", "description": "As they were given.", "schema": _TEXTS},
        "bbox": {"title": "Bounding box", "description": "As it was given.", "schema": _BBOX},
        "document": {"title": "Document", "description": "As it was given.", "schema": _DOCUMENT},
    },
    "example": {"inputs": {"message": "mangwanani"}},
}

DESCRIPTIONS: dict[str, Description] = {CROP_CLASSIFICATION: _CROP, "echo": _ECHO}
"""Every process by its id."""


class CropClassificationProcessor(BaseProcessor):  # type: ignore[misc] # pygeoapi ships no types
    """The map, as pygeoapi knows it: described here, carried out by the workers."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, deepcopy(_CROP))

    def execute(
        self,
        data: dict[str, Any],  # noqa: ARG002 - pygeoapi's signature
        outputs: dict[str, Any] | None = None,  # noqa: ARG002 - pygeoapi's signature
    ) -> tuple[str, Any]:
        """Refuse: it runs asynchronously only, and never within pygeoapi."""
        raise ProcessorExecuteError(user_msg="This process is carried out asynchronously only.")


class EchoProcessor(BaseProcessor):  # type: ignore[misc] # pygeoapi ships no types
    """The echo, as pygeoapi knows it."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, deepcopy(_ECHO))

    def execute(
        self,
        data: dict[str, Any],
        outputs: dict[str, Any] | None = None,  # noqa: ARG002 - pygeoapi's signature
    ) -> tuple[str, Any]:
        """Every output of validated inputs."""
        return "application/json", echo(data)
