"""What the simulator's surfaces look like: reflectances of soils, residue, canopies, water and roofs.

All are surface reflectances (unitless) in the ten bands of `features.bands.BANDS`.

Sources: medians of Sentinel-2 pixels in public training sets (African bare soil of NDVI 0.1..0.22: B04
0.158, B08 0.221, B11 0.342; green crops of NDVI 0.85..0.95: B04 0.030, B08 0.497, B11 0.173; built-up,
deciduous forest and grass likewise), set apart between red clays, sandveld and vertisols and between the
crops' canopies by agronomic judgement.
"""

import numpy as np

Spectrum = tuple[float, ...]
"""Reflectance in the ten bands."""

RED, NIR = 2, 6
"""Places of B04 and B08 in a spectrum: those that NDVI is made of."""

SOILS: dict[str, Spectrum] = {
    "red_clay": (0.045, 0.07, 0.125, 0.15, 0.165, 0.18, 0.19, 0.2, 0.29, 0.24),
    "sandveld": (0.095, 0.14, 0.19, 0.22, 0.245, 0.265, 0.285, 0.3, 0.4, 0.35),
    "vertisol": (0.04, 0.055, 0.07, 0.08, 0.09, 0.1, 0.105, 0.112, 0.16, 0.14),
}
"""Dry soils."""
WET_FACTOR = np.array([0.65] * 8 + [0.55] * 2)
"""What is left of a dry soil's reflectance right after heavy rain, per band: visible and NIR, SWIR."""

RESIDUE: Spectrum = (0.075, 0.115, 0.165, 0.205, 0.245, 0.275, 0.3, 0.32, 0.36, 0.25)
"""Stubble and dry grass."""

CANOPIES: dict[str, Spectrum] = {
    "maize": (0.028, 0.055, 0.03, 0.095, 0.31, 0.39, 0.41, 0.42, 0.19, 0.095),
    "soybean": (0.025, 0.055, 0.025, 0.085, 0.38, 0.5, 0.53, 0.535, 0.19, 0.085),
    "tobacco": (0.035, 0.075, 0.04, 0.115, 0.34, 0.43, 0.45, 0.46, 0.2, 0.1),
    "cotton": (0.032, 0.06, 0.032, 0.095, 0.35, 0.44, 0.46, 0.47, 0.21, 0.105),
    "sorghum_millet": (0.035, 0.062, 0.042, 0.105, 0.27, 0.33, 0.345, 0.355, 0.215, 0.12),
    "groundnut": (0.032, 0.068, 0.036, 0.1, 0.34, 0.43, 0.45, 0.455, 0.215, 0.11),
    "sunflower": (0.033, 0.064, 0.038, 0.1, 0.32, 0.4, 0.42, 0.43, 0.21, 0.11),
    "sugarcane": (0.03, 0.058, 0.032, 0.095, 0.3, 0.37, 0.39, 0.4, 0.17, 0.08),
    "wheat": (0.025, 0.05, 0.027, 0.085, 0.32, 0.41, 0.43, 0.44, 0.18, 0.085),
    "grass": (0.04, 0.07, 0.055, 0.12, 0.24, 0.285, 0.3, 0.31, 0.24, 0.15),
    "miombo": (0.025, 0.045, 0.03, 0.075, 0.21, 0.26, 0.275, 0.285, 0.16, 0.08),
    "plantation": (0.02, 0.035, 0.022, 0.055, 0.17, 0.21, 0.225, 0.235, 0.11, 0.05),
}
"""Full green cover."""
CLEAR_WATER: Spectrum = (0.045, 0.05, 0.035, 0.03, 0.025, 0.024, 0.02, 0.018, 0.01, 0.007)
TURBID_WATER: Spectrum = (0.07, 0.1, 0.11, 0.09, 0.06, 0.055, 0.045, 0.042, 0.015, 0.01)
"""A dam in September, and after heavy rain."""
URBAN: Spectrum = (0.11, 0.13, 0.15, 0.165, 0.18, 0.19, 0.2, 0.21, 0.24, 0.22)
"""Roofs, roads and yards."""
