"""A map in figures: hectares per class, and what they rest on."""

from typing import Any

from geocrop_processes.domain.grid import PIXEL_HA
from geocrop_processes.publish.record import BaselineUse, MapRecord

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the numbers of clear views."""


def summarise(record: MapRecord) -> dict[str, Any]:
    """The summary as JSON values: areas in hectares, shares and probabilities 0..1.

    The areas of all classes and the area without a class sum to the area of the AOI, which is that of the
    pixels whose centres lie in the circle. They are counts of mapped pixels, not estimates of the true
    areas: those need reference data (Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57).

    The comparison with a baseline counts the map before any mask: after it the map could show no crop where
    the baseline shows none.
    """
    tally = record.tally
    by_model = record.card.legend.codes
    judged = record.applicability_threshold is not None
    return {
        "job_id": record.job_id,
        "simulated": record.notice is not None,
        "notice": record.notice,
        "aoi": {
            "lon": record.aoi.lon,
            "lat": record.aoi.lat,
            "radius_m": record.aoi.radius_m,
            "hectares": _hectares(tally.inside),
        },
        "season": record.seen,
        "model": {"name": record.card.name, "version": record.model_version},
        "mapped_hectares": _hectares(tally.mapped),
        "unmapped_hectares": _hectares(tally.inside - tally.mapped),
        "unmapped_pixels": tally.inside - tally.mapped,
        "classes": [
            {
                "code": c.code,
                "name": c.name,
                "colour": c.colour,
                "hectares": _hectares(tally.pixels[c.code]),
                "share": round(tally.share(c.code), 6),
                # what a mask put there has no probability
                "mean_probability": _rounded(tally.mean_top(c.code))
                if c.code in by_model
                else None,
                "outside_applicability_hectares": _hectares(tally.outside[c.code])
                if judged
                else None,
                "outside_applicability_share": _rounded(tally.share_outside(c.code)),
            }
            for c in record.legend
        ],
        "mean_disagreement": _rounded(tally.mean_disagreement()),
        "applicability": applicability(record),
        "clear_dekads": {
            "mean": _rounded(tally.mean_n_valid()),
            **{f"p{round(100 * q):02d}": tally.quantile_n_valid(q) for q in _QUANTILES},
        },
        "mask": "cropland" if record.masked else "none",
        "baseline": _against(record.baseline) if record.baseline else None,
        # only of a map whose time was over
        **(
            {"blocks": record.blocks, "missing_blocks": list(record.missing_blocks)}
            if record.missing_blocks
            else {}
        ),
        "scenes_used": [s.title for s in record.scenes],
        "scenes_left_out": [{"title": s.title, "reason": s.reason} for s in record.left_out],
    }


def applicability(record: MapRecord) -> dict[str, Any] | None:
    """How much of the mapped pixels lies in the model's area of applicability; None of a model without one.

    Pixels are counted as the confidence raster marks them. The threshold is of the dissimilarity index.
    """
    if record.applicability_threshold is None:
        return None
    tally = record.tally
    judged, outside = sum(tally.judged), sum(tally.outside)
    share = tally.share_outside()
    return {
        "threshold": record.applicability_threshold,
        "inside_hectares": _hectares(judged - outside),
        "outside_hectares": _hectares(outside),
        "inside_share": None if share is None else _rounded(1 - share),
        "outside_share": _rounded(share),
    }


def _against(baseline: BaselineUse) -> dict[str, Any]:
    """The comparison of a map with a baseline, over the pixels where both have a class."""
    counts = baseline.comparison
    return {
        "kind": baseline.kind,
        "keys": sorted(baseline.files),
        "compared_hectares": _hectares(counts.compared),
        "agreement": _rounded(counts.agreement),
        "map_cropland_hectares": _hectares(counts.both + counts.map_only),
        "baseline_cropland_hectares": _hectares(counts.both + counts.baseline_only),
    }


def _hectares(pixels: int) -> float:
    return round(pixels * PIXEL_HA, 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
