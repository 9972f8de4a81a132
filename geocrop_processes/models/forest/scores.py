"""A member's forest, read from its own format and tried against its library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest import catboost_format, lightgbm_format, xgboost_format
from geocrop_processes.models.forest.groups import Group, groups_of
from geocrop_processes.models.forest.kernels import Kernel
from geocrop_processes.models.forest.trees import Leaves, Oblivious, Questions, Trees, Unsupported
from geocrop_processes.models.members import REFUSALS, Features, Member

READERS: Mapping[str, Callable[[bytes], Trees | Oblivious]] = {
    "xgboost": xgboost_format.read,
    "lightgbm": lightgbm_format.read,
    "catboost": catboost_format.read,
}
"""How each kind of member is read."""

_ASKED, _NEAR, _LARGE = 100, 1e-5, 1e30
"""Rows that a library is asked when its forest has been read, how near the answers are, and the rows' limit."""


@dataclass(frozen=True)
class Scores:
    """A member, ready for a kernel."""

    groups: tuple[Group, ...]
    base: Leaves
    """(classes,) where sums begin."""
    scale: float = 1.0
    """What sums are multiplied by."""
    bias: npt.NDArray[np.float64] | None = None
    """(classes,) what is added then; None is nothing."""

    @classmethod
    def of(cls, forest: Trees | Oblivious) -> "Scores":
        """Raises: Unsupported: a tree is too large."""
        if isinstance(forest, Trees):
            return cls(groups_of(forest), forest.base)
        return cls(groups_of(forest), np.zeros(len(forest.bias)), forest.scale, forest.bias)

    def margins(
        self, kernel: Kernel, features: Features, start: int, rows: int
    ) -> npt.NDArray[np.float64]:
        """What the softmax is taken of, float64 (classes, rows)."""
        sums: Leaves = np.empty((len(self.base), rows), self.base.dtype)
        sums[:] = self.base[:, None]
        for group in self.groups:
            kernel.score(group, features, start, sums)
        margins = sums.astype(np.float64, copy=False)
        if self.scale != 1.0:
            margins *= self.scale
        if self.bias is not None and self.bias.any():
            margins += self.bias[:, None]
        return margins


def read(member: Member, kernel: Kernel) -> Scores:
    """A member's forest, after it has answered some rows as its library does.

    So a format that says something that is not known here, as that of a later version may, is not misread.

    Raises:
        Unsupported: the forest is left to its library.
    """
    if member.name not in READERS:
        raise Unsupported(f"nothing reads {member.name}")
    forest = READERS[member.name](member.to_bytes())
    scores = Scores.of(forest)
    rows = _rows_to_ask(forest.questions, len(forest.rules))
    found = np.zeros((len(scores.base), len(rows)))
    kernel.vote(scores.margins(kernel, np.ascontiguousarray(rows.T), 0, len(rows)), found)
    try:
        expected = member.predict_proba(rows)
    except REFUSALS as error:
        raise Unsupported("its library does not take its features") from error
    if expected.shape != found.T.shape or not np.allclose(found.T, expected, rtol=0, atol=_NEAR):
        raise Unsupported("its library answers otherwise")
    return scores


def _rows_to_ask(questions: Questions, features: int) -> Features:
    """Rows around a forest's own thresholds, some missing: float32 (n, features), always the same."""
    random = np.random.default_rng(0)
    order = np.argsort(questions.feature, kind="stable")
    first, end = np.searchsorted(
        questions.feature[order], [np.arange(features), np.arange(1, features + 1)]
    )
    thresholds = np.append(questions.threshold[order], np.float32(0))
    rows = thresholds[first + (random.random((_ASKED, features)) * (end - first)).astype(np.int64)]
    rows = np.where(random.random(rows.shape) < 0.5, np.nextafter(rows, np.float32(-1e30)), rows)
    rows[~(np.abs(rows) < _LARGE) | (random.random(rows.shape) < 0.1)] = np.nan
    return np.ascontiguousarray(rows, np.float32)
