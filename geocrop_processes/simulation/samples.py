"""Samples with known truth of other places and seasons than the demo's, for training and validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from geocrop_processes.domain.as_of import MIN_DEKADS, WHOLE, dekads_of_as_of
from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.domain.progress import Progress
from geocrop_processes.domain.season import Season
from geocrop_processes.features.compute import compute
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.simulation.ground import PLANE_EPSG, Floats, Place
from geocrop_processes.simulation.landscape import Landscape, build
from geocrop_processes.simulation.sampling import Ints, Sampling, of_points
from geocrop_processes.simulation.witness import Witness

PLACES = ((28.2, -18.1), (29.0, -17.9), (29.6, -17.0), (30.6, -17.6), (31.3, -17.3), (31.1, -18.4))
"""Longitude and latitude of the places that samples come from: the Highveld around, but not at, the demo."""
SEASONS = (2018, 2019, 2020, 2021)
"""The seasons that samples come from: not the demo's."""
EQUAL_AREA_EPSG = 6933
"""The system that samples' places are told in, in metres."""
_REACH_M = 2500.0
"""Half the side of a place's square."""


@dataclass(frozen=True)
class Samples:
    """Pixels with features and the truth; n samples."""

    features: npt.NDArray[np.float32]
    """In the order of `FEATURE_ORDER_V1`; shape (n, 51); NaN in columns that an as-of date cuts off."""
    labels: npt.NDArray[np.uint8]
    """Codes of the legend; shape (n,)."""
    groups: npt.NDArray[np.int64]
    """The same number for the samples of one place and season; shape (n,)."""
    seasons: npt.NDArray[np.int64]
    """The season's year; shape (n,)."""

    def labelled(self) -> LabelledSamples:
        """The same, where they lie: at the centre of their place, whose landscape is another in each season."""
        lon, lat = np.array(PLACES)[self.groups % len(PLACES)].T
        x, y = Transformer.from_crs(4326, EQUAL_AREA_EPSG, always_xy=True).transform(lon, lat)
        return LabelledSamples(
            features=self.features,
            codes=self.labels.astype(np.int64),
            groups=self.groups,
            x=np.asarray(x),
            y=np.asarray(y),
            lon=lon,
            lat=lat,
            seasons=self.seasons,
        )


@dataclass(frozen=True)
class Site:
    """A place and season that samples are drawn from."""

    place: Place
    """The place; its seed is that of landscape and weather."""
    season: Season
    """The season."""


def training_samples(seed: int, per_class: int, progress: Progress, groups: int = 10) -> Samples:
    """Draw samples of all classes from several places and seasons.

    Mixed pixels at fields' edges are among them as they come; a pixel's label is the class that most of
    it shows. Pixels that were seen too rarely to have features are left out.

    Args:
        seed: another seed means other landscapes and other weather.
        per_class: samples per class, about; fewer where a place lacks a class.
        progress: is told the share that is done.
        groups: how many places and seasons.
    """
    return samples_as_of(sites(seed, groups), per_class, (WHOLE,), progress)[WHOLE]


def sites(
    seed: int,
    groups: int,
    places: Sequence[tuple[float, float]] = PLACES,
    seasons: Sequence[int] = SEASONS,
) -> list[Site]:
    """Sites of some places and seasons, in turns.

    Args:
        seed: another seed means other landscapes and other weather.
        groups: how many.
        places: longitudes and latitudes.
        seasons: their years.
    """
    # demo landscapes have seeds below 1000
    return [
        Site(
            Place(*places[group % len(places)], 1000 + 100 * seed + group),
            Season(seasons[group % len(seasons)]),
        )
        for group in range(groups)
    ]


def samples_as_of(
    from_sites: Sequence[Site], per_class: int, dates: Sequence[str], progress: Progress
) -> dict[str, Samples]:
    """As `training_samples`, of the same pixels as of several dates within their seasons.

    Args:
        from_sites: where they come from; each is a group.
        per_class: samples per class, about.
        dates: as-of dates "MM-DD"; "" is the whole season.
        progress: is told the share that is done.

    Returns:
        Samples by date: the earlier, the more pixels were seen too rarely, and the more features are NaN.

    Raises:
        InvalidSeason: one is no as-of date.
    """
    parts: dict[str, list[Samples]] = {as_of: [] for as_of in dates}
    for group, site in enumerate(from_sites):
        share = group / len(from_sites)
        progress(share, f"Simulated samples of place {group + 1} of {len(from_sites)}")
        for as_of, samples in _of_site(site, -(-per_class // len(from_sites)), group, dates):
            parts[as_of].append(samples)
    progress(1.0, "Simulated samples are drawn")
    return {
        as_of: Samples(
            features=np.concatenate([p.features for p in found]),
            labels=np.concatenate([p.labels for p in found]),
            groups=np.concatenate([p.groups for p in found]),
            seasons=np.concatenate([p.seasons for p in found]),
        )
        for as_of, found in parts.items()
    }


def _of_site(
    site: Site, per_class: int, group: int, dates: Sequence[str]
) -> Iterator[tuple[str, Samples]]:
    landscape = build(site.place, _REACH_M)
    sampling = _pixels(landscape, per_class, np.random.default_rng([site.place.seed, 8]))
    witness = Witness.of(landscape, site.season, _REACH_M)
    dn, scl, days = witness.cube(sampling)
    labels = sampling.labels(landscape)
    for as_of in dates:
        features = compute(dn, scl, days, dekads_of_as_of(as_of))
        seen = features.n_valid >= MIN_DEKADS
        count = np.count_nonzero(seen)
        samples = Samples(
            features=np.ascontiguousarray(features.values[:, seen].T),
            labels=labels[seen],
            groups=np.full(count, group, np.int64),
            seasons=np.full(count, site.season.year, np.int64),
        )
        yield as_of, samples


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
