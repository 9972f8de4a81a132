"""From stored sites to a table of samples, and a report of what became of each label."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import geocrop_processes
from geocrop_processes.domain.as_of import MIN_DEKADS, WHOLE
from geocrop_processes.errors import NothingClear
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.sample_steps import LeftOutLabel, SamplePlan, Site
from geocrop_processes.pipeline.site import SiteResult, stored_sites, stored_task
from geocrop_processes.pipeline.table import MEDIA_TYPE, Table
from geocrop_processes.pipeline.table_columns import SCHEMA
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.publish.record import SIMULATED_NOTICE
from geocrop_processes.storage import RESULTS, Storage, result_key

_UNCLEAR = f"never seen clearly enough: fewer than {MIN_DEKADS} ten-day periods of the season"
_TWICE = "all of its pixels are those of another label of the same class"
_CONTRADICTED = "its pixels are labelled otherwise by another label"

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """An extraction that is done."""

    job_id: str
    """The job."""
    report: dict[str, Any]
    """What was extracted, as in `report.json`."""
    files: tuple[ProducedFile, ...]
    """`samples` (samples.parquet) and `report` (report.json)."""
    paths: dict[str, str]
    """Where each file is, by key."""


@dataclass(frozen=True)
class _Joined:
    """What was seen at all sites; n pixels, k dates."""

    values: npt.NDArray[np.float32]
    n_valid: npt.NDArray[np.uint8]
    max_gap_days: npt.NDArray[np.uint16]
    pixels: Ints
    """(n, 5): as in `SiteResult`."""
    places: npt.NDArray[np.float64]
    years: Ints
    zones: Ints
    sites: Ints
    """(n,) numbers of the plan's sites."""


def finish_samples(
    planned: SamplePlan,
    storage: Storage,
    *,
    attempts: Mapping[str, int] = MappingProxyType({}),
    abandoned: Asked = never,
) -> Samples:
    """Join the table of stored sites, and report; doing so twice stores the same bytes.

    A pixel that two labels of one class speak of is one sample; one that labels of different classes speak of is none.
    The sites' results stay until `discard_results` (pipeline/block.py) removes them.

    Args:
        planned: the job's plan.
        storage: where the sites' results are, and where the files go: `results/<job_id>/`.
        attempts: which attempt of a site counts, by its name; the first one where none is named.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; the job has no report then.
        NothingClear: no pixel was seen clearly often enough.
        StorageUnavailable: a site's result is missing, or a file cannot be stored.
    """
    found = list(stored_sites(planned, storage, attempts, abandoned))
    joined = _join(found)
    kept, reasons = _choose(joined)
    if not kept.any():
        first = next((str(r.failure) for _, r in found if str(r.failure)), "")
        raise NothingClear(
            f"None of the {len(kept)} labelled pixels was seen clearly in at least {MIN_DEKADS} dekads. {first}".strip()
        )
    leave(abandoned)
    table = _table(planned, joined, np.flatnonzero(kept), [r.used.tolist() for _, r in found])
    content = table.to_parquet()
    left_out = _left_out(planned, joined, kept, reasons, _failed(planned, found, storage))
    report = _report(planned, table, left_out, found, storage)
    report["table"] = {
        "file": "samples.parquet",
        "rows": table.rows.num_rows,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    parts = {
        "samples": ("samples.parquet", MEDIA_TYPE, content),
        "report": ("report.json", "application/json", json.dumps(report, indent=1).encode()),
    }
    paths = {}
    for key, (name, media_type, held) in parts.items():
        leave(abandoned)
        storage.put(RESULTS, result_key(planned.job_id, name), held, media_type)
        paths[key] = storage.url(RESULTS, result_key(planned.job_id, name))
    files = tuple(ProducedFile.of_bytes(key, *part) for key, part in parts.items())
    return Samples(planned.job_id, report, files, paths)


def _join(found: list[tuple[Site, SiteResult]]) -> _Joined:
    """All sites' pixels, by season, then the label's row, then from north to south and west to east."""
    sizes = [len(result.pixels) for _, result in found]
    years = np.repeat([site.year for site, _ in found], sizes)
    zones = np.repeat([site.epsg for site, _ in found], sizes)
    pixels = np.concatenate([r.pixels for _, r in found])
    column, row, label = pixels[:, :3].T
    order = np.lexsort([column, -row, zones, label, years])
    return _Joined(
        values=np.concatenate([r.values for _, r in found], axis=1)[:, order],
        n_valid=np.concatenate([r.n_valid for _, r in found], axis=1)[:, order],
        max_gap_days=np.concatenate([r.max_gap_days for _, r in found], axis=1)[:, order],
        pixels=pixels[order],
        places=np.concatenate([r.places for _, r in found])[order],
        years=years[order],
        zones=zones[order],
        sites=np.repeat(np.arange(len(found)), sizes)[order],
    )


def _choose(joined: _Joined) -> tuple[Bools, list[str]]:
    """Which pixels are samples (n,), and why the others are none (n,); "" of those that are."""
    same = np.stack([joined.years, joined.zones, joined.pixels[:, 0], joined.pixels[:, 1]], axis=1)
    _, first, which = np.unique(same, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    codes = joined.pixels[:, 3]
    low = np.full(len(first), np.iinfo(np.int64).max)
    high = np.zeros(len(first), np.int64)
    np.minimum.at(low, which, codes)
    np.maximum.at(high, which, codes)
    reasons = np.full(len(codes), "", object)
    reasons[joined.n_valid[0] < MIN_DEKADS] = _UNCLEAR
    reasons[first[which] != np.arange(len(codes))] = _TWICE
    reasons[(low != high)[which]] = _CONTRADICTED
    return reasons == "", reasons.tolist()


def _table(planned: SamplePlan, joined: _Joined, kept: Ints, scenes: list[list[str]]) -> Table:
    names = {c.code: c.name for c in planned.legend}
    _, group = np.unique(joined.pixels[kept, 4], return_inverse=True)
    parts = []
    for k, as_of in enumerate((WHOLE, *planned.as_of)):
        # what was not seen often enough by a date has no features of it
        sample = np.flatnonzero(joined.n_valid[k, kept] >= MIN_DEKADS)
        rows = kept[sample]
        codes = joined.pixels[rows, 3]
        columns = {
            "sample": sample,
            "group": group.reshape(-1)[sample],
            "code": codes,
            "class": [names[code] for code in codes.tolist()],
            "lon": joined.places[rows, 0],
            "lat": joined.places[rows, 1],
            "year": joined.years[rows],
            "as_of": [as_of] * len(rows),
            "n_valid": joined.n_valid[k, rows],
            "max_gap_days": joined.max_gap_days[k, rows],
            "scenes": [scenes[site] for site in joined.sites[rows].tolist()],
            **{name: joined.values[k, rows, i] for i, name in enumerate(FEATURE_ORDER_V1)},
        }
        parts.append(pa.table(columns, schema=SCHEMA))
    rows = pa.concat_tables(parts).combine_chunks()
    return Table(rows, planned.legend, planned.simulated, planned.created)


def _failed(
    planned: SamplePlan, found: Iterable[tuple[Site, SiteResult]], storage: Storage
) -> dict[int, str]:
    """The labels of sites that gave nothing, by row, with the reason."""
    return {
        row: str(result.failure)
        for site, result in found
        if str(result.failure)
        for row in stored_task(planned, site, storage).of_label
    }


def _left_out(
    planned: SamplePlan,
    joined: _Joined,
    kept: Bools,
    reasons: list[str],
    failed: Mapping[int, str],
) -> list[LeftOutLabel]:
    """The labels that gave no sample, by row, each with the first reason of its pixels."""
    numbers = joined.pixels[:, 2]
    used = set(numbers[kept].tolist())
    left_out = {**failed, **{label.row: label.reason for label in planned.left_out}}
    for number, reason in zip(numbers.tolist(), reasons, strict=True):
        if number not in used:
            left_out.setdefault(number, reason)
    return [LeftOutLabel(row, reason) for row, reason in sorted(left_out.items())]


def _report(
    planned: SamplePlan,
    table: Table,
    left_out: list[LeftOutLabel],
    found: list[tuple[Site, SiteResult]],
    storage: Storage,
) -> dict[str, Any]:
    whole = table.rows.filter(pc.equal(table.rows["as_of"], WHOLE))
    codes, years = Counter(whole["code"].to_pylist()), Counter(whole["year"].to_pylist())
    return {
        "job_id": planned.job_id,
        "created": planned.created.isoformat(),
        "simulated": planned.simulated,
        "notice": SIMULATED_NOTICE if planned.simulated else None,
        "geocrop": geocrop_processes.__version__,
        "feature_fingerprint": FINGERPRINT,
        "catalog": planned.catalog_url,
        "digest": planned.digest,
        "labels": {"sha256": planned.labels_sha256, "count": planned.labels},
        "per_field": planned.per_field,
        "seed": planned.seed,
        "as_of": list(planned.as_of),
        "samples": whole.num_rows,
        "groups": len(set(whole["group"].to_pylist())),
        "classes": [
            {"code": c.code, "name": c.name, "samples": codes[c.code]} for c in planned.legend
        ],
        "seasons": {str(year): years[year] for year in sorted(years)},
        "dates": dict(Counter(table.rows["as_of"].to_pylist())),
        "labels_left_out": [asdict(label) for label in left_out],
        "labels_left_out_by_reason": dict(Counter(label.reason for label in left_out)),
        "sites": [_of_site(planned, site, result, storage) for site, result in found],
    }


def _of_site(
    planned: SamplePlan, site: Site, result: SiteResult, storage: Storage
) -> dict[str, Any]:
    """What was looked at there; scenes that gave nothing clear are neither used nor left out."""
    unused = stored_task(planned, site, storage).left_out
    reasons = {scene.key: scene.reason for scene in unused} | dict(result.left_out.tolist())
    return {
        **asdict(site),
        "failure": str(result.failure) or None,
        "scenes_used": result.used.tolist(),
        "scenes_left_out": [{"title": k, "reason": reasons[k]} for k in sorted(reasons)],
    }
