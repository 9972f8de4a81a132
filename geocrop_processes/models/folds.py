"""Parts of the labelled samples that take turns as the test: in space, and at random beside it.

Neighbouring pixels are alike, and those of one field nearly the same. A model that was tested on neighbours of
what it learnt from looks better than it is: report the random folds only beside the spatial ones.
"""

import warnings

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from geocrop_processes.errors import InvalidSample

FOLDS = 5
"""Parts, where nothing else is asked for."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def blocks(x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], *, block_m: float) -> Ints:
    """The square of a grid that each sample lies in, int64 (n,) 0..squares-1, in the order of x, then y.

    Args:
        x: (n,) eastings in metres, all in one reference system.
        y: (n,) northings in metres.
        block_m: the side of a square in metres.

    Raises:
        InvalidSample: a coordinate is not finite, the lengths differ, or a side is not above 0.
    """
    if x.shape != y.shape or x.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidSample(
            f"Coordinates are pairs of finite numbers, not {x.shape} and {y.shape}."
        )
    if not (np.isfinite(block_m) and block_m > 0):
        raise InvalidSample(f"The side of a block is above 0 m, not {block_m}.")
    squares = np.floor(np.stack([x, y], axis=1).astype(np.float64) / block_m).astype(np.int64)
    _, which = np.unique(squares, axis=0, return_inverse=True)
    return which.reshape(-1).astype(np.int64)


def joined(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> Ints:
    """Groups, int64 (n,) 0..groups-1, that split neither those of the first nor those of the second.

    A field that lies in two blocks joins them.

    Args:
        first: (n,) such as blocks.
        second: (n,) such as the fields that samples were taken of.
    """
    _, a = np.unique(first, return_inverse=True)
    _, b = np.unique(second, return_inverse=True)
    n = int(a.max(initial=-1)) + 1
    size = n + int(b.max(initial=-1)) + 1
    links = coo_array((np.ones(len(a), np.int8), (a, n + b)), shape=(size, size))
    _, group = connected_components(links, directed=False)
    return np.asarray(np.unique(group[a], return_inverse=True)[1], np.int64)


def ground(
    x: npt.NDArray[np.floating],
    y: npt.NDArray[np.floating],
    fields: npt.NDArray[np.integer],
    *,
    block_m: float,
    folds: int,
) -> tuple[Ints, str]:
    """Groups of samples that lie together: blocks, `joined` by the fields that lie in several; the rule in words.

    Where fields lie side by side, each border between blocks has a field on both sides, and all would be one group.
    Where that leaves fewer groups than folds, or more than half of the samples in one, a field lies wholly in the
    block of its centre instead.

    Args:
        x: (n,) eastings in metres.
        y: (n,) northings in metres.
        fields: (n,) the field that each sample was taken of.
        block_m: the side of a block in metres.
        folds: how many there are to be.

    Raises:
        InvalidSample: as `blocks`.
    """
    found = joined(blocks(x, y, block_m=block_m), fields)
    counts = np.bincount(found)
    if len(counts) >= folds and 2 * counts.max() <= len(found):
        return found, _WHOLE
    centres = blocks(_centred(x, fields), _centred(y, fields), block_m=block_m)
    apart = joined(centres, fields)
    same = len(np.unique(apart)) == len(counts)
    return (found, _WHOLE) if same else (apart, _CENTRES)


_WHOLE = "joined where a field lies in several"
_CENTRES = "a field wholly in that of its centre"


def _centred(values: npt.NDArray[np.floating], groups: npt.NDArray[np.integer]) -> Floats:
    """The mean of each sample's group, float64 (n,)."""
    _, which = np.unique(groups, return_inverse=True)
    return np.asarray((np.bincount(which, weights=values) / np.bincount(which))[which])


def spatial_folds(
    classes: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    *,
    folds: int = FOLDS,
    seed: int,
) -> Ints:
    """The fold of each sample, int64 (n,), so that no group is in two and the classes are spread as far as possible.

    By scikit-learn's StratifiedGroupKFold. `lacking` says which classes a fold misses all the same.

    Args:
        classes: (n,) class codes.
        groups: (n,) `blocks`, or blocks `joined` with fields.
        folds: how many parts.
        seed: the same seed gives the same folds.

    Raises:
        InvalidSample: there are fewer groups than folds, no class has a sample for each fold, or a fold would be
            empty.
    """
    _check(classes, groups, folds)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = _numbered(splitter, classes, groups)
    split = straddling(groups, found)
    if len(split) or len(np.unique(found)) < folds:
        raise InvalidSample(
            f"The {len(np.unique(groups))} groups of samples make no {folds} folds; take smaller blocks."
        )
    return found


def random_folds(classes: npt.NDArray[np.integer], *, folds: int = FOLDS, seed: int) -> Ints:
    """The fold of each sample, int64 (n,), at random within each class, wherever it lies.

    Args:
        classes: (n,) class codes.
        folds: how many parts.
        seed: the same seed gives the same folds.

    Raises:
        InvalidSample: no class has a sample for each fold.
    """
    _check(classes, np.arange(len(classes)), folds)
    return _numbered(StratifiedKFold(folds, shuffle=True, random_state=seed), classes, None)


def straddling(groups: npt.NDArray[np.integer], folds: npt.NDArray[np.integer]) -> list[int]:
    """The groups that have samples in two folds or more, ascending; none, where folds are honest."""
    pairs = np.unique(np.stack([groups, folds], axis=1), axis=0)[:, 0]
    group, times = np.unique(pairs, return_counts=True)
    return [int(g) for g in group[times > 1]]


def lacking(
    classes: npt.NDArray[np.integer], folds: npt.NDArray[np.integer]
) -> dict[int, list[int]]:
    """By fold, the class codes that it has no sample of; folds that have all are left out.

    Of a class that only one fold has, a model tested on that fold learnt nothing.
    """
    known = set(np.unique(classes).tolist())
    found = {
        int(fold): sorted(known - set(classes[folds == fold].tolist())) for fold in np.unique(folds)
    }
    return {fold: codes for fold, codes in found.items() if codes}


def _numbered(
    splitter: StratifiedGroupKFold | StratifiedKFold,
    classes: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer] | None,
) -> Ints:
    found = np.empty(len(classes), np.int64)
    with warnings.catch_warnings():
        # a class with fewer samples than folds cannot be in all of them: `lacking` tells which
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, test) in enumerate(splitter.split(np.zeros(len(classes)), classes, groups)):
            found[test] = fold
    return found


def _check(classes: npt.NDArray[np.integer], groups: npt.NDArray[np.integer], folds: int) -> None:
    """Raises: InvalidSample: as `spatial_folds`."""
    if classes.shape != groups.shape or classes.ndim != 1:
        raise InvalidSample(
            f"Classes {classes.shape} and groups {groups.shape} do not fit together."
        )
    if folds < 2:
        raise InvalidSample(f"There are two folds or more, not {folds}.")
    if len(np.unique(groups)) < folds:
        raise InvalidSample(
            f"{len(np.unique(groups))} groups of samples make no {folds} folds; take smaller blocks."
        )
    if np.unique(classes, return_counts=True)[1].max(initial=0) < folds:
        raise InvalidSample(f"No class has {folds} samples, one for each fold.")
