"""The process `crop-classification`: a place and a season in, a published map out."""

from typing import Any

import geocrop_processes
from geocrop_processes.domain.season import FIRST_YEAR
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.processes.description import Description, optional, required

ITEM_TYPE = "application/geo+json"
"""The media type of a product's STAC item."""
CROP_CLASSIFICATION = "crop-classification"
"""The process that makes a map."""

_ABOUT = {
    "class-map": "The crop class of each 10 m pixel; 0 is no data. Cloud Optimized GeoTIFF.",
    "confidence": "Probability of the class, margin and entropy (scale 0.005), number of clear views and longest gap "
    "between them in days, disagreement of the members (scale 0.005), dissimilarity to what the model was trained on "
    "(scale 0.01; above 1 it does not apply). Cloud Optimized GeoTIFF.",
    "probabilities": "The probability of each class (scale 0.005), a band each. Made only where it is named among the "
    "outputs. Cloud Optimized GeoTIFF.",
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


DESCRIPTION: Description = {
    "id": CROP_CLASSIFICATION,
    "version": geocrop_processes.__version__,
    "title": "Crop-type map",
    "description": "Maps the crops of a circle in one season from Sentinel-2: finds the scenes, masks clouds, "
    "computes features of each pixel and lets a model vote.",
    "keywords": ["crop type", "Sentinel-2", "classification", "Zimbabwe"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "aoi": required(
            "Place",
            "A circle: longitude and latitude of its centre in degrees (longitude first), and its "
            "radius in metres.",
            {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        ),
        "year": required(
            "Season",
            "The season by its first September: 2022 is 2022-09-01 to 2023-05-31.",
            {"type": "integer", "minimum": FIRST_YEAR},
        ),
        "model": optional(
            "Model",
            "A registered model: name, name@version or name@alias; the service's own choice where none "
            "is given.",
            {"type": "string", "minLength": 1},
        ),
        "mask": optional(
            "Mask",
            "With `cropland`, pixels that the Dynamic World baseline does not see as crops become "
            "'not cropland (baseline)'.",
            {"type": "string", "enum": ["none", "cropland"], "default": "none"},
        ),
        "as_of": optional(
            "As-of date",
            "For a map within a season, YYYY-MM-DD: only dekads (thirds of months) that have ended by this day "
            "count. The model must have been trained for the date.",
            {"type": "string", "format": "date"},
        ),
        "max_seconds": optional(
            "Time",
            "Seconds from the start of the work after which no further block is begun: the blocks that are done are "
            "published as a partial map. The same request again maps only what is missing.",
            {"type": "integer", "minimum": 1},
        ),
        "fresh": optional(
            "Fresh",
            "Compute the map even where the same one exists already.",
            {"type": "boolean", "default": False},
        ),
    },
    "outputs": _outputs(),
    "example": {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022}},
}
"""What it is called, what goes in, what comes out."""
