"""The inputs of an extraction of samples: labels and how to look at them."""

from typing import Any

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.service.checks.desk import Desk, refusing
from geocrop_processes.service.checks.maps import check_year
from geocrop_processes.service.labelled import labels_of, legend_of


def check(values: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """Each accepted by the domain; labels that are here are read, and their rows looked at."""
    if "year" in values:
        with refusing("year"):
            check_year(values["year"])
    with refusing("as_of"):
        dates = in_order(values.get("as_of", ()))
    with refusing("legend"):
        legend_of(values)
    upload = values["labels"].upload
    if upload is not None:
        with refusing("labels"):
            labels_of(upload, values, desk.settings)
    return values | {"as_of": list(dates)}
