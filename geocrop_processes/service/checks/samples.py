"""The inputs of an extraction of samples: labels and how to look at them."""

from operator import itemgetter
from typing import Any

from geocrop_processes.domain.as_of import in_order
from geocrop_processes.domain.legend import Legend
from geocrop_processes.errors import InvalidSample, UnusableModel
from geocrop_processes.pipeline.labels import Labels, Limits, read_labels
from geocrop_processes.service.checks.desk import Desk, refusing, today
from geocrop_processes.service.checks.maps import check_year
from geocrop_processes.service.uploads import Upload
from geocrop_processes.settings import Settings


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


def labels_of(upload: Upload, values: dict[str, Any], settings: Settings) -> Labels:
    """The labels of a file, by the inputs that came with it.

    Raises:
        InvalidLabels: they cannot be used; the rows at fault are named.
    """
    return read_labels(
        upload.content,
        upload.media_type,
        region=settings.service_region(),
        today=today(),
        legend=legend_of(values),
        season=values.get("year"),
        limits=Limits(max_bytes=settings.uploads.max_bytes),
    )


def legend_of(values: dict[str, Any]) -> Legend | None:
    """The legend that was given; None where none was.

    Raises:
        InvalidSample: it is none.
    """
    if "legend" not in values:
        return None
    try:
        # whole numbers of JSON can be written with a point
        classes = [one | {"code": int(one["code"])} for one in values["legend"]]
        return Legend.from_json(sorted(classes, key=itemgetter("code")))
    except UnusableModel as error:
        # it is whoever asks who wrote it
        raise InvalidSample(str(error)) from error
