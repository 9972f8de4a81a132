"""A class map against reference points: confusion matrix, accuracies, error-adjusted areas; and which points to label."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geocrop_processes.pipeline.labels import Labels
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.storage import Storage


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


@dataclass(frozen=True)
class Design:
    """Points to label, in an order that tells nothing of their classes."""

    points: bytes
    """GeoJSON or CSV without what the map says: for whoever labels."""
    strata: bytes
    """CSV of what the map says of each point, for the assessment: to be kept from whoever labels."""
    sizes: Mapping[int, int]
    """Points by class code."""


def assess(  # noqa: PLR0913 - what is judged, by what, and where to
    job_id: str,
    class_map: bytes,
    labels: Labels,
    storage: Storage,
    *,
    title: str,
    strata: Mapping[str, int] | None = None,
    notice: str | None = None,
) -> Assessment:
    """Judge a class map (COG) by reference points; files go to `results/<job_id>/`.

    Args:
        job_id: names the folder.
        class_map: the COG: legend inside, 0 no data.
        labels: points, read with the map's legend and `open_legend`.
        storage: where the files go.
        title: of the map, for people.
        strata: the map's class at the time of drawing by the point's `id`, as `Design.strata` has it; the sample is
            not taken to be stratified by the map where there is none.
        notice: what must be said of a simulated map.

    Raises:
        InvalidLabels: a label is no point, or none lies on the map.
        InvalidSample: strata do not fit.
    """
    raise NotImplementedError


def design_sample(  # noqa: PLR0913 - what the paper's rule is fed with, each by its name
    class_map: bytes,
    *,
    expected: Mapping[int, float],
    year: int,
    target_error: float = 0.01,
    least: int = 50,
    seed: int = 1,
    media_type: str = "application/geo+json",
) -> Design:
    """Draw a stratified random sample of a class map, by the rule of Olofsson et al. 2014.

    Args:
        class_map: the COG.
        expected: user's accuracies that are expected, by class code; 0.8 where none is given.
        year: the season, written beside each point.
        target_error: standard error of overall accuracy to aim at.
        least: points of a rare class.
        seed: the same seed draws the same points.
        media_type: of the points: GeoJSON or CSV.

    Raises:
        InvalidSample: as `models.sampling` says.
    """
    raise NotImplementedError
