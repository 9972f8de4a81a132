"""A map in figures: hectares per class, and what they rest on."""

from typing import Any

from geocrop_processes.domain.grid import PIXEL_HA
from geocrop_processes.publish.record import MapRecord

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the numbers of clear views."""


def summarise(record: MapRecord) -> dict[str, Any]:
    """The summary as JSON values: areas in hectares, shares and probabilities 0..1.

    The areas of all classes and the area without a class sum to the area of the AOI, which is that of the
    pixels whose centres lie in the circle. They are counts of mapped pixels, not estimates of the true
    areas: those need reference data (Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57).
    """
    tally = record.tally
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
                "mean_probability": _rounded(tally.mean_top(c.code)),
            }
            for c in record.card.legend
        ],
        "clear_dekads": {
            "mean": _rounded(tally.mean_n_valid()),
            **{f"p{round(100 * q):02d}": tally.quantile_n_valid(q) for q in _QUANTILES},
        },
        "scenes_used": [s.title for s in record.scenes],
        "scenes_left_out": [{"title": s.title, "reason": s.reason} for s in record.left_out],
    }


def _hectares(pixels: int) -> float:
    return round(pixels * PIXEL_HA, 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
