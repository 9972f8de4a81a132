"""A class map against reference points: confusion matrix, accuracies, error-adjusted areas.

Points alone can judge: a polygon is many pixels of one field, which are no independent samples, and a majority of them
is no pixel of the map. Each point is compared with the pixel that it lies in. What cannot be compared is counted and
told, and a class that the map does not have counts against the map.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

import geocrop_processes
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.palette import colour
from geocrop_processes.errors import InvalidLabels
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.design import Design, Strata, design_sample, read_strata
from geocrop_processes.pipeline.judgement import Compared, figures
from geocrop_processes.pipeline.labels import Label, Labels
from geocrop_processes.publish.assessment_page import assessment_page
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.storage import RESULTS, Storage, result_key

__all__ = [
    "Assessment",
    "Design",
    "Strata",
    "assess",
    "design_sample",
    "legend_of_map",
    "read_strata",
]

_LEFT_OUT = {
    "season": "its season is not the map's",
    "outside": "it lies outside of the map",
    "no data": "the map has no data there",
    "unknown": "it is none of the points that were drawn",
    "twice": "its point was told before",
}


@dataclass(frozen=True)
class Assessment:
    """An assessment that is done."""

    job_id: str
    """The job."""
    report: dict[str, Any]
    """Its figures, as in `assessment.json`."""
    files: tuple[ProducedFile, ...]
    """`assessment` (assessment.json) and `page` (assessment.html)."""
    paths: dict[str, str]
    """Where each file is, by key."""


def legend_of_map(class_map: bytes) -> Legend:
    """The classes of a class map: read reference points with it, and with `open_legend`.

    Raises:
        InvalidSample: it is no class map of GeoCrop.
    """
    return ClassMap.of(class_map).legend


def assess(  # noqa: PLR0913 - what is judged, by what, and where to
    job_id: str,
    class_map: bytes,
    labels: Labels,
    storage: Storage,
    *,
    title: str,
    year: int | None = None,
    strata: Strata | None = None,
    notice: str | None = None,
) -> Assessment:
    """Judge a class map (COG) by reference points; files go to `results/<job_id>/`.

    Args:
        job_id: names the folder.
        class_map: the COG: legend inside, 0 no data.
        labels: points; a class is one of the map's by its name.
        storage: where the files go.
        title: of the map, for people.
        year: the map's season: points of others are left out. All count where none is given.
        strata: what the map was when the points were drawn, as `read_strata` gives it; how they were drawn is not
            known where there is none, and the report says so.
        notice: what must be said of a simulated map.

    Raises:
        InvalidLabels: a label is no point, or none can be compared with the map.
        InvalidSample: the map is none of GeoCrop's, or a stratum has no point.
    """
    judged = ClassMap.of(class_map)
    compared = _compare(judged, labels, year, strata)
    report = {
        "title": title,
        "notice": notice,
        "geocrop": geocrop_processes.__version__,
        "class_map_sha256": hashlib.sha256(class_map).hexdigest(),
        "reference_sha256": labels.sha256,
        "season": year,
        "points": {
            "given": len(labels.labels),
            "used": len(compared.mapped),
            "left_out": [{"row": row, "reason": reason} for row, reason in compared.left_out],
            "left_out_by_reason": dict(Counter(reason for _, reason in compared.left_out)),
            "not_labelled": _not_labelled(labels, strata),
        },
        **figures(judged, compared, strata),
    }
    parts = {
        "assessment": (
            "assessment.json",
            "application/json",
            json.dumps(report, indent=1, allow_nan=False).encode(),
        ),
        "page": ("assessment.html", "text/html", assessment_page(report).encode()),
    }
    paths = {}
    for key, (name, media_type, content) in parts.items():
        storage.put(RESULTS, result_key(job_id, name), content, media_type)
        paths[key] = storage.url(RESULTS, result_key(job_id, name))
    files = tuple(ProducedFile.of_bytes(key, *part) for key, part in parts.items())
    return Assessment(job_id, report, files, paths)


def _compare(judged: ClassMap, labels: Labels, year: int | None, strata: Strata | None) -> Compared:
    """Raises: InvalidLabels: a label is no point, or none can be compared."""
    areas = [label for label in labels.labels if label.geometry.geom_type != "Point"]
    if areas:
        raise InvalidLabels(
            f"A map is judged by points: row {areas[0].row} is a {areas[0].geometry.geom_type}, and "
            f"{len(areas) - 1} others are no points either."
        )
    legend, codes = _joined(judged.legend, labels)
    found = judged.at(
        [label.geometry.x for label in labels.labels], [label.geometry.y for label in labels.labels]
    )
    used: list[tuple[int, Label]] = []
    left_out = []
    told: set[str | tuple[float, float]] = set()
    for code, label in zip(found.tolist(), labels.labels, strict=True):
        why = _why_not(code, label, year, strata)
        point = label.name if strata is not None else (label.geometry.x, label.geometry.y)
        if not why and point in told:
            why = "twice"
        told.add(point)
        if why:
            left_out.append((label.row, _LEFT_OUT[why]))
        else:
            used.append((code, label))
    if not used:
        reasons = ", ".join(
            f"{n} because {why}" for why, n in Counter(w for _, w in left_out).items()
        )
        raise InvalidLabels(f"No point can be compared with the map: {reasons}.")
    return Compared(
        mapped=np.array([code for code, _ in used], np.int64),
        reference=np.array([codes[label.code] for _, label in used], np.int64),
        names=tuple(label.name for _, label in used),
        legend=legend,
        left_out=tuple(left_out),
    )


def _why_not(code: int, label: Label, year: int | None, strata: Strata | None) -> str:
    """Why a point cannot be compared; empty where it can."""
    if year is not None and label.year != year:
        return "season"
    if code < 0:
        return "outside"
    if code == 0:
        return "no data"
    return "unknown" if strata is not None and label.name not in strata.of_point else ""


def _not_labelled(labels: Labels, strata: Strata | None) -> int | None:
    """How many of the points that were drawn have no label; None where nobody knows what was drawn."""
    if strata is None:
        return None
    return len(set(strata.of_point) - {label.name for label in labels.labels})


def _joined(mapped: Legend, labels: Labels) -> tuple[Legend, dict[int, int]]:
    """The map's legend and the classes that only labels have; the code there of each of the labels' classes."""
    known = {c.name.casefold(): c.code for c in mapped}
    codes: dict[int, int] = {}
    added: list[CropClass] = []
    used = {label.code for label in labels.labels}
    for c in labels.legend:
        if c.name.casefold() in known:
            codes[c.code] = known[c.name.casefold()]
        elif c.code in used:
            codes[c.code] = mapped.codes[-1] + 1 + len(added)
            added.append(CropClass(codes[c.code], c.name, colour(len(mapped) + len(added))))
    return Legend((*mapped.classes, *added)), codes
