"""Labels of a file that was given, by the inputs that came with it: read alike at the desk and by the worker."""

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from geocrop_processes.domain.legend import Legend
from geocrop_processes.errors import InvalidLabels, InvalidSample, UnusableModel
from geocrop_processes.pipeline.labels import Labels, Limits, read_labels
from geocrop_processes.service.uploads import Upload
from geocrop_processes.settings import Settings


def labels_of(upload: Upload, inputs: Mapping[str, Any], settings: Settings) -> Labels:
    """The labels that samples are extracted at.

    Raises:
        InvalidLabels: they cannot be used; the rows at fault are named.
        InvalidSample: the legend is none.
    """
    return _read(upload, settings, season=inputs.get("year"), legend=legend_of(inputs))


def reference_of(
    upload: Upload, settings: Settings, year: int, legend: Legend | None = None
) -> Labels:
    """The points that a map of a season is judged by; they may have classes that its legend lacks.

    Raises:
        InvalidLabels: they cannot be used, or are no points; the rows at fault are named.
    """
    found = _read(upload, settings, season=year, legend=legend, open_legend=legend is not None)
    for label in found.labels:
        if label.geometry.geom_type != "Point":
            raise InvalidLabels(
                f"A map is judged by points; row {label.row} is a {label.geometry.geom_type}."
            )
    return found


def legend_of(inputs: Mapping[str, Any]) -> Legend | None:
    """The legend that was given; None where none was.

    Raises:
        InvalidSample: it is none.
    """
    if "legend" not in inputs:
        return None
    # whole numbers of JSON can be written with a point
    classes = [one | {"code": int(one["code"])} for one in inputs["legend"]]
    try:
        return Legend.from_json(sorted(classes, key=itemgetter("code")))
    except UnusableModel as error:
        # it is whoever asks who wrote it
        raise InvalidSample(str(error)) from error


def _read(upload: Upload, settings: Settings, **known: Any) -> Labels:
    return read_labels(
        upload.content,
        upload.media_type,
        region=settings.service_region(),
        today=datetime.now(UTC).date(),
        limits=Limits(max_bytes=settings.uploads.max_bytes),
        **known,
    )
