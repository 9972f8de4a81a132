"""Samples with known truth of other places and seasons than the demo's, for training and validation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.domain.season import Season
from geocrop_processes.features.compute import compute
from geocrop_processes.simulation.ground import PLANE_EPSG, Floats, Place
from geocrop_processes.simulation.landscape import Landscape, build
from geocrop_processes.simulation.sampling import Ints, Sampling, of_points
from geocrop_processes.simulation.witness import Witness

PLACES = ((28.2, -18.1), (29.0, -17.9), (29.6, -17.0), (30.6, -17.6), (31.3, -17.3), (31.1, -18.4))
"""Longitude and latitude of the places that samples come from: the Highveld around, but not at, the demo."""
SEASONS = (2018, 2019, 2020, 2021)
"""The seasons that samples come from: not the demo's."""
_REACH_M = 2500.0
"""Half the side of a place's square."""


@dataclass(frozen=True)
class Samples:
    """Pixels with features and the truth; n samples."""

    features: npt.NDArray[np.float32]
    """In the order of `FEATURE_ORDER_V1`; shape (n, 51)."""
    labels: npt.NDArray[np.uint8]
    """Codes of the legend; shape (n,)."""
    groups: npt.NDArray[np.int64]
    """The same number for the samples of one place and season; shape (n,)."""
    seasons: npt.NDArray[np.int64]
    """The season's year; shape (n,)."""


def training_samples(
    seed: int, per_class: int, progress: Callable[[float, str], None], groups: int = 10
) -> Samples:
    """Draw samples of all classes from several places and seasons.

    Mixed pixels at fields' edges are among them as they come; a pixel's label is the class that most of
    it shows. Pixels that were seen too rarely to have features are left out.

    Args:
        seed: another seed means other landscapes and other weather.
        per_class: samples per class, about; fewer where a place lacks a class.
        progress: is told the share that is done.
        groups: how many places and seasons.
    """
    parts = []
    for group in range(groups):
        progress(group / groups, f"Simulated samples of place {group + 1} of {groups}")
        lon, lat = PLACES[group % len(PLACES)]
        season = Season(SEASONS[group % len(SEASONS)])
        # demo landscapes have seeds below 1000
        place = Place(lon, lat, 1000 + 100 * seed + group)
        parts.append(_of_place(place, season, -(-per_class // groups), group))
    progress(1.0, "Simulated samples are drawn")
    return Samples(
        features=np.concatenate([p.features for p in parts]),
        labels=np.concatenate([p.labels for p in parts]),
        groups=np.concatenate([p.groups for p in parts]),
        seasons=np.concatenate([p.seasons for p in parts]),
    )


def _of_place(place: Place, season: Season, per_class: int, group: int) -> Samples:
    landscape = build(place, _REACH_M)
    sampling = _pixels(landscape, per_class, np.random.default_rng([place.seed, 8]))
    witness = Witness.of(landscape, season, _REACH_M)
    dn, scl, dates = witness.cube(sampling)
    features = compute(dn, scl, dates)
    known = np.isfinite(features.values).all(axis=0)
    labels = sampling.labels(landscape)[known]
    return Samples(
        features=np.ascontiguousarray(features.values[:, known].T),
        labels=labels,
        groups=np.full(len(labels), group, np.int64),
        seasons=np.full(len(labels), season.year, np.int64),
    )


def _pixels(landscape: Landscape, per_class: int, rng: np.random.Generator) -> Sampling:
    """Choose pixels: as many of every class, spread over its fields."""
    left, bottom = (np.floor(v / PIXEL_M) * PIXEL_M + PIXEL_M / 2 for v in landscape.place.origin)
    steps = np.arange(-_REACH_M + 100, _REACH_M - 100, PIXEL_M)
    x, y = (a.ravel() for a in np.meshgrid(left + steps, bottom + steps))
    field = landscape.terrain.field(*landscape.place.local(PLANE_EPSG, x, y))
    chosen = _choose(field, landscape.code(field), per_class, rng)
    return of_points(landscape, PLANE_EPSG, x[chosen], y[chosen])


def _choose(
    field: Ints, code: npt.NDArray[np.uint8], per_class: int, rng: np.random.Generator
) -> Ints:
    area = np.bincount(field)[field]
    chosen = []
    for c in np.unique(code):
        mine = np.flatnonzero(code == c)
        chance: Floats = 1 / np.sqrt(area[mine])
        count = min(per_class, len(mine))
        chosen.append(rng.choice(mine, count, replace=False, p=chance / chance.sum()))
    return np.sort(np.concatenate(chosen))
