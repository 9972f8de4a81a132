"""The OGC processes: what they are called, what goes in, what comes out; as pygeoapi's processors.

pygeoapi builds a processor for every list, description and execution: making one is cheap, and each has a
copy of its description of its own.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError

from geocrop_processes.service.echo import echo
from geocrop_processes.service.given import FileKind
from geocrop_processes.service.processes import (
    accuracy_assessment,
    crop_classification,
    feature_extraction,
    model_training,
    sample_extraction,
    trying_out,
)
from geocrop_processes.service.processes.accuracy_assessment import ACCURACY_ASSESSMENT, STRATA
from geocrop_processes.service.processes.crop_classification import CROP_CLASSIFICATION, ITEM_TYPE
from geocrop_processes.service.processes.description import Description
from geocrop_processes.service.processes.feature_extraction import FEATURE_EXTRACTION
from geocrop_processes.service.processes.labelled import LABELS, TABLE
from geocrop_processes.service.processes.model_training import MODEL_TRAINING
from geocrop_processes.service.processes.sample_extraction import SAMPLE_EXTRACTION

__all__ = [
    "ACCURACY_ASSESSMENT",
    "CROP_CLASSIFICATION",
    "DESCRIPTIONS",
    "FEATURE_EXTRACTION",
    "FILE_INPUTS",
    "ITEM_TYPE",
    "MODEL_TRAINING",
    "SAMPLE_EXTRACTION",
    "Description",
]

DESCRIPTIONS: dict[str, Description] = {
    one["id"]: one
    for one in (
        crop_classification.DESCRIPTION,
        sample_extraction.DESCRIPTION,
        model_training.DESCRIPTION,
        feature_extraction.DESCRIPTION,
        accuracy_assessment.DESCRIPTION,
        trying_out.DESCRIPTION,
    )
}
"""Every process by its id."""

FILE_INPUTS: Mapping[str, Mapping[str, FileKind]] = {
    SAMPLE_EXTRACTION: {"labels": LABELS},
    MODEL_TRAINING: {"table": TABLE},
    ACCURACY_ASSESSMENT: {"reference": LABELS, "strata": STRATA},
}
"""The inputs that are files, by process."""


class _Asynchronous(BaseProcessor):  # type: ignore[misc] # pygeoapi ships no types
    """A process as pygeoapi knows it: described here, carried out by the workers."""

    described: Description

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, deepcopy(self.described))

    def execute(
        self,
        data: dict[str, Any],  # noqa: ARG002 - pygeoapi's signature
        outputs: dict[str, Any] | None = None,  # noqa: ARG002 - pygeoapi's signature
    ) -> tuple[str, Any]:
        """Refuse: it runs asynchronously only, and never within pygeoapi."""
        raise ProcessorExecuteError(user_msg="This process is carried out asynchronously only.")


class CropClassificationProcessor(_Asynchronous):
    """The map, as pygeoapi knows it."""

    described = crop_classification.DESCRIPTION


class SampleExtractionProcessor(_Asynchronous):
    """The table of samples, as pygeoapi knows it."""

    described = sample_extraction.DESCRIPTION


class ModelTrainingProcessor(_Asynchronous):
    """The training, as pygeoapi knows it."""

    described = model_training.DESCRIPTION


class FeatureExtractionProcessor(_Asynchronous):
    """The raster of features, as pygeoapi knows it."""

    described = feature_extraction.DESCRIPTION


class AccuracyAssessmentProcessor(_Asynchronous):
    """The judgement of a map, as pygeoapi knows it."""

    described = accuracy_assessment.DESCRIPTION


class EchoProcessor(BaseProcessor):  # type: ignore[misc] # pygeoapi ships no types
    """The echo, as pygeoapi knows it."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, deepcopy(trying_out.DESCRIPTION))

    def execute(
        self,
        data: dict[str, Any],
        outputs: dict[str, Any] | None = None,  # noqa: ARG002 - pygeoapi's signature
    ) -> tuple[str, Any]:
        """Every output of validated inputs."""
        return "application/json", echo(data)
