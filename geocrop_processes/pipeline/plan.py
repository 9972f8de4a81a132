"""What a job will do, decided once from values: which scenes, on which grid, in which blocks."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pydantic import TypeAdapter

import geocrop_processes
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import NoScenes, TooFewScenes, UnusableModel
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.features.series import DEKADS, dekads_of
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.cube import Acquisition, acquisitions
from geocrop_processes.imagery.scene import LeftOut, Scene
from geocrop_processes.imagery.screening import screen
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.cropland import MASKS, NO_MASK, Check, choose
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

Find = Callable[[Aoi, Season], Found]
"""Finds the scenes of an AOI and season; `Catalog.find` does."""


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    aoi: Aoi
    """The place."""
    season: Season
    """The season."""
    catalog_url: str
    """The address that the scenes are searched at, as products name it."""
    block_px: int
    """The side of a block in pixels; it changes no byte of the map."""
    min_acquisitions: int
    """With fewer readable acquisitions the job fails."""
    mask: str = NO_MASK
    """`cropland` takes off crops where the season's land-cover baseline shows none; `none` keeps them."""

    keep_features: bool = False
    """Whether the features of its blocks are kept, for maps of the same place by other models; changes no byte."""
    probabilities: bool = False
    """Whether the product has the probability of each class; it changes no byte of its other rasters."""

    def __post_init__(self) -> None:
        if self.mask not in MASKS:
            raise ValueError(f"The mask must be one of {', '.join(MASKS)}, not {self.mask!r}.")


@dataclass(frozen=True)
class Plan:
    """Everything that a block needs to know beside the model; it travels as JSON."""

    job_id: str
    """The job."""
    created: datetime
    """When the job was made, UTC: the time that the product names."""
    request: Request
    """What was asked for."""
    model: str
    """The model's version, `name@version`."""
    grid: Grid
    """The pixels of the product."""
    anchor: tuple[int, int]
    """The corner (x, y) of the scenes' own tile, in metres: blocks are cut along its lines."""
    scenes: tuple[Scene, ...]
    """Those to read."""
    left_out: tuple[LeftOut, ...]
    """Those that were found and not used, and why."""
    digest: str
    """Products of the same digest have the same pixels, where every scene could be read."""
    check: Check | None = None
    """The baseline that the map is compared with, or masked by; None where there is none."""

    @property
    def blocks(self) -> list[Block]:
        """The blocks to compute, row by row."""
        return list(self.grid.blocks(self.request.block_px, self.anchor))

    def block(self, name: str) -> Block:
        """One of the blocks, by its name.

        Raises:
            ValueError: there is none of that name.
        """
        return self.grid.block(name, self.request.block_px, self.anchor)

    @cached_property
    def acquisitions(self) -> list[Acquisition]:
        """The time steps."""
        return acquisitions(self.scenes, self.grid.epsg, self.request.aoi.lon)

    def to_json(self) -> bytes:
        """The plan as JSON."""
        return _ADAPTER.dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> "Plan":
        """The inverse of `to_json`."""
        return _ADAPTER.validate_json(content)


def plan(  # noqa: PLR0913 - everything that is decided from
    job_id: str,
    created: datetime,
    request: Request,
    model: RegisteredModel,
    find: Find,
    access: Access,
    *,
    storage: Storage,
    abandoned: Asked = never,
) -> Plan:
    """Find and screen the scenes, choose the grid and the baseline.

    Raises:
        Abandoned: `abandoned`, asked between the parts of the work, says that it is not wanted any more.
        NoBaseline, UnusableBaseline: a mask was asked for, and there is nothing to mask with.
        UnusableModel: the model was trained on other features, or for another date within the season.
        NoScenes: no scene was found.
        TooFewScenes: fewer usable acquisitions than the request's minimum.
        CatalogUnavailable, InvalidSeason: as `find` says.
    """
    if model.card.fingerprint != FINGERPRINT:
        raise UnusableModel(
            f"The model {model.reference} was trained on features {model.card.fingerprint}, "
            f"this service computes {FINGERPRINT}."
        )
    if model.as_of != request.season.as_of_day:
        raise UnusableModel(
            f"The model {model.reference} was loaded for {_date(model.as_of)}, "
            f"the map is to be of {_date(request.season.as_of_day)}."
        )
    found = search(request, find)
    leave(abandoned)
    native = native_scene(found.scenes, request.aoi)
    grid = Grid.of_aoi(request.aoi, native.epsg)
    check = choose(
        request.mask,
        request.season,
        grid,
        model.card.legend,
        storage,
        simulated=any(s.simulated for s in found.scenes),
    )
    leave(abandoned)
    scenes, left_out = usable(request, found, native, access)
    leave(abandoned)
    return Plan(
        job_id=job_id,
        created=created,
        request=request,
        model=model.reference,
        grid=grid,
        anchor=anchor_of(native),
        scenes=scenes,
        left_out=left_out,
        digest=_digest(request, scenes, model, check),
        check=check,
    )


def search(request: Request, find: Find) -> Found:
    """What a catalogue holds of a place and season.

    Raises:
        NoScenes: no scene was found.
        CatalogUnavailable, InvalidSeason: as `find` says.
    """
    found = find(request.aoi, request.season)
    if not found.scenes:
        raise NoScenes(
            f"None of the {len(found.left_out)} items found is a usable scene.{_reasons(found.left_out)}"
        )
    return found


def usable(
    request: Request, found: Found, native: Scene, access: Access
) -> tuple[tuple[Scene, ...], tuple[LeftOut, ...]]:
    """The scenes to read, and those that are left out: beyond the season, or of a wrong offset.

    Raises:
        TooFewScenes: fewer usable acquisitions than the request's minimum.
    """
    reasons = {scene.key: _beyond(scene, request) for scene in found.scenes}
    scenes, contradicted = screen([s for s in found.scenes if not reasons[s.key]], access)
    beyond = (LeftOut(key, reason) for key, reason in reasons.items() if reason)
    left_out = (*found.left_out, *beyond, *contradicted)
    check_enough(
        len(acquisitions(scenes, native.epsg, request.aoi.lon)), request.min_acquisitions, left_out
    )
    return scenes, left_out


def anchor_of(native: Scene) -> tuple[int, int]:
    """The corner (x, y) of a scene's own tile, metres."""
    corner = native.files["B02"]
    return round(corner.left), round(corner.top)


def _beyond(scene: Scene, request: Request) -> str:
    """Why a scene's day does not count; empty where it does.

    Catalogues are searched in UTC, dekads are of solar days: far from Greenwich the two can differ.
    """
    season, day = request.season, scene.solar_day(request.aoi.lon)
    if not season.start <= day <= season.end:
        return "By the sun, the day of its acquisition lies outside the season."
    if dekads_of([day])[0] >= season.dekads:
        return f"The dekad (third of a month) of its acquisition has not ended by {season.end}."
    return ""


def _date(as_of: str) -> str:
    return f"the as-of date {as_of}" if as_of else "the whole season"


def check_enough(usable: int, needed: int, left_out: Iterable[LeftOut]) -> None:
    """Accept a number of acquisitions, or say why it is too small.

    Raises:
        TooFewScenes: it is below `needed`; the first reasons for leaving scenes out are told.
    """
    if usable < needed:
        raise TooFewScenes(
            f"Only {usable} acquisitions can be used, a map needs {needed}.{_reasons(left_out)}"
        )


def _reasons(left_out: Iterable[LeftOut]) -> str:
    """The first few, to be appended to a sentence."""
    return "".join(f" {scene.key}: {scene.reason}" for scene in list(left_out)[:3])


def native_scene(scenes: Iterable[Scene], aoi: Aoi) -> Scene:
    """A scene of the tile that covers most of the circle; of the first by name where tiles tie."""
    tiles = {scene.tile: scene for scene in scenes}
    return min(tiles.values(), key=lambda s: (-_coverage(s, aoi), s.tile))


def _coverage(scene: Scene, aoi: Aoi) -> float:
    """The share of the circle that the scene's tile covers, to six digits."""
    grid = Grid.of_aoi(aoi, scene.epsg)
    file = scene.files["B02"]
    x, y = grid.centres()
    across = (x > file.left) & (x < file.left + file.shape[1] * file.pixel_m)
    down = (y < file.top) & (y > file.top - file.shape[0] * file.pixel_m)
    inside = grid.inside(aoi)
    return round(float((inside & across[None, :] & down[:, None]).sum() / inside.sum()), 6)


def _digest(
    request: Request, scenes: Iterable[Scene], model: RegisteredModel, check: Check | None
) -> str:
    """SHA-256 of everything that decides the pixels: a baseline only where the map is masked by it."""
    decisive: dict[str, object] = {
        # 1500 and 1500.0 are the same radius
        "aoi": [float(v) for v in (request.aoi.lon, request.aoi.lat, request.aoi.radius_m)],
        "season": str(request.season),
        "scenes": sorted([s.collection, s.key, s.baseline, s.offset] for s in scenes),
        "model": [model.reference, dict(model.checksums)],
        "features": FINGERPRINT,
        "min_acquisitions": request.min_acquisitions,
        "geocrop": geocrop_processes.__version__,
    }
    if request.probabilities:
        decisive["probabilities"] = True
    if request.season.dekads < DEKADS:
        decisive["dekads"] = request.season.dekads
    if request.mask != NO_MASK and check is not None:
        decisive["mask"] = [request.mask, check.decisive]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


_ADAPTER = TypeAdapter(Plan)
