"""Areas and accuracies of a map from a stratified reference sample, each with its standard error.

The estimators are those of Olofsson et al. 2014 (Remote Sensing of Environment 148: 42-57), cited below by their
numbers: each map class is a stratum that points were drawn from at random, and the sampled pixels are few beside
those of the stratum (no finite population correction).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample

Z_95 = 1.96
"""Standard errors on each side of a 95 % confidence interval, as the paper rounds it."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure that was estimated from a sample."""

    value: float
    """The estimate; NaN where the sample says nothing of it."""
    error: float
    """Its standard error; NaN where it is not defined."""

    @property
    def margin(self) -> float:
        """Half the width of the 95 % confidence interval: `Z_95` standard errors."""
        return Z_95 * self.error

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval; it is symmetric, and may leave 0..1 where the sample is small."""
        return self.value - self.margin, self.value + self.margin


@dataclass(frozen=True)
class AreaEstimates:
    """What a stratified reference sample says of a map."""

    overall: Estimate
    """The share of the mapped area that has the right class: eqs. 1 and 5."""
    users: Mapping[int, Estimate]
    """By class code, the share of the area mapped as it that is it: eqs. 2 and 6. The value is NaN where nothing
    was mapped as it."""
    producers: Mapping[int, Estimate]
    """By class code, the share of its area that was mapped as it: eqs. 3 and 7. The value is NaN where no
    reference is of it."""
    areas: Mapping[int, Estimate]
    """By class code, its error-adjusted area in the unit of the mapped areas: eqs. 8 to 11."""
    proportions: Floats
    """Estimated shares of the area, float64 (map classes, reference classes): eq. 4."""
    single: tuple[int, ...]
    """Codes of the map classes with one reference sample only. A variance within the class is not defined then,
    and every standard error that needs it is NaN."""

    @classmethod
    def of(
        cls,
        codes: Sequence[int],
        counts: npt.NDArray[np.integer],
        mapped: Sequence[float] | Floats,
    ) -> "AreaEstimates":
        """Estimate from the counts of a sample.

        Args:
            codes: class codes of rows and columns.
            counts: reference samples (classes, classes): rows are the map's classes, columns the reference's.
                `Accuracy.matrix` is the other way round.
            mapped: area of each map class, in any one unit; 0 for a class that only the reference knows.

        Raises:
            InvalidSample: an area or a count is negative or not finite, nothing was mapped, a mapped class
                has no sample, or a class that was not mapped has one.
        """
        table = np.asarray(counts, np.float64)
        area = np.asarray(mapped, np.float64)
        _check(codes, table, area)
        n = table.sum(axis=1)
        weights = area / area.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            # a class that was never mapped has weight 0 and adds nothing
            shares = np.where(n[:, None] > 0, table / n[:, None], 0.0)
            spread = np.where(n[:, None] > 0, shares * (1 - shares) / (n[:, None] - 1), 0.0)
        proportions = weights[:, None] * shares  # eq. 4
        totals = proportions.sum(axis=0)  # eqs. 8 and 9, as shares of the whole area
        own, own_spread = np.diag(shares), np.diag(spread)
        variances = weights[:, None] ** 2 * spread
        right = float(np.trace(proportions))  # eq. 1
        producers = _ratio(np.diag(proportions), totals)  # eq. 3
        absent = np.where(n > 0, 0.0, np.nan)
        return cls(
            overall=Estimate(right, float(np.sqrt(np.diag(variances).sum()))),  # eq. 5
            users=_by_code(codes, own + absent, np.sqrt(own_spread) + absent),  # eqs. 2 and 6
            producers=_by_code(codes, producers, _producers_errors(producers, totals, variances)),
            # eqs. 10 and 11
            areas=_by_code(codes, area.sum() * totals, area.sum() * np.sqrt(variances.sum(axis=0))),
            proportions=proportions,
            single=tuple(code for code, size in zip(codes, n, strict=True) if size == 1),
        )


def _producers_errors(producers: Floats, totals: Floats, variances: Floats) -> Floats:
    """Standard errors by eq. 7, divided by the square of the whole area.

    Args:
        producers: (classes,) producer's accuracies.
        totals: (classes,) estimated shares of the area.
        variances: (map classes, reference classes), of the shares of the area.
    """
    own = np.diag(variances)
    others = variances.copy()
    np.fill_diagonal(others, 0)
    squared = (1 - producers) ** 2 * own + producers**2 * others.sum(axis=0)
    return _ratio(np.sqrt(squared), totals)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """The quotient; NaN where there is no whole."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _by_code(codes: Sequence[int], values: Floats, errors: Floats) -> dict[int, Estimate]:
    return {
        int(code): Estimate(float(value), float(error))
        for code, value, error in zip(codes, values, errors, strict=True)
    }


def _check(codes: Sequence[int], counts: Floats, mapped: Floats) -> None:
    """Raises: InvalidSample: as `AreaEstimates.of`."""
    k = len(codes)
    if len(set(codes)) != k or counts.shape != (k, k) or mapped.shape != (k,):
        raise InvalidSample(
            f"{k} different classes need counts ({k}, {k}) and {k} areas, not {counts.shape} and {mapped.shape}."
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise InvalidSample("Counts of samples are numbers from 0 up.")
    if not (np.isfinite(mapped).all() and (mapped >= 0).all() and mapped.any()):
        raise InvalidSample(f"Mapped areas are numbers from 0 up, not all 0: {mapped.tolist()}.")
    n = counts.sum(axis=1)
    bare = [code for code, size, area in zip(codes, n, mapped, strict=True) if area and not size]
    if bare:
        raise InvalidSample(f"No reference sample lies in the map classes {bare}.")
    astray = [code for code, size, area in zip(codes, n, mapped, strict=True) if size and not area]
    if astray:
        raise InvalidSample(f"Samples lie in the classes {astray}, which have no mapped area.")
