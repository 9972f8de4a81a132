"""Labelled samples: what a model learns from, each with its place, its season and the field that it belongs to."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelledSamples:
    """Samples with features and class, n of each.

    Raises:
        InvalidSample: there is none, the arrays do not fit together, a code is no class, a place is not finite, or a
            feature is missing in some samples but not in all.
    """

    features: npt.NDArray[np.float32]
    """(n, features), a row for each sample; NaN only in whole columns, those that an as-of date cuts off."""
    codes: Ints
    """(n,) class codes, 1..255."""
    groups: Ints
    """(n,) the field, polygon or place that a sample belongs to: never in training and test at once."""
    x: Floats
    """(n,) eastings in metres, of one equal-area system (EPSG:6933)."""
    y: Floats
    """(n,) northings in metres, likewise."""
    lon: Floats
    """(n,) longitudes in degrees."""
    lat: Floats
    """(n,) latitudes in degrees."""
    seasons: Ints
    """(n,) the season's year."""

    def __post_init__(self) -> None:
        n = len(self.codes)
        if not n:
            raise InvalidSample("There is no labelled sample.")
        if self.features.ndim != 2 or any(len(getattr(self, f.name)) != n for f in fields(self)):
            lengths = {f.name: getattr(self, f.name).shape for f in fields(self)}
            raise InvalidSample(f"The arrays of labelled samples do not fit together: {lengths}.")
        if self.codes.min() < 1 or self.codes.max() > 255:
            raise InvalidSample(
                f"Class codes are from 1 to 255, not {self.codes.min()}..{self.codes.max()}."
            )
        if not all(np.isfinite(a).all() for a in (self.x, self.y, self.lon, self.lat)):
            raise InvalidSample("Places of labelled samples are finite numbers.")
        finite = np.isfinite(self.features)
        odd = np.flatnonzero(~finite.all(axis=0) & finite.any(axis=0))
        if len(odd):
            raise InvalidSample(
                f"The features {odd.tolist()} are missing in some samples, but not in all."
            )

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> "LabelledSamples":
        """Some of them.

        Args:
            rows: their numbers, or (n,) whether a sample is one.

        Raises:
            InvalidSample: these are none.
        """
        return LabelledSamples(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})
