"""The OGC processes: what they are called, what goes in, what comes out; as pygeoapi's processors.

pygeoapi builds a processor for every list, description and execution: making one is cheap, and each has a
copy of its description of its own.
"""

from copy import deepcopy
from typing import Any

from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError

from geocrop_processes.service.echo import echo
from geocrop_processes.service.processes import crop_classification, trying_out
from geocrop_processes.service.processes.crop_classification import CROP_CLASSIFICATION, ITEM_TYPE
from geocrop_processes.service.processes.description import Description

__all__ = ["CROP_CLASSIFICATION", "DESCRIPTIONS", "ITEM_TYPE", "Description"]

DESCRIPTIONS: dict[str, Description] = {
    one["id"]: one for one in (crop_classification.DESCRIPTION, trying_out.DESCRIPTION)
}
"""Every process by its id."""


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
