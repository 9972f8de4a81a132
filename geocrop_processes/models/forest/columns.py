"""Thresholds as columns: each feature's own, sorted, with a mask for each of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.trees import Questions, Rule

FIRST_MASK = 2
"""Operand 0 is the mask of no row, 1 that of every row; the columns' masks begin here."""


@dataclass(frozen=True)
class Columns:
    """How masks are made of features.

    The masks of a column are "goes right" for each of its thresholds, ascending, all with one direction of
    missing values; `others` are those that are needed with the other direction too, or instead.
    """

    table: npt.NDArray[np.int32]
    """(columns, 8): feature, start in `thresholds`, number of thresholds, bits of a code, operand of the first
    mask, begin and end in `others`, `Rule`."""
    thresholds: npt.NDArray[np.float32]
    """Of all columns, each filled up to 2**bits with NaN, which no value reaches."""
    others: npt.NDArray[np.int32]
    """The operands whose masks are repeated with missing values in the other direction."""
    operands: npt.NDArray[np.int64]
    """(questions,) the mask of each question."""

    @property
    def first_other(self) -> int:
        """The operand of the first of the other masks."""
        return FIRST_MASK + int(self.table[:, 2].sum())

    @property
    def end(self) -> int:
        """The first operand after all masks."""
        return self.first_other + len(self.others)

    @classmethod
    def of(cls, questions: Questions, rules: npt.NDArray[np.int32]) -> "Columns":
        """Those that some questions need."""
        keys, masks = np.unique(_keys(questions), return_inverse=True)
        features, first, counts = np.unique(keys >> 32, return_index=True, return_counts=True)
        column = np.repeat(np.arange(len(features)), counts)
        never = (rules & Rule.NAN_IS_ZERO) != 0
        is_right = questions.missing_right & ~never[questions.feature]
        needs = np.zeros((2, len(keys)), np.bool_)
        needs[is_right.astype(np.int64), masks] = True
        rightly = np.bincount(column, needs[1], len(features)) > np.bincount(
            column, needs[0], len(features)
        )
        repeated = np.flatnonzero(np.where(rightly[column], needs[0], needs[1]))
        rank = np.zeros(len(keys), np.int64)
        rank[repeated] = np.arange(len(repeated))
        other = is_right != rightly[column[masks]]
        bits = np.frexp(counts.astype(np.float64))[1]
        starts = np.concatenate(([0], np.cumsum(2**bits)))
        thresholds = np.full(starts[-1], np.nan, np.float32)
        place = starts[column] + np.arange(len(keys)) - first[column]
        thresholds[place] = _values(keys)
        table = np.zeros((len(features), 8), np.int32)
        table.T[:5] = features, starts[:-1], counts, bits, FIRST_MASK + first
        table[:, 5] = np.searchsorted(repeated, first)
        table[:, 6] = np.searchsorted(repeated, first + counts)
        table[:, 7] = rules[features] | np.where(rightly, Rule.MISSING_IS_RIGHT, Rule.NONE)
        operands = FIRST_MASK + np.where(other, len(keys) + rank[masks], masks)
        return cls(table, thresholds, (FIRST_MASK + repeated).astype(np.int32), operands)


def _keys(questions: Questions) -> npt.NDArray[np.int64]:
    """Numbers that sort as the pairs of feature and threshold do, NaN last; -0.0 is 0.0."""
    bits = (questions.threshold + np.float32(0)).view(np.int32).astype(np.int64)
    bits = np.where(np.isnan(questions.threshold), 0x7FC00000, bits)
    ordered = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    return (questions.feature.astype(np.int64) << 32) + ordered + 0x80000000


def _values(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """The thresholds of keys."""
    ordered = (keys & 0xFFFFFFFF) - 0x80000000
    bits = np.abs(ordered).astype(np.int32)
    return np.where(ordered < 0, -bits.view(np.float32), bits.view(np.float32)).astype(np.float32)
