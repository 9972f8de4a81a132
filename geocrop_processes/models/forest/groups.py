"""Groups of trees, checked and ready for a kernel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.models.forest.columns import Columns
from geocrop_processes.models.forest.programs import Programs, Walk
from geocrop_processes.models.forest.trees import Leaves, Oblivious, Questions, Trees, Unsupported

_OPERANDS = 65536
"""What 16 bits can name."""
_BY_ROW = -1
"""The class of a tree that adds to every class."""


@dataclass(frozen=True)
class Group:
    """Trees that share masks, as the kernels take them.

    Raises:
        Unsupported: an index leads out of its array; the kernels trust what this let pass.
    """

    columns: npt.NDArray[np.int32]
    """As in `Columns.table`."""
    thresholds: npt.NDArray[np.float32]
    """As in `Columns`."""
    others: npt.NDArray[np.int32]
    """As in `Columns`."""
    trees: npt.NDArray[np.int64]
    """(trees, 6): begin and end in `steps`, begin in `bits`, bits, begin in `leaves`, class; -1 is every class."""
    steps: npt.NDArray[np.uint16]
    """(steps, 3) as in `Programs`."""
    bits: npt.NDArray[np.uint16]
    """As in `Programs`."""
    leaves: Leaves
    """2**bits of each tree; of a tree of every class rows of classes, filled up to whole eights."""
    first_other: int
    """The operand of the first of the other masks."""
    first_step: int
    """The operand of each tree's first step."""
    features: int
    """Features of a row."""
    classes: int
    """Classes of the margins."""

    def __post_init__(self) -> None:
        if not (self._columns_are_sound() and self._trees_are_sound()):
            raise Unsupported("its trees do not fit together")
        for array in (
            self.columns,
            self.thresholds,
            self.others,
            self.trees,
            self.steps,
            self.bits,
        ):
            array.flags.writeable = False
        self.leaves.flags.writeable = False

    @property
    def operands(self) -> int:
        """Masks and steps that exist at a time."""
        most = int((self.trees[:, 1] - self.trees[:, 0]).max(initial=0))
        return self.first_step + most

    def _columns_are_sound(self) -> bool:
        feature, start, count, bits, operand, begin, end, _ = self.columns.T.astype(np.int64)
        ends = np.concatenate(([2], operand + count))
        size = 1 << np.clip(bits, 1, 16)
        return bool(
            self.columns.dtype == np.int32
            and self.columns.shape[1:] == (8,)
            and ((feature >= 0) & (feature < self.features)).all()
            and ((bits >= 1) & (bits <= 16) & (2 * count >= size) & (count < size)).all()
            and ((start >= 0) & (start + size <= len(self.thresholds))).all()
            and (operand == ends[:-1]).all()
            and ((begin >= 0) & (begin <= end) & (end <= len(self.others))).all()
            and ends[-1] == self.first_other
            and self.first_other + len(self.others) == self.first_step
            and ((self.others >= 2) & (self.others < self.first_other)).all()
        )

    def _trees_are_sound(self) -> bool:
        begin, end, bit, width, leaf, adds_to = self.trees.T
        by_row = adds_to == _BY_ROW
        size = (1 << np.clip(width, 0, 16)) * np.where(by_row, (self.classes + 7) // 8 * 8, 1)
        return bool(
            (begin == np.concatenate(([0], end[:-1]))).all()
            and (begin <= end).all()
            and end[-1] == len(self.steps)
            and (by_row.all() or (~by_row).all())
            and (~by_row.any() or self.leaves.dtype == np.float64)
            and ((adds_to >= _BY_ROW) & (adds_to < self.classes)).all()
            and ((width >= 0) & (width <= 16)).all()
            and ((bit >= 0) & (bit + width <= len(self.bits))).all()
            and ((leaf >= 0) & (leaf + size <= len(self.leaves))).all()
            and self._operands_are_sound()
        )

    def _operands_are_sound(self) -> bool:
        """A step may name masks and the steps before it; a bit whatever its tree has."""
        begin, end, bit, width = self.trees.T[:4]
        number = np.arange(len(self.steps)) - np.repeat(begin, end - begin)
        of = np.repeat(np.arange(len(bit)), width)
        place = np.arange(len(of)) - np.repeat(np.cumsum(width) - width, width)
        return bool(
            self.operands <= _OPERANDS
            and (self.steps[:, 0] < self.first_step).all()
            and (self.steps[:, 1:].max(axis=1, initial=0) < self.first_step + number).all()
            and (self.bits[bit[of] + place] < self.first_step + (end - begin)[of]).all()
        )


def groups_of(forest: Trees | Oblivious) -> tuple[Group, ...]:
    """A forest in as few groups as its thresholds allow, in the order of its trees.

    Raises:
        Unsupported: a single tree is too large.
    """
    count = len(forest.roots if isinstance(forest, Trees) else forest.depth)
    return tuple(_split(forest, slice(0, count)))


def _split(forest: Trees | Oblivious, chosen: slice) -> list[Group]:
    group = _tree_group(forest, chosen) if isinstance(forest, Trees) else _row_group(forest, chosen)
    if group is not None:
        return [group]
    if chosen.stop - chosen.start < 2:
        raise Unsupported("it has a tree of too many thresholds")
    middle = (chosen.start + chosen.stop) // 2
    return [
        *_split(forest, slice(chosen.start, middle)),
        *_split(forest, slice(middle, chosen.stop)),
    ]


def _tree_group(trees: Trees, chosen: slice) -> Group | None:
    """The chosen trees as one group; None where they need more operands than there are names."""
    walk = Walk.through(trees, chosen)
    nodes = np.concatenate([level for level, _ in walk.levels] or [np.zeros(0, np.int64)])
    inner = nodes[trees.left[nodes] >= 0]
    questions = trees.questions
    columns = Columns.of(
        Questions(
            questions.feature[inner], questions.threshold[inner], questions.missing_right[inner]
        ),
        trees.rules,
    )
    if columns.end > _OPERANDS:
        return None
    masks = np.zeros(len(trees.left), np.int64)
    masks[inner] = columns.operands
    programs = Programs.of(trees, chosen, walk, masks, columns.end)
    if columns.end + programs.counts.max(initial=0) > _OPERANDS:
        return None
    size = 2**programs.widths
    starts = np.cumsum(size) - size
    leaves = np.zeros(int(size.sum()), trees.value.dtype)
    for level, owners in walk.levels:
        ends = trees.left[level] < 0
        leaves[starts[owners[ends]] + walk.first[level[ends]]] = trees.value[level[ends]]
    return _group(
        columns,
        programs,
        starts,
        trees.adds_to[chosen],
        leaves,
        (len(trees.rules), len(trees.base)),
    )


def _row_group(forest: Oblivious, chosen: slice) -> Group | None:
    """The chosen trees as one group; None where they need more operands than there are names."""
    depth = forest.depth[chosen]
    levels = np.concatenate(([0], np.cumsum(forest.depth)))[[chosen.start, chosen.stop]]
    rows = np.concatenate(([0], np.cumsum(2**forest.depth)))[[chosen.start, chosen.stop]]
    of, questions = slice(*levels), forest.questions
    columns = Columns.of(
        Questions(questions.feature[of], questions.threshold[of], questions.missing_right[of]),
        forest.rules,
    )
    if columns.end > _OPERANDS:
        return None
    classes = len(forest.bias)
    values = np.zeros((rows[1] - rows[0], (classes + 7) // 8 * 8))
    values[:, :classes] = forest.values[slice(*rows)]
    programs = Programs(
        np.zeros((0, 3), np.int64), np.zeros(len(depth), np.int64), columns.operands, depth
    )
    starts = (np.cumsum(2**depth) - 2**depth) * values.shape[1]
    every = np.full(len(depth), _BY_ROW)
    return _group(columns, programs, starts, every, values.ravel(), (len(forest.rules), classes))


def _group(
    columns: Columns,
    programs: Programs,
    starts: npt.NDArray[np.int64],
    adds_to: npt.NDArray[np.int64],
    leaves: Leaves,
    shape: tuple[int, int],
) -> Group:
    ends = np.cumsum(programs.counts)
    first_bit = np.cumsum(programs.widths) - programs.widths
    trees = [ends - programs.counts, ends, first_bit, programs.widths, starts, adds_to]
    return Group(
        columns=columns.table,
        thresholds=columns.thresholds,
        others=columns.others,
        trees=np.ascontiguousarray(np.stack(trees, axis=1).astype(np.int64)),
        steps=programs.steps.astype(np.uint16),
        bits=programs.bits.astype(np.uint16),
        leaves=leaves,
        first_other=columns.first_other,
        first_step=columns.end,
        features=shape[0],
        classes=shape[1],
    )
