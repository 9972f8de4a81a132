"""Areas and accuracies where the strata that a sample was drawn in are not the classes of the map that it judges.

So it is after a map was masked, or made anew, since its sample was drawn. The estimators are those of Stehman 2014
(International Journal of Remote Sensing 35: 4923-4939), cited below by their numbers: every figure is a total or a ratio
of totals of indicators. Where strata are the map's classes they are those of `areas`. There is no finite population
correction, as there.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.areas import AreaEstimates, Estimate

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def estimate_by_strata(
    codes: Sequence[int],
    mapped: Ints,
    reference: Ints,
    strata: Ints,
    sizes: Mapping[int, float],
) -> AreaEstimates:
    """Estimate from n points that were drawn at random within strata.

    Args:
        codes: class codes of the map and the reference.
        mapped: (n,) the map's class of each point.
        reference: (n,) the class that is there.
        strata: (n,) the stratum that each was drawn in.
        sizes: the area of each stratum, in any one unit, above 0.

    Raises:
        InvalidSample: a stratum has no point or no area, or a class is none of `codes`.
    """
    _check(codes, (mapped, reference), strata, sizes)
    total = sum(sizes.values())
    everywhere = np.ones(len(mapped))
    right = (mapped == reference).astype(np.float64)

    def ratio(part: Floats, whole: Floats) -> Estimate:
        return _ratio(part, whole, strata, sizes)

    def indicator(values: Ints, code: int) -> Floats:
        return np.where(values == code, 1.0, 0.0)

    areas = {code: ratio(indicator(reference, code), everywhere) for code in codes}
    counts = {h: int((strata == h).sum()) for h in sizes}
    return AreaEstimates(
        overall=ratio(right, everywhere),  # eqs. 2 and 3 with 25
        users={  # eqs. 14 and 27 to 29
            code: ratio(right * indicator(mapped, code), indicator(mapped, code)) for code in codes
        },
        producers={  # eqs. 16 and 27 to 29
            code: ratio(right * indicator(reference, code), indicator(reference, code))
            for code in codes
        },
        areas={c: Estimate(total * e.value, total * e.error) for c, e in areas.items()},
        proportions=np.array(
            [
                [
                    ratio(indicator(mapped, i) * indicator(reference, j), everywhere).value
                    for j in codes
                ]
                for i in codes
            ]
        ),
        single=tuple(h for h, n in sorted(counts.items()) if n == 1),
    )


def _ratio(part: Floats, whole: Floats, strata: Ints, sizes: Mapping[int, float]) -> Estimate:
    """A ratio of two totals, eq. 27, and its standard error, eq. 28 with 29; NaN where the whole is nothing."""
    shares = {h: strata == h for h in sizes}
    y = sum(size * part[shares[h]].mean() for h, size in sizes.items())
    x = sum(size * whole[shares[h]].mean() for h, size in sizes.items())
    if not x:
        return Estimate(float("nan"), float("nan"))
    rest = part - y / x * whole
    variance = 0.0
    for h, size in sizes.items():
        mine = rest[shares[h]]
        # within a stratum of one point nothing varies that could be told, unless it has no part in the figure
        spread = mine.var(ddof=1) if len(mine) > 1 else np.nan if mine.any() else 0.0
        variance += float(size**2 * spread / len(mine))
    return Estimate(float(y / x), float(np.sqrt(variance) / x))


def _check(
    codes: Sequence[int], classes: tuple[Ints, Ints], strata: Ints, sizes: Mapping[int, float]
) -> None:
    """Raises: InvalidSample: as `estimate_by_strata`."""
    if any(len(values) != len(strata) for values in classes):
        raise InvalidSample(
            "Each point has a class of the map, one of the reference, and a stratum."
        )
    unknown = sorted({int(v) for values in classes for v in values} - set(codes))
    if unknown:
        raise InvalidSample(f"The classes {unknown} are none of {list(codes)}.")
    bare = [h for h in sizes if not (strata == h).any()]
    if bare or not sizes:
        raise InvalidSample(f"No reference sample lies in the strata {bare}.")
    small = [h for h, size in sizes.items() if not 0 < size < float("inf")]
    astray = sorted(set(strata.tolist()) - set(sizes))
    if small or astray:
        raise InvalidSample(f"The area of the strata {small or astray} is not above 0, or unknown.")
