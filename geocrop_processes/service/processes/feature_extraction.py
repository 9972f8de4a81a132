"""The process `feature-extraction`: a place and a season in, the features of its pixels out."""

import geocrop_processes
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.processes import crop_classification
from geocrop_processes.service.processes.crop_classification import ITEM_TYPE
from geocrop_processes.service.processes.description import Description, produced

FEATURE_EXTRACTION = "feature-extraction"
"""The process that makes a raster of features."""

DESCRIPTION: Description = {
    "id": FEATURE_EXTRACTION,
    "version": geocrop_processes.__version__,
    "title": "Features of a place",
    "description": "Computes the 51 features that models see for each 10 m pixel of a circle in one season: one raster "
    "with a named band for each.",
    "keywords": ["Sentinel-2", "features", "phenology", "Zimbabwe"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        key: crop_classification.DESCRIPTION["inputs"][key] for key in ("aoi", "year", "as_of")
    },
    "outputs": {
        "features": produced(
            "Features",
            "51 bands (float32, NaN is no data), named as the models know them. Cloud Optimized GeoTIFF.",
            KINDS["class-map"].media_type,
        ),
        "item": produced(
            "STAC item",
            "Where, when and from what the raster was made, with its checksum.",
            ITEM_TYPE,
        ),
    },
    "example": {"inputs": {"aoi": [30.20, -17.36, 1500], "year": 2022}},
}
"""What it is called, what goes in, what comes out."""
