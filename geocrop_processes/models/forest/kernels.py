"""The kernels there are: in C, if it could be compiled here, and its twin in numba."""

from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.calibration import LEAST
from geocrop_processes.models.forest.groups import Group
from geocrop_processes.models.forest.trees import Leaves

try:
    from geocrop_processes.models import _forest  # type: ignore[attr-defined, unused-ignore]
except ImportError:  # it was installed without a compiler
    _forest = None
if not hasattr(_forest, "temper"):  # it was compiled from earlier sources than these
    _forest = None

_LOWEST = -708.0
"""Below this e**x is as good as 0, and not an ordinary number."""

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


class Kernel(Protocol):
    """What evaluates groups; all kernels give the same bits. Any number of threads may use one."""

    @property
    def name(self) -> str:
        """As it stands in products."""
        ...

    def score(
        self, group: Group, features: npt.NDArray[np.float32], start: int, margins: Leaves
    ) -> None:
        """Add the leaves of a group.

        Args:
            group: its leaves have the margins' type.
            features: float32 (features, n), C-contiguous.
            start: the column of the first row.
            margins: (classes, rows), changed; C-contiguous.
        """
        ...

    def vote(
        self, margins: Floats, total: Floats, temperature: float = 1.0, weight: float = 1.0
    ) -> None:
        """Turn margins into their softmax and add it to a total, both float64 (classes, rows).

        Args:
            margins: changed.
            total: changed.
            temperature: what margins are divided by, as `Temperature.apply` does.
            weight: what the softmax is multiplied by as it is added.
        """
        ...

    def part(self, probabilities: Floats, total: Floats, weight: float, gap: Floats) -> None:
        """Add weight * sum_c |p_c - t_c| to a gap (rows,) of probabilities and a total, both (classes, rows)."""
        ...

    def temper(self, total: Floats, temperature: float) -> None:
        """Change probabilities (classes, rows) as `Temperature.apply` does."""
        ...

    def decide(self, mean: Floats, best: Bytes, sure: Bytes) -> None:
        """Write the class (rows,) and top, margin and entropy (3, rows) of probabilities (classes, rows)."""
        ...


class Compiled:
    """The kernel in C, at one level of instructions."""

    def __init__(self, level: int, name: str) -> None:
        self._level = level
        self.name = name

    def score(
        self, group: Group, features: npt.NDArray[np.float32], start: int, margins: Leaves
    ) -> None:
        """See `Kernel.score`."""
        check(group, features, start, margins)
        _forest.score(
            self._level,
            *(group.columns, group.thresholds, group.others, group.trees, group.steps, group.bits),
            *(group.leaves, group.first_other, group.first_step, group.operands, group.classes),
            group.leaves.dtype == np.float64,
            *(features, group.features, start, margins),
        )

    def vote(
        self, margins: Floats, total: Floats, temperature: float = 1.0, weight: float = 1.0
    ) -> None:
        """See `Kernel.vote`."""
        _forest.vote(self._level, margins, total, len(margins), *_slope(temperature), weight)

    def part(self, probabilities: Floats, total: Floats, weight: float, gap: Floats) -> None:
        """See `Kernel.part`."""
        _forest.part(self._level, probabilities, total, len(total), weight, gap)

    def temper(self, total: Floats, temperature: float) -> None:
        """See `Kernel.temper`."""
        _forest.temper(self._level, total, len(total), LEAST, 1 / temperature)

    def decide(self, mean: Floats, best: Bytes, sure: Bytes) -> None:
        """See `Kernel.decide`."""
        _forest.decide(self._level, mean, len(mean), float(np.log(len(mean))), best, sure)


class Twin:
    """The kernel in numba, which is loaded when it is first used: where there is the one in C, it never is."""

    name = "numba"

    def score(
        self, group: Group, features: npt.NDArray[np.float32], start: int, margins: Leaves
    ) -> None:
        """See `Kernel.score`."""
        check(group, features, start, margins)
        _twin().score(
            (group.columns, group.thresholds, group.others, group.trees, group.steps, group.bits),
            group.leaves,
            (group.first_other, group.first_step, group.operands),
            features,
            start,
            margins,
        )

    def vote(
        self, margins: Floats, total: Floats, temperature: float = 1.0, weight: float = 1.0
    ) -> None:
        """See `Kernel.vote`."""
        _twin_votes().vote(margins, total, *_slope(temperature), weight)

    def part(self, probabilities: Floats, total: Floats, weight: float, gap: Floats) -> None:
        """See `Kernel.part`."""
        _twin_votes().part(probabilities, total, weight, gap)

    def temper(self, total: Floats, temperature: float) -> None:
        """See `Kernel.temper`."""
        _twin_votes().temper(total, LEAST, 1 / temperature)

    def decide(self, mean: Floats, best: Bytes, sure: Bytes) -> None:
        """See `Kernel.decide`."""
        _twin_votes().decide(mean, float(np.log(len(mean))), best, sure)


def _slope(temperature: float) -> tuple[float, float]:
    """The least margin below the highest one, and what it is multiplied by; as ever where nothing is changed."""
    return (_LOWEST if temperature == 1 else float(np.log(LEAST))), 1 / temperature


def _twin() -> Any:
    return import_module("geocrop_processes.models.forest.twin")


def _twin_votes() -> Any:
    return import_module("geocrop_processes.models.forest.twin_votes")


def check(group: Group, features: npt.NDArray[np.float32], start: int, margins: Leaves) -> None:
    """Arrays that a kernel may trust.

    Raises:
        ValueError: their shapes or types do not fit the group.
    """
    fit = (
        features.dtype == np.float32
        and features.ndim == margins.ndim == 2
        and len(features) == group.features
        and len(margins) == group.classes
        and margins.dtype == group.leaves.dtype
        and 0 <= start <= features.shape[1] - margins.shape[1]
        and features.flags.c_contiguous
        and margins.flags.c_contiguous
    )
    if not fit:
        raise ValueError(
            f"Features {features.shape} of {features.dtype} and margins {margins.shape} of"
            f" {margins.dtype} do not fit {group.features} features and {group.classes} classes."
        )


def kernels() -> tuple[Kernel, ...]:
    """Those that work on this machine, the fastest first."""
    levels = [] if _forest is None else _forest.levels()
    compiled = [Compiled(level, name) for level, name in enumerate(levels)]
    return (*reversed(compiled), Twin())
