"""What points say of a map: counts, accuracies and areas as JSON values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.legend import Legend
from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.accuracy import Accuracy, Share
from geocrop_processes.models.areas import AreaEstimates, Estimate
from geocrop_processes.models.strata import estimate_by_strata
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.design import Strata

Ints = npt.NDArray[np.int64]

_STRATIFIED = (
    "The points were drawn at random within the map's classes, as the design says: areas and accuracies are estimates "
    "of the whole map (Olofsson et al. 2014)."
)
_OTHER_STRATA = (
    "The points were drawn at random within strata that are not the map's classes any more: areas and accuracies are "
    "estimates of the whole map (Stehman 2014)."
)
_UNKNOWN_DESIGN = (
    "How the points were drawn is not known. Areas and accuracies of the whole map hold if, within each class of the "
    "map, every pixel was as likely to be drawn as any other; points of training fields, of roadsides or of "
    "convenience are no such sample."
)


@dataclass(frozen=True)
class Compared:
    """The points that could be compared, n of them."""

    mapped: Ints
    """(n,) the map's class."""
    reference: Ints
    """(n,) the class that is there."""
    names: tuple[str, ...]
    """(n,) what the points are called."""
    legend: Legend
    """The classes of both."""
    left_out: tuple[tuple[int, str], ...]
    """Row and reason of those that could not be."""


def figures(judged: ClassMap, compared: Compared, strata: Strata | None) -> dict[str, Any]:
    """The figures of an assessment; shares 0..1, areas in hectares.

    Args:
        judged: the map.
        compared: the points.
        strata: what the map was when they were drawn, where that is known.
    """
    occurring = {*judged.pixels, *compared.reference.tolist()}
    codes = [code for code in compared.legend.codes if code in occurring]
    accuracy = Accuracy.of(compared.reference, compared.mapped, codes)
    # the map's classes are rows where areas are estimated
    counts = accuracy.matrix[:, :-1].T
    hectares = {code: n * judged.pixel_ha for code, n in judged.pixels.items()}
    design, estimates, why = _estimate(codes, compared, counts, hectares, judged.pixel_ha, strata)
    return {
        "design": design,
        "no_areas_because": why,
        "overall": {
            "sample": _share(int(np.trace(counts)), int(counts.sum())),
            "map": _told(estimates.overall) if estimates else None,
        },
        "macro_f1": round(accuracy.macro_f1, 6),
        "classes": [
            {
                "code": code,
                "name": compared.legend.name_of(code),
                "on_map": code in judged.pixels,
                "mapped_hectares": round(hectares.get(code, 0.0), 2),
                "points_mapped": int(counts[i].sum()),
                "points_reference": int(counts[:, i].sum()),
                **_of_class(code, accuracy, estimates),
            }
            for i, code in enumerate(codes)
        ],
        "matrix": {
            "rows": "map",
            "columns": "reference",
            "codes": codes,
            "counts": counts.tolist(),
            "area_shares": np.round(estimates.proportions, 6).tolist() if estimates else None,
        },
    }


def _of_class(code: int, accuracy: Accuracy, estimates: AreaEstimates | None) -> dict[str, Any]:
    """Accuracies of a class among the points, and on the whole map with its area."""
    f1 = accuracy.f1.get(code)
    return {
        "users": {
            "sample": _of_share(accuracy.users.get(code)),
            "map": _told(estimates.users[code]) if estimates else None,
        },
        "producers": {
            "sample": _of_share(accuracy.producers.get(code)),
            "map": _told(estimates.producers[code]) if estimates else None,
        },
        "f1": None if f1 is None else round(f1, 6),
        "hectares": _told(estimates.areas[code], 2) if estimates else None,
    }


def _estimate(
    codes: Sequence[int],
    compared: Compared,
    counts: Ints,
    hectares: Mapping[int, float],
    pixel_ha: float,
    strata: Strata | None,
) -> tuple[str, AreaEstimates | None, str | None]:
    """What is said of the design, the estimates, and why there are none."""
    try:
        if strata is not None:
            drawn = np.array([strata.of_point[name] for name in compared.names], np.int64)
            pixels = {code: n * pixel_ha for code, n in strata.pixels.items()}
            if (drawn != compared.mapped).any() or pixels != hectares:
                found = estimate_by_strata(
                    codes, compared.mapped, compared.reference, drawn, pixels
                )
                return _OTHER_STRATA, found, None
        areas = [hectares.get(code, 0.0) for code in codes]
        design = _UNKNOWN_DESIGN if strata is None else _STRATIFIED
        return design, AreaEstimates.of(codes, counts, areas), None
    except InvalidSample as error:
        return _UNKNOWN_DESIGN if strata is None else _STRATIFIED, None, str(error)


def _told(estimate: Estimate, digits: int = 6) -> dict[str, Any] | None:
    """An estimate as JSON values; None of what is not known."""
    if not np.isfinite(estimate.value):
        return None
    low, high = estimate.interval
    known = bool(np.isfinite(estimate.error))
    return {
        "value": round(estimate.value, digits),
        "standard_error": round(estimate.error, digits) if known else None,
        "interval_95": [round(low, digits), round(high, digits)] if known else None,
    }


def _share(right: int, of: int) -> dict[str, Any]:
    found = Share(right, of)
    return {
        "value": round(found.value, 6),
        "interval_95": [round(side, 6) for side in found.interval],
        "points": of,
    }


def _of_share(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else _share(share.right, share.of)
