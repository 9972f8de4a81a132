"""The process `accuracy-assessment`: a map and a reference sample in, accuracies and areas out."""

import geocrop_processes
from geocrop_processes.pipeline.labels import CSV
from geocrop_processes.service.given import FileKind
from geocrop_processes.service.processes.description import (
    Description,
    file_of,
    optional,
    produced,
    required,
)
from geocrop_processes.service.processes.labelled import HOW, LABELS_SCHEMA

ACCURACY_ASSESSMENT = "accuracy-assessment"
"""The process that judges a map."""
STRATA = FileKind((CSV,))
"""What the map said of each point when it was drawn."""

DESCRIPTION: Description = {
    "id": ACCURACY_ASSESSMENT,
    "version": geocrop_processes.__version__,
    "title": "How good a map is",
    "description": "Judges a map by reference points: confusion matrix, user's, producer's and overall accuracy, and the "
    "error-adjusted area of each class, each with a 95 % confidence interval (Olofsson et al. 2014).",
    "keywords": ["accuracy", "area estimation", "crop type"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "product": required(
            "Map",
            "The job of `crop-classification` that made the map.",
            {"type": "string", "minLength": 1, "maxLength": 64},
        ),
        "reference": required(
            "Reference",
            f"Points with the column `class`: what is there, seen by a person. GeoJSON, CSV or GeoPackage. {HOW}",
            LABELS_SCHEMA,
        ),
        "strata": optional(
            "Strata",
            "What the map said of each point when the sample was drawn: the CSV that `geocrop sample-design` keeps "
            f"apart. The sample is not taken to be stratified where it is not given. {HOW}",
            file_of(CSV),
        ),
    },
    "outputs": {
        "assessment": produced(
            "Assessment",
            "Confusion matrix, accuracies and areas with their confidence intervals.",
            "application/json",
        ),
        "page": produced("Assessment as a page", "The same, for people.", "text/html"),
    },
    "example": {
        "inputs": {
            "product": "0123456789abcdef0123456789abcdef",
            "reference": {
                "value": {
                    "type": "FeatureCollection",
                    "features": [
                        {
                            "type": "Feature",
                            "geometry": {"type": "Point", "coordinates": [30.20, -17.36]},
                            "properties": {"class": "maize"},
                        }
                    ],
                },
                "mediaType": "application/geo+json",
            },
        }
    },
}
"""What it is called, what goes in, what comes out."""
