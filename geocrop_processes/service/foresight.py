"""What a map, or a raster of features, would come to: nothing is written, no pixel is read."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from datetime import date
from functools import partial
from threading import BoundedSemaphore, Semaphore, Thread
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable, GeoCropError
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.cube import acquisitions
from geocrop_processes.pipeline.plan import anchor_of, native_scene
from geocrop_processes.service.figures import Figures, area_ha
from geocrop_processes.service.problems import problem_of
from geocrop_processes.settings import Settings

Find = Callable[[Aoi, Season], Found]

SEARCH_S = 10.0
"""Seconds that the catalogue has to answer."""
SEARCHES = BoundedSemaphore(8)
"""Searches of a process at the same time, those among them that nobody waits for any more."""


def foreseen(
    inputs: Mapping[str, Any], settings: Settings, find: Find, figures: Figures
) -> dict[str, Any]:
    """Area, scenes, grid and blocks, expected seconds and bytes, of inputs that were accepted.

    What cannot be known now is told as a problem: without scenes there is neither a grid nor an expectation of time.

    Args:
        inputs: of a map or a raster of features, as `checks.maps` leaves them.
        settings: the deployment.
        find: finds the scenes of a place and season.
        figures: what a hectare costs.
    """
    as_of = inputs.get("as_of")
    aoi = Aoi(*map(float, inputs["aoi"]))
    season = Season(inputs["year"], date.fromisoformat(as_of) if as_of else None)
    hectares = area_ha(aoi)
    told: dict[str, Any] = {
        "area_hectares": round(hectares, 2),
        "season": {"start": str(season.start), "end": str(season.end)},
    }
    expected: dict[str, float] = {
        "bytes": round(hectares * figures.size),
        "measured_jobs": figures.jobs,
    }
    try:
        found = _searched(find, aoi, season)
        told |= _grid(found, aoi, settings)
    except GeoCropError as error:
        return told | {"scenes": {"problem": problem_of(error).document()}, "expected": expected}
    expected["seconds"] = round(hectares * len(found.scenes) * figures.seconds, 1)
    return told | {"expected": expected}


def _searched(find: Find, aoi: Aoi, season: Season) -> Found:
    """What the catalogue holds.

    Raises:
        CatalogUnavailable: it does not answer, not in time, or too many searches wait for it.
        NoScenes, InvalidSeason: as `find` says.
    """
    turns = SEARCHES
    if not turns.acquire(blocking=False):
        raise CatalogUnavailable("The catalogue is busy: earlier searches have not ended yet.")
    answer: Future[Found] = Future()
    # a search that is too late is left, and holds up nobody who ends the process
    search = partial(_search, answer, turns, lambda: find(aoi, season))
    thread = Thread(target=search, name="foresight", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        turns.release()
        raise CatalogUnavailable("The catalogue cannot be asked now.") from error
    try:
        return answer.result(SEARCH_S)
    except TooLate as error:
        raise CatalogUnavailable(f"The catalogue did not answer within {SEARCH_S:g} s.") from error


def _search(answer: Future[Found], turns: Semaphore, find: Callable[[], Found]) -> None:
    try:
        found = find()
    except BaseException as error:  # noqa: BLE001 - whoever waits is told
        turns.release()
        answer.set_exception(error)
    else:
        turns.release()
        answer.set_result(found)


def _grid(found: Found, aoi: Aoi, settings: Settings) -> dict[str, Any]:
    """Scenes and acquisitions, and on which grid they are mapped."""
    scenes: dict[str, Any] = {"found": len(found.scenes), "left_out": len(found.left_out)}
    if not found.scenes:
        return {"scenes": scenes | {"acquisitions": 0, "enough": False}}
    native = native_scene(found.scenes, aoi)
    count = len(acquisitions(found.scenes, native.epsg, aoi.lon))
    enough = count >= settings.map.min_acquisitions
    grid = Grid.of_aoi(aoi, native.epsg)
    blocks = sum(1 for _ in grid.blocks(settings.map.block_px, anchor_of(native)))
    return {
        "scenes": scenes | {"acquisitions": count, "enough": enough},
        "grid": {"crs": f"EPSG:{grid.epsg}", "width": grid.width, "height": grid.height},
        "blocks": blocks,
    }
