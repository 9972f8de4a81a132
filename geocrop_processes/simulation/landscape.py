"""The landscape of a place: a terrain whose fields have a cover and a soil.

A farming landscape of Zimbabwe: commercial farms with large fields and centre pivots beside a communal
area of small fields, bush and gum plantations between them, villages, a river and its dam. Every class of
the legend has its share near the place itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.simulation.blocks import KINDS, Floats, Ints
from geocrop_processes.simulation.crops import CODES, INDEX
from geocrop_processes.simulation.ground import Place
from geocrop_processes.simulation.plots import Plots, draw
from geocrop_processes.simulation.terrain import Terrain, shape
from geocrop_processes.simulation.weather import Weather

SHARES: dict[str, dict[str, float]] = {
    "commercial": {
        "maize_commercial": 0.25,
        "soybean": 0.24,
        "tobacco_irrigated": 0.17,
        "winter_wheat_then_maize": 0.12,
        "sugarcane": 0.16,
        "grass_fallow": 0.06,
    },
    "pivot": {
        "maize_commercial": 0.25,
        "soybean": 0.3,
        "winter_wheat_then_maize": 0.3,
        "sugarcane": 0.15,
    },
    "communal": {
        "maize_smallholder": 0.3,
        "groundnut": 0.13,
        "sorghum_millet": 0.15,
        "cotton": 0.15,
        "sunflower": 0.12,
        "tobacco_dryland": 0.05,
        "grass_fallow": 0.07,
        "bare": 0.03,
    },
    "wild": {"miombo": 0.6, "grass_fallow": 0.27, "bare": 0.13},
    "forest": {"plantation": 0.9, "grass_fallow": 0.1},
    "village": {"urban": 0.84, "bare": 0.06, "miombo": 0.1},
    "verge": {"grass_fallow": 1.0},
    "bank": {"miombo": 1.0},
    "water": {"water": 1.0},
}
"""The share of the land of every kind that each cover has."""
_SOILS = {"commercial": (6.0, 1.5, 1.5), "pivot": (6.0, 1.5, 1.5), "communal": (2.0, 6.0, 1.0)}
_OTHER_SOILS = (3.0, 3.0, 1.0)
"""Weights of red clay, sandveld and vertisol in the mixtures of blocks' soils (Dirichlet)."""
_STEP_M = 20.0
"""The lattice on which fields' areas are taken."""


@dataclass(frozen=True)
class Landscape:
    """What covers the ground, as a function of ground coordinates."""

    place: Place
    """Where it lies."""
    terrain: Terrain
    """Its fields."""
    cover: Ints
    """Cover of every field, index in `crops.COVERS`; shape (fields,)."""
    soil_weights: Floats
    """Shares of red clay, sandveld and vertisol; shape (fields, 3)."""

    def code(self, field: Ints) -> npt.NDArray[np.uint8]:
        """The class of the legend of fields; the same shape."""
        return CODES[self.cover[field]]

    def plots(self, weather: Weather, season: int) -> Plots:
        """All fields as they are in one season; the covers are the same in every season."""
        rng = np.random.default_rng([self.place.seed, 2, season])
        return draw(self.cover, self.soil_weights, weather, rng)


def build(place: Place, reach_m: float) -> Landscape:
    """Make the landscape of a square of twice `reach_m` about a place."""
    rng = np.random.default_rng([place.seed, 1])
    terrain = shape(reach_m, rng)
    kinds, block = terrain.kinds()
    weights = [_SOILS.get(KINDS[kind], _OTHER_SOILS) for kind in terrain.blocks.kind]
    gamma = rng.gamma(0.5 * np.array(weights)) + 1e-6
    return Landscape(
        place=place,
        terrain=terrain,
        cover=_allot(kinds, *_areas(terrain, reach_m), rng),
        soil_weights=(gamma / gamma.sum(axis=1, keepdims=True))[block],
    )


def _areas(terrain: Terrain, reach_m: float) -> tuple[Ints, Floats]:
    """Lattice points in every field, and the field's mean distance from the place."""
    steps = np.arange(-reach_m, reach_m, _STEP_M) + _STEP_M / 2
    x, y = (a.ravel() for a in np.meshgrid(steps, steps))
    field = terrain.field(x, y)
    area = np.bincount(field, minlength=terrain.size)
    distance = np.bincount(field, np.hypot(x, y), minlength=terrain.size) / np.maximum(area, 1)
    return area.astype(np.int64), np.where(area > 0, distance, np.inf)


def _allot(kinds: list[str], area: Ints, distance: Floats, rng: np.random.Generator) -> Ints:
    """Give every field a cover, so that each has its share of the land, near the place above all.

    From the place outwards every field gets the cover that lacks most of its share so far.
    """
    cover = np.zeros(len(kinds), np.int64)
    held = {kind: dict.fromkeys(shares, 0.0) for kind, shares in SHARES.items()}
    chance = rng.random((len(kinds), 10))
    for field in np.argsort(distance, kind="stable"):
        mine = held[kinds[field]]
        total = sum(mine.values()) + area[field]
        lack = [
            (share * total - mine[name]) / share**0.5 + chance[field, k] * area[field]
            for k, (name, share) in enumerate(SHARES[kinds[field]].items())
        ]
        name = list(mine)[int(np.argmax(lack))]
        mine[name] += float(area[field])
        cover[field] = INDEX[name]
    return cover
