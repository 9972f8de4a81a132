"""What maps have cost lately: the figures that an estimate is made of."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import Connection, func, select

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.service.database import Database
from geocrop_processes.service.reuse import lacking, measurable
from geocrop_processes.service.schema import jobs
from geocrop_processes.service.steps import SUCCESSFUL

_RECENT = 32
"""Jobs that figures are taken from, the newest successful ones."""
_LOOKED_AT = 200
"""Jobs among which an earlier one of the same request is looked for."""
_INDECISIVE = {"fresh", "max_seconds", "resume"}
"""Inputs that say how a product is made, and not which one."""
_SECONDS = 8.37 / (10_486 * 40)
"""Seconds of a hectare and a scene before any job has ended: the whole map of docs/performance.md."""
_BYTES = {"crop-classification": 69.2e6 / 167_772, "feature-extraction": 51 * 4 * 100.0}
"""Bytes of a hectare's product before any job has ended: files of docs/performance.md; 51 bands of float32."""


@dataclass(frozen=True)
class Figures:
    """What a map, or a raster of features, costs."""

    seconds: float
    """Of a hectare and a scene."""
    size: float
    """Bytes of a hectare's product."""
    jobs: int
    """The jobs that they were measured of; 0: they are the documents'."""


def area_ha(aoi: Aoi) -> float:
    """The area of a circle in hectares."""
    return math.pi * aoi.radius_m**2 / 10_000


class Past:
    """What the jobs of a job store have been.

    Args:
        database: the job store's.

    Raises (each method):
        StoreUnavailable: the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def figures(self, process: str) -> Figures:
        """The medians of the jobs that ended lately; the documents' figures where none has."""
        with self._database.read() as connection:
            return _figures(connection, process)

    def earlier(
        self, process: str, inputs: Mapping[str, Any], request: Mapping[str, Any]
    ) -> str | None:
        """The newest of the last successful jobs that asked for the same place, season, model and options, and lack nothing."""
        with self._database.read() as connection:
            return _earlier(connection, process, inputs, request)


def _figures(connection: Connection, process: str) -> Figures:
    ran = (jobs.c.finished - jobs.c.started).label("ran")
    query = (
        select(jobs.c.inputs, jobs.c.result, ran)
        # one that an earlier product answers, or that was partial, says nothing of what a map costs
        .where(jobs.c.status == SUCCESSFUL, jobs.c.process == process)
        .where(func.coalesce(jobs.c.product, "") == jobs.c.id, measurable())
        .order_by(jobs.c.number.desc())
        .limit(_RECENT)
    )
    rows = connection.execute(query).all()
    costs = [cost for row in rows if (cost := _cost(row.inputs, row.result or {}, row.ran))]
    if not costs:
        return Figures(_SECONDS, _BYTES[process], 0)
    seconds = [cost[0] for cost in costs if cost[0] is not None]
    return Figures(
        median(seconds) if seconds else _SECONDS, median(c[1] for c in costs), len(costs)
    )


def _earlier(
    connection: Connection, process: str, inputs: Mapping[str, Any], request: Mapping[str, Any]
) -> str | None:
    query = (
        select(jobs.c.id, jobs.c.inputs, jobs.c.request)
        # one that lacks something answers nothing
        .where(jobs.c.status == SUCCESSFUL, jobs.c.process == process, ~lacking())
        .order_by(jobs.c.number.desc())
        .limit(_LOOKED_AT)
    )
    wanted = _asked(inputs, request)
    found = (r.id for r in connection.execute(query) if _asked(r.inputs, r.request) == wanted)
    return next(found, None)


def _asked(inputs: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a product."""
    decisive = {key: value for key, value in inputs.items() if key not in _INDECISIVE}
    return decisive | {"probabilities": "probabilities" in (request.get("outputs") or {})}


def _cost(
    inputs: Mapping[str, Any], result: Mapping[str, Any], ran_s: float | None
) -> tuple[float | None, float] | None:
    """Seconds of a hectare and a scene, where the scenes are known, and bytes of a hectare."""
    if ran_s is None or not result.get("outputs") or "aoi" not in inputs:
        return None
    hectares = area_ha(Aoi(*map(float, inputs["aoi"])))
    size = sum(_sizes(result["outputs"].values()))
    scenes = len(result.get("summary", {}).get("scenes_used", ()))
    return (ran_s / (hectares * scenes) if scenes else None), size / hectares


def _sizes(files: Iterable[Mapping[str, Any]]) -> Iterable[float]:
    return (float(file["size"]) for file in files)
