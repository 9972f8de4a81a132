"""A table of spectral indices: nine ratios of bands that tell plants, soil, residue and water apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

type Array = npt.NDArray[np.float64]
"""Numbers that are worked with; they are cast to float32 once, at the very end."""
type Bands = Mapping[str, Array]
"""Reflectance by the names of `bands.BANDS`; all of one shape, without NaN."""

SMALLEST_DENOMINATOR = 1e-6
"""A ratio whose denominator is nearer to zero than this is 0."""


@dataclass(frozen=True)
class Index:
    """A spectral index."""

    name: str
    """Its name in lower case, as in the names of features."""
    formula: Callable[[Bands], Array]
    """The index of reflectance, pixel by pixel, before it is clipped."""
    lowest: float
    """What smaller values are clipped to."""
    highest: float
    """What larger values are clipped to."""

    def of(self, bands: Bands) -> Array:
        """The index, unitless, of the bands' shape; finite wherever the bands are."""
        return np.clip(self.formula(bands), self.lowest, self.highest)


def _ratio(above: Array, below: Array) -> Array:
    """`above / below`, and 0 where `below` is almost 0."""
    usable = np.abs(below) >= SMALLEST_DENOMINATOR
    return np.where(usable, above / np.where(usable, below, 1.0), 0.0)


def _difference(one: str, other: str) -> Callable[[Bands], Array]:
    """The normalised difference of two bands."""
    return lambda b: _ratio(b[one] - b[other], b[one] + b[other])


def _evi(b: Bands) -> Array:
    return _ratio(2.5 * (b["B08"] - b["B04"]), b["B08"] + 6.0 * b["B04"] - 7.5 * b["B02"] + 1.0)


def _gcvi(b: Bands) -> Array:
    return b["B08"] / np.maximum(b["B03"], 0.005) - 1.0


def _psri(b: Bands) -> Array:
    return (b["B04"] - b["B02"]) / np.maximum(b["B06"], 0.01)


def _bsi(b: Bands) -> Array:
    bright, dark = b["B11"] + b["B04"], b["B08"] + b["B02"]
    return _ratio(bright - dark, bright + dark)


INDICES: Mapping[str, Index] = MappingProxyType(
    {
        index.name: index
        for index in (
            # greenness: Rouse et al. 1974
            Index("ndvi", _difference("B08", "B04"), -1.0, 1.0),
            # chlorophyll, by the red edge: Gitelson & Merzlyak 1994
            Index("ndre", _difference("B8A", "B05"), -1.0, 1.0),
            # water in leaves and soil: Gao 1996; Xiao et al. 2004
            Index("lswi", _difference("B8A", "B11"), -1.0, 1.0),
            # greenness of dense canopies: Huete et al. 2002
            Index("evi", _evi, -1.0, 2.0),
            # chlorophyll, by green: Gitelson et al. 2003
            Index("gcvi", _gcvi, -1.0, 20.0),
            # senescence and residue: Merzlyak et al. 1999, with the nearest bands of Sentinel-2
            Index("psri", _psri, -1.0, 2.0),
            # bare soil: Rikimaru et al. 2002
            Index("bsi", _bsi, -1.0, 1.0),
            # tillage and residue: van Deventer et al. 1997
            Index("ndti", _difference("B11", "B12"), -1.0, 1.0),
            # open water: Xu 2006
            Index("mndwi", _difference("B03", "B11"), -1.0, 1.0),
        )
    }
)
"""All indices by name."""
