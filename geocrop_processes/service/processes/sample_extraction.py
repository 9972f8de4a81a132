"""The process `sample-extraction`: labelled places in, a table of samples out."""

import geocrop_processes
from geocrop_processes.domain.season import FIRST_YEAR
from geocrop_processes.pipeline.table import MEDIA_TYPE as PARQUET
from geocrop_processes.service.processes.description import (
    Description,
    optional,
    produced,
    required,
)
from geocrop_processes.service.processes.labelled import AS_OF_SCHEMA, HOW, LABELS_SCHEMA, SEED

SAMPLE_EXTRACTION = "sample-extraction"
"""The process that makes a table of samples."""

_CLASS = {
    "type": "object",
    "required": ["code", "name", "colour"],
    "properties": {
        "code": {"type": "integer", "minimum": 1, "maximum": 254},
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        "cropland": {"type": "boolean", "default": False},
    },
    "additionalProperties": False,
}

DESCRIPTION: Description = {
    "id": SAMPLE_EXTRACTION,
    "version": geocrop_processes.__version__,
    "title": "Samples of labelled places",
    "description": "Looks at labelled points and polygons as a map would: a table with the 51 features of each labelled "
    "pixel, to train a model with.",
    "keywords": ["crop type", "Sentinel-2", "training data", "samples"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "labels": required(
            "Labels",
            "Points or polygons in WGS 84 with the column `class`, `season` (the year of its first September) and, if "
            f"fields are to stay together, `field`: GeoJSON, CSV with `lon` and `lat`, or GeoPackage. {HOW}",
            LABELS_SCHEMA,
        ),
        "year": optional(
            "Season",
            "The season of labels that name none, by its first September.",
            {"type": "integer", "minimum": FIRST_YEAR},
        ),
        "as_of": optional(
            "As-of dates",
            "Dates within the season (MM-DD) to compute features of as well, as they were known then.",
            AS_OF_SCHEMA,
        ),
        "per_field": optional(
            "Pixels of a field",
            "The most pixels of one polygon.",
            {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
        ),
        "seed": SEED,
        "legend": optional(
            "Legend",
            "The classes that labels may have, by name or code; made from the labels where it is not given.",
            {"type": "array", "items": _CLASS, "minItems": 1, "maxItems": 254},
        ),
    },
    "outputs": {
        "samples": produced(
            "Samples",
            "One row for each labelled pixel and as-of date: place, season, class, scenes, 51 features. Parquet.",
            PARQUET,
        ),
        "report": produced(
            "Report",
            "How many samples of each class there are, what was left out and why, and what they were made of.",
            "application/json",
        ),
    },
    "example": {
        "inputs": {
            "labels": {
                "value": {
                    "type": "FeatureCollection",
                    "features": [
                        {
                            "type": "Feature",
                            "geometry": {"type": "Point", "coordinates": [30.20, -17.36]},
                            "properties": {"class": "maize", "season": 2022},
                        }
                    ],
                },
                "mediaType": "application/geo+json",
            },
            "as_of": ["12-31", "01-31"],
        }
    },
}
"""What it is called, what goes in, what comes out."""
