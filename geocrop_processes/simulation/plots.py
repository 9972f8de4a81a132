"""What every plot of ground is: its cover, dates, vigour and soil. Arrays, one value per plot."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from geocrop_processes.simulation.crops import (
    BARE_GREEN,
    COVERS,
    INDEX,
    RATOON_CUT,
    ROOF_TREES,
    WHEAT_HARVEST,
    WITHIN_FIELD_CV,
)
from geocrop_processes.simulation.spectra import SOILS
from geocrop_processes.simulation.weather import Weather

Floats = npt.NDArray[np.float64]

_NEVER = 999.0
"""A DOS that no season reaches."""
_SOILS = np.array(list(SOILS.values()))


@dataclass(frozen=True)
class Plots:
    """Plots of ground in one season; every array has one value (or row) per plot."""

    cover: npt.NDArray[np.int64]
    """Index in `crops.COVERS`."""
    planting: Floats
    """DOS of planting; 999 where nothing is planted."""
    peak_after: Floats
    """Days from planting to the full canopy."""
    decline_middle: Floats
    """Days from planting to where half of the canopy is gone."""
    decline_days: Floats
    """Days in which the canopy vanishes."""
    peak_ndvi: Floats
    """NDVI of the full canopy; for what is not planted, what is added to its monthly NDVI."""
    weeds: Floats
    """Cover of weeds at their height, 0..1."""
    event: Floats
    """DOS at which winter wheat is harvested or sugarcane cut; 999 where neither is."""
    share: Floats
    """Bare: green cover. Water: turbid share. Built-up: share of trees."""
    residue: Floats
    """Cover of stubble or dry grass between the plants, 0..1."""
    soil: Floats
    """Dry soil's reflectance; shape (n, 10)."""
    vigour: Floats
    """Relative to the field's mean, about 1."""

    def __len__(self) -> int:
        return len(self.cover)

    def patches(self, field: npt.NDArray[np.int64], patch: npt.NDArray[np.int64]) -> "Plots":
        """The patches of fields: like their field, but each with its own vigour and brightness of soil.

        Args:
            field: index of every patch's field, shape (m,).
            patch: a number per patch of ground, shape (m,); the same number means the same variation.
        """
        taken = {f.name: getattr(self, f.name)[field] for f in fields(self)}
        bright, strong = _variation(patch)
        taken["soil"] = taken["soil"] * bright[:, None]
        taken["vigour"] = taken["vigour"] * strong
        return Plots(**taken)


def _variation(patch: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Two factors about 1 per patch: a table of normal values, looked up by the patch's number."""
    table = 1 + WITHIN_FIELD_CV * np.random.default_rng(20_220_901).standard_normal((2, 4093))
    bright, strong = np.clip(table, 0.8, 1.2)[:, patch % 4093]
    return bright, strong


def draw(
    cover: npt.NDArray[np.int64],
    soil_weights: Floats,
    weather: Weather,
    rng: np.random.Generator,
) -> Plots:
    """Draw the properties of fields.

    Args:
        cover: index in `COVERS` per field, shape (n,).
        soil_weights: shares of the three soils per field, shape (n, 3), rows sum to 1.
        weather: the season's onset and vigour.
        rng: where chance comes from; it is drawn from in the same order whatever the covers are.
    """
    n = len(cover)
    z = np.clip(rng.standard_normal((8, n)), -2.5, 2.5)
    u = rng.random((5, n))
    pair = {
        name: _spread(name, cover) for name in ("peak_after", "decline_after", "peak_ndvi", "weeds")
    }
    planted = np.array([bool(c.planting) for c in COVERS])[cover]
    decline_days = np.array([c.decline_days for c in COVERS])[cover] * (1 + 0.05 * z[7])
    sign = np.array([-1.0 if c.declines_before else 1.0 for c in COVERS])[cover]
    peak = np.where(
        planted,
        pair["peak_ndvi"][0] + pair["peak_ndvi"][1] * z[3] + weather.vigour,
        np.array([c.monthly_sd for c in COVERS])[cover] * z[3] + weather.vigour,
    )
    brightness = np.clip(1 + 0.12 * rng.standard_normal((n, 1)), 0.7, 1.35)
    return Plots(
        cover=cover,
        planting=_planting(cover, u[:2], z[0], weather),
        peak_after=pair["peak_after"][0] + pair["peak_after"][1] * z[1],
        decline_middle=pair["decline_after"][0]
        + pair["decline_after"][1] * z[2]
        + sign * decline_days / 2,
        decline_days=decline_days,
        peak_ndvi=np.where(planted, np.clip(peak, 0.25, 0.93), peak),
        weeds=np.clip(pair["weeds"][0] + pair["weeds"][1] * z[4], 0, 0.6),
        event=_event(cover, u[2], z[5]),
        share=_share(cover, u[3], z[6]),
        residue=0.05 + 0.25 * u[4],
        soil=soil_weights @ _SOILS * brightness,
        vigour=np.ones(n),
    )


def _spread(name: str, cover: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    mean, sd = np.array([getattr(c, name) for c in COVERS]).T
    return mean[cover], sd[cover]


def _planting(cover: npt.NDArray[np.int64], u: Floats, z: Floats, weather: Weather) -> Floats:
    """DOS of planting: a wave, a day around it, and the onset of the rains where nobody irrigates."""
    day = np.full(len(cover), _NEVER)
    for i, kind in enumerate(COVERS):
        if kind.planting:
            mine = cover == i
            ends = np.cumsum([share for share, _, _ in kind.planting])
            wave = np.searchsorted(ends[:-1], u[0][mine], side="right")
            means, spreads = (np.array([w[k] for w in kind.planting]) for k in (1, 2))
            dry = u[1][mine] >= kind.irrigated
            day[mine] = means[wave] + spreads[wave] * z[mine] + np.where(dry, weather.onset, 0.0)
    return day


def _event(cover: npt.NDArray[np.int64], u: Floats, z: Floats) -> Floats:
    day = np.full(len(cover), _NEVER)
    for i, kind in enumerate(COVERS):
        if kind.winter_crop:
            day = np.where(cover == i, WHEAT_HARVEST[0] + WHEAT_HARVEST[1] * z, day)
        cut = (cover == i) & (u < kind.ratoon_share)
        day = np.where(cut, RATOON_CUT[0] + RATOON_CUT[1] * z, day)
    return day


def _share(cover: npt.NDArray[np.int64], u: Floats, z: Floats) -> Floats:
    share = np.where(cover == INDEX["bare"], BARE_GREEN * u, u)
    trees = np.clip(ROOF_TREES[0] + ROOF_TREES[1] * z, 0, 0.5)
    return np.where(cover == INDEX["urban"], trees, share)
