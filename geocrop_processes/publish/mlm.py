"""The model behind a map in the words of STAC's machine learning model extension (mlm 1.4.0)."""

import re
from typing import Any
from urllib.parse import quote

import pystac

from geocrop_processes.models.forest.votes import ROWS_AT_A_TIME
from geocrop_processes.publish.record import MapRecord

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]")
"""What the extension allows as a model's name."""
_WRITERS = {
    "ubj": "xgboost.Booster.save_model",
    "txt": "lightgbm.Booster.save_model",
    "cbm": "catboost.CatBoost.save_model",
    "npz": "numpy.savez",
    "json": "json.dumps",
}
"""What writes a member's native format, by the end of the file's name."""


def model_properties(record: MapRecord, classes: list[dict[str, Any]]) -> dict[str, Any]:
    """The item's properties.

    Args:
        record: what is known of the map.
        classes: the legend as the classification extension's class objects.
    """
    card = record.card
    name = card.name if _NAME.fullmatch(card.name) else f"model-{_plain(card.name)}-m"
    return {
        "mlm:name": name,
        "mlm:architecture": "soft vote of gradient-boosted decision trees",
        "mlm:framework": "XGBoost, LightGBM, CatBoost",
        "mlm:tasks": ["classification"],
        "mlm:input": [
            {
                "name": "season features of a pixel",
                "description": f"{len(card.features)} columns, see geocrop:features; order {card.fingerprint}"
                + (f"; NaN where it needs days after {record.as_of}" if record.as_of else ""),
                # columns of a table, no bands of an image
                "bands": [],
                "input": {
                    "shape": [-1, len(card.features)],
                    "dim_order": ["batch", "feature"],
                    "data_type": "float32",
                },
            }
        ],
        "mlm:output": [
            {
                "name": "class probabilities",
                "tasks": ["classification"],
                "result": {
                    "shape": [-1, len(card.legend)],
                    "dim_order": ["batch", "class"],
                    "data_type": "float64",
                },
                "classification:classes": classes,
            }
        ],
        "mlm:hyperparameters": _hyperparameters(record),
        "mlm:pretrained": False,
        # the extension's way to say that it was trained from nothing
        "mlm:pretrained_source": None,
        "mlm:batch_size_suggestion": ROWS_AT_A_TIME,
        "mlm:accelerator": None,
        "mlm:accelerator_constrained": False,
        "mlm:accelerator_summary": "Any processor; nothing is won by a GPU.",
    }


def _hyperparameters(record: MapRecord) -> dict[str, Any]:
    """What of the training and of the vote is more than the members' files: what the model has none of is left out."""
    card = record.card
    told = {
        "seed": card.seed,
        "weights": dict(card.weights),
        "calibration": dict(card.calibration),
        "applicability_threshold": record.applicability_threshold,
        "as_of": record.season.as_of_day,
    }
    return {name: value for name, value in told.items() if value not in (None, "", {})}


def card_of(record: MapRecord) -> dict[str, Any]:
    """The model's card as JSON values, with the version that voted and the checksums of its files."""
    return {
        "version": record.model_version,
        "checksums_sha256": dict(sorted(record.member_checksums.items())),
        **record.card.to_json(),
    }


def model_assets(record: MapRecord) -> dict[str, pystac.Asset]:
    """One asset per file of the model, by MLflow's address of a registered model; the extension wants them."""
    base = f"models:/{quote(record.card.name)}/{quote(record.model_version)}"
    assets = {}
    for file_name, sha256 in sorted(record.member_checksums.items()):
        stem, _, suffix = file_name.rpartition("/")[2].rpartition(".")
        assets[f"model-{stem or suffix}"] = pystac.Asset(
            href=f"{base}/{quote(file_name)}",
            title=f"{file_name} of the model {record.model}",
            media_type="application/octet-stream",
            roles=["mlm:model"],
            extra_fields={
                "mlm:artifact_type": _WRITERS.get(suffix, "native"),
                "file:checksum": f"1220{sha256}",
            },
        )
    return assets


def _plain(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "-", name).strip("-")
