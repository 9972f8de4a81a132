"""The process `model-training`: a table of samples in, a registered model out."""

import geocrop_processes
from geocrop_processes.models.training import MAX_ROUNDS
from geocrop_processes.service.processes.description import (
    Description,
    optional,
    produced,
    required,
)
from geocrop_processes.service.processes.labelled import AS_OF_SCHEMA, HOW, SEED, TABLE_SCHEMA

MODEL_TRAINING = "model-training"
"""The process that trains a model."""

_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$", "maxLength": 100}
_ALIAS = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_.-]*$", "maxLength": 100}

DESCRIPTION: Description = {
    "id": MODEL_TRAINING,
    "version": geocrop_processes.__version__,
    "title": "A model of samples",
    "description": "Trains XGBoost, LightGBM and CatBoost on a table of samples, judges them by spatially blocked "
    "cross-validation, calibrates them, and registers the ensemble with its card.",
    "keywords": ["crop type", "training", "machine learning", "cross-validation"],
    "jobControlOptions": ["async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "table": required(
            "Table",
            f"Samples as `sample-extraction` makes them: a Parquet file. {HOW}",
            TABLE_SCHEMA,
        ),
        "name": required(
            "Name",
            "The model's name: letters, digits, `-`, `_` and `.`; its version is counted.",
            _NAME,
        ),
        "description": optional(
            "Description",
            "What the model is for, in words for people.",
            {"type": "string", "maxLength": 2000, "default": ""},
        ),
        "use": optional(
            "Use",
            "What the model is meant for: told on its card.",
            {"type": "string", "maxLength": 2000, "default": ""},
        ),
        "limits": optional(
            "Limits",
            "What it is not to be used for: told on its card.",
            {"type": "string", "maxLength": 2000, "default": ""},
        ),
        "as_of": optional(
            "As-of dates",
            "Dates within the season (MM-DD) to train for as well; all that the table has where it is not given.",
            AS_OF_SCHEMA,
        ),
        "alias": optional(
            "Alias",
            "Point this alias to the new version, such as `production`; none where it is not given: the model is "
            "registered, and nothing else changes.",
            _ALIAS,
        ),
        "seed": SEED,
        "trials": optional(
            "Trials",
            "Hyper-parameters to try; 0 takes those that are known to be good.",
            {"type": "integer", "minimum": 0, "maximum": 200, "default": 0},
        ),
        "max_rounds": optional(
            "Rounds",
            "The most rounds of boosting; training ends earlier where they do not help any more.",
            {"type": "integer", "minimum": 1, "maximum": 5000, "default": MAX_ROUNDS},
        ),
        "folds": optional(
            "Folds",
            "Parts of the cross-validation.",
            {"type": "integer", "minimum": 2, "maximum": 20, "default": 5},
        ),
        "block_m": optional(
            "Block",
            "The side of the squares, in metres, that are never in train and test at once.",
            {"type": "number", "minimum": 100, "maximum": 1_000_000, "default": 10_000},
        ),
    },
    "outputs": {
        "model": {
            "title": "Model",
            "description": "Its reference, name@version: what `crop-classification` takes as `model`.",
            "schema": {"type": "string"},
        },
        "card": produced(
            "Model card",
            "Legend, features, training data and its extent, accuracy by class with confidence intervals, calibration, "
            "use and limits.",
            "application/json",
        ),
        "card-page": produced("Model card as a page", "The same, for people.", "text/html"),
        "report": produced(
            "Report",
            "Figures of each protocol and member, and what was learnt from.",
            "application/json",
        ),
    },
    "example": {
        "inputs": {
            "table": {
                "href": "http://127.0.0.1:8000/jobs/0123456789abcdef/results/samples",
                "type": "application/vnd.apache.parquet",
            },
            "name": "my-crops",
        }
    },
}
"""What it is called, what goes in, what comes out."""
