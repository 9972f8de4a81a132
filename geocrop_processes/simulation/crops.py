"""What grows and when: the simulator's table of land covers.

Days are days since 1 September (DOS), 0..272. Pairs are (mean, standard deviation) between fields.

Sources:
    Planting: the maize and wheat calendars of WorldCereal (Franch et al. 2022, GIScience & Remote
    Sensing 59; main season from 2..12 November, winter season ending in late October), and the planting
    progress of the 2022/23 season in Zimbabwe (49 % by the end of November, 42 % in December, 9 % in
    January). Tobacco: irrigated from 1 September as the law has it, dryland October to December.
    Peaks: monthly NDVI of fields in Mozambique 2021/22 (FAO and Digital Earth Africa) and of soybean and
    savanna in Mato Grosso. Miombo flushes before the rains (Ryan et al. 2017, New Phytologist 213).
    Dry-down, weeds and spreads are agronomic judgement, not measurements.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MONTH_MIDDLES = (14.5, 45.0, 75.5, 106.0, 137.0, 166.5, 196.0, 226.5, 257.0)
"""DOS of the middles of September to May."""
GRASS_NDVI = (0.22, 0.22, 0.27, 0.36, 0.45, 0.52, 0.54, 0.48, 0.38)
"""NDVI of grassland in the middles of September to May; weeds follow it."""
WITHIN_FIELD_CV = 0.05
"""Spread of vigour between the patches of one field, relative."""
WHEAT_NDVI, WHEAT_HARVEST = 0.6, (38.0, 8.0)
"""Winter wheat: NDVI on 1 September, and DOS of its harvest."""
RATOON_CUT, RATOON_NDVI, RATOON_DAYS = (30.0, 40.0), 0.25, 90.0
"""Sugarcane that is cut: DOS of the cut, NDVI right after it, days in which it recovers."""
ROOF_TREES = (0.15, 0.1)
"""Share of trees in built-up land."""
BARE_GREEN = 0.05
"""The most green cover that bare land has."""


@dataclass(frozen=True)
class Cover:
    """A kind of land cover: how its greenness goes through the season and differs between fields."""

    name: str
    """The simulator's own name of it; several may belong to one class of the legend."""
    code: int
    """The class of the legend."""
    canopy: str
    """Its canopy's name in `spectra.CANOPIES`."""
    planting: tuple[tuple[float, float, float], ...] = ()
    """Waves of planting: (share, mean DOS, spread); none for what is not planted."""
    peak_after: tuple[float, float] = (70.0, 6.0)
    """Days from planting to the full canopy."""
    decline_after: tuple[float, float] = (140.0, 8.0)
    """Days from planting to the end of the season of a crop that dries, or to where decline starts."""
    decline_days: float = 12.0
    """Days in which the canopy vanishes."""
    declines_before: bool = True
    """Whether the decline ends at `decline_after` (a crop that dries), not starts there (reaping, leaf drop)."""
    peak_ndvi: tuple[float, float] = (0.7, 0.05)
    """NDVI of the full canopy."""
    weeds: tuple[float, float] = (0.0, 0.0)
    """Cover of weeds at their height."""
    irrigated: float = 0.0
    """Share of fields that do not wait for the rains."""
    monthly_ndvi: tuple[float, ...] = ()
    """NDVI in the middles of September to May of what is not planted; none for soil, water and roofs."""
    monthly_sd: float = 0.0
    """Spread of that between fields."""
    ratoon_share: float = 0.0
    """Share of fields that are cut within the season and shoot again."""
    winter_crop: bool = False
    """Whether winter wheat stands before the summer crop."""


COVERS: tuple[Cover, ...] = (
    Cover(
        "maize_commercial",
        1,
        "maize",
        planting=((1.0, 60, 12),),
        peak_ndvi=(0.8, 0.05),
        weeds=(0.06, 0.03),
        irrigated=0.3,
    ),
    Cover(
        "maize_smallholder",
        1,
        "maize",
        planting=((0.49, 75, 10), (0.42, 106, 8), (0.09, 130, 8)),
        peak_after=(70, 7),
        decline_after=(140, 9),
        decline_days=15,
        peak_ndvi=(0.62, 0.1),
        weeds=(0.28, 0.12),
    ),
    Cover(
        "tobacco_irrigated",
        2,
        "tobacco",
        planting=((1.0, 15, 15),),
        decline_after=(90, 4),
        decline_days=65,
        declines_before=False,
        peak_ndvi=(0.72, 0.07),
        weeds=(0.06, 0.03),
        irrigated=1.0,
    ),
    Cover(
        "tobacco_dryland",
        2,
        "tobacco",
        planting=((1.0, 75, 18),),
        peak_after=(65, 6),
        decline_after=(75, 4),
        decline_days=62,
        declines_before=False,
        peak_ndvi=(0.7, 0.07),
        weeds=(0.12, 0.06),
    ),
    Cover(
        "cotton",
        3,
        "cotton",
        planting=((1.0, 75, 15),),
        peak_after=(100, 8),
        decline_after=(165, 10),
        decline_days=10,
        peak_ndvi=(0.7, 0.08),
        weeds=(0.15, 0.08),
    ),
    Cover(
        "soybean",
        4,
        "soybean",
        planting=((1.0, 88, 10),),
        peak_after=(70, 5),
        decline_after=(112, 6),
        declines_before=False,
        peak_ndvi=(0.88, 0.04),
        weeds=(0.05, 0.03),
    ),
    Cover(
        "sorghum_millet",
        5,
        "sorghum_millet",
        planting=((1.0, 100, 18),),
        peak_after=(65, 7),
        decline_after=(115, 10),
        peak_ndvi=(0.52, 0.1),
        weeds=(0.25, 0.12),
    ),
    Cover(
        "groundnut",
        6,
        "groundnut",
        planting=((1.0, 85, 15),),
        peak_after=(75, 7),
        decline_after=(135, 10),
        decline_days=8,
        peak_ndvi=(0.68, 0.08),
        weeds=(0.18, 0.08),
    ),
    Cover(
        "sunflower",
        7,
        "sunflower",
        planting=((1.0, 115, 15),),
        peak_after=(60, 5),
        decline_after=(105, 8),
        decline_days=8,
        peak_ndvi=(0.62, 0.09),
        weeds=(0.2, 0.1),
    ),
    Cover(
        "sugarcane",
        8,
        "sugarcane",
        monthly_ndvi=(0.62, 0.64, 0.68, 0.72, 0.75, 0.77, 0.77, 0.74, 0.7),
        monthly_sd=0.06,
        ratoon_share=0.45,
    ),
    Cover(
        "winter_wheat_then_maize",
        9,
        "maize",
        planting=((1.0, 85, 12),),
        peak_ndvi=(0.8, 0.05),
        weeds=(0.06, 0.03),
        winter_crop=True,
    ),
    Cover("grass_fallow", 10, "grass", monthly_ndvi=GRASS_NDVI, monthly_sd=0.06),
    Cover(
        "miombo",
        11,
        "miombo",
        monthly_ndvi=(0.42, 0.52, 0.6, 0.68, 0.73, 0.75, 0.74, 0.7, 0.6),
        monthly_sd=0.05,
    ),
    Cover(
        "plantation",
        11,
        "plantation",
        monthly_ndvi=(0.72, 0.73, 0.75, 0.78, 0.8, 0.81, 0.81, 0.79, 0.77),
        monthly_sd=0.04,
    ),
    Cover("bare", 12, "grass"),
    Cover("water", 13, "grass"),
    Cover("urban", 14, "miombo"),
)
"""Every kind of land cover; its place in this tuple is its index in all arrays."""

INDEX = {cover.name: i for i, cover in enumerate(COVERS)}
"""The place of a cover in `COVERS`, by name."""
CODES: npt.NDArray[np.uint8] = np.array([cover.code for cover in COVERS], np.uint8)
"""The class of the legend of every cover; shape (17,)."""
