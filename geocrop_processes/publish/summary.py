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
        "season": {
            "year": record.season.year,
            "start": record.season.start.isoformat(),
            "end": record.season.end.isoformat(),
        },
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
            }
            for c in record.legend
        ],
        "clear_dekads": {
            "mean": _rounded(tally.mean_n_valid()),
            **{f"p{round(100 * q):02d}": tally.quantile_n_valid(q) for q in _QUANTILES},
        },
        "mask": "cropland" if record.masked else "none",
        "baseline": _against(record.baseline) if record.baseline else None,
        "scenes_used": [s.title for s in record.scenes],
        "scenes_left_out": [{"title": s.title, "reason": s.reason} for s in record.left_out],
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
