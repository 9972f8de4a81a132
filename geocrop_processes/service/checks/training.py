"""The inputs of a training: what the model is to be called, and the table."""

from typing import Any

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.pipeline.table import Table
from geocrop_processes.registry.names import check_alias, check_name
from geocrop_processes.service.checks.desk import Desk, refusing


def check(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """The table is read where it is here, so that one that cannot be used is refused at once."""
    with refusing("name"):
        check_name(values["name"])
    if "alias" in values:
        with refusing("alias"):
            check_alias(values["alias"])
    if "as_of" in values:
        with refusing("as_of"):
            values |= {"as_of": list(in_order(values["as_of"]))}
    upload = values["table"].upload
    if upload is not None:
        with refusing("table"):
            Table.from_parquet(
                upload.content, max_bytes=desk.settings.uploads.max_bytes, scenes=False
            )
    return values
