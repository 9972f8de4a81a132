"""The vote of members, and what a map says of it, from features as they come out of the kernels."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.confidence import to_bytes
from geocrop_processes.models.counting import AS_THEY_ARE, Counting
from geocrop_processes.models.forest.kernels import Kernel, kernels
from geocrop_processes.models.forest.scores import Scores, read
from geocrop_processes.models.forest.trees import Unsupported
from geocrop_processes.models.members import MEMBERS, REFUSALS, Features, Member, Probabilities

Floats = npt.NDArray[np.float64]
Poll = Callable[[Features], tuple[Probabilities, Floats]]
"""The libraries' own answer: probabilities (n, classes) of rows (n, features), and the disagreement (n,)."""
Ask = Callable[[Features, int, int], tuple[Probabilities, Floats]]
"""Probabilities (classes, rows) and disagreement (rows,) of some columns of features: all of them, the first, how
many."""

ROWS_AT_A_TIME = 8192
"""Rows at a time: what they need between the steps stays in the processor's cache."""


@dataclass(frozen=True)
class Decisions:
    """What a map says of each pixel."""

    best: npt.NDArray[np.uint8]
    """(n,) the column of the highest probability; the lowest where two tie."""
    sure: npt.NDArray[np.uint8]
    """(3, n) top probability, margin and entropy as `confidence.to_bytes` stores them."""
    disagreement: npt.NDArray[np.uint8]
    """(n,) how far the members disagree, `Counting.count`'s 0..1, stored likewise."""


@dataclass(frozen=True)
class Votes:
    """Answers for the members of an ensemble, from columns of features.

    A pixel's answer depends on its own features alone: not on those beside it, nor on threads, nor, where a
    kernel is at work, on the machine. Any number of threads may ask at a time.
    """

    classes: int
    """Columns of the probabilities."""
    engine: str
    """What is at work: "c-avx512", "c-avx2", "c" or "numba", which all give the same bits, or "library"."""
    reason: str
    """Why it is the libraries' own predict; empty where it is not."""
    _ask: Ask
    _kernel: Kernel

    @classmethod
    def of(
        cls,
        members: Mapping[str, Member],
        classes: int,
        library: Poll,
        counting: Counting = AS_THEY_ARE,
        kernel: Kernel | None = None,
    ) -> "Votes":
        """Read the members; this takes about a second where they are large.

        Args:
            members: by name; they vote in the order of `MEMBERS`.
            classes: that they know.
            library: the last resort.
            counting: how their votes are counted; the library does so too.
            kernel: other than the fastest.
        """
        chosen = kernel or kernels()[0]
        try:
            sliced = _Sliced.of(members, classes, counting, chosen)
        except Unsupported as error:
            return cls(classes, "library", str(error), _by_rows(library), chosen)
        return cls(classes, chosen.name, "", sliced.ask, chosen)

    def predict_proba(self, features: Features, *, threads: int = 1) -> Probabilities:
        """The vote's probabilities, float64 (classes, n).

        They are within 1e-5 of the libraries' own, in practice within 2e-7: XGBoost's softmax is float32.

        Args:
            features: float32 (features, n); NaN is what each library makes of it.
            threads: that work on it.

        Raises:
            UnusableModel: the members were trained on another number of features.
            ValueError: the features are no float32 table.
        """
        columns = _columns(features)
        found = np.empty((self.classes, columns.shape[1]))

        def work(part: slice) -> None:
            found[:, part], _ = self._ask(columns, part.start, part.stop - part.start)

        _share(work, columns.shape[1], threads)
        return found

    def decide(self, features: Features, *, threads: int = 1) -> Decisions:
        """What `predict_proba`'s answer means for a map, without keeping it.

        Args:
            features: as in `predict_proba`.
            threads: as in `predict_proba`.

        Raises:
            UnusableModel: as in `predict_proba`.
            ValueError: as in `predict_proba`.
        """
        columns = _columns(features)
        n = columns.shape[1]
        best, gaps = np.empty(n, np.uint8), np.empty(n, np.uint8)
        sure = np.empty((3, n), np.uint8)

        def work(part: slice) -> None:
            rows = part.stop - part.start
            vote, gap = self._ask(columns, part.start, rows)
            found = np.empty((3, rows), np.uint8)
            self._kernel.decide(np.ascontiguousarray(vote), best[part], found)
            sure[:, part] = found
            gaps[part] = to_bytes(gap)

        _share(work, n, threads)
        return Decisions(best, sure, gaps)


@dataclass(frozen=True)
class _Sliced:
    """Votes of members that a kernel evaluates."""

    members: Mapping[str, Scores]
    classes: int
    features: int
    counting: Counting
    kernel: Kernel

    @classmethod
    def of(
        cls, members: Mapping[str, Member], classes: int, counting: Counting, kernel: Kernel
    ) -> "_Sliced":
        """Raises: Unsupported: a member is left to its library, or does not fit the others."""
        found = {}
        for name in MEMBERS:
            if name in members:
                try:
                    found[name] = read(members[name], kernel)
                except Unsupported as error:
                    raise Unsupported(f"{name}: {error}") from error
        shapes = {(g.classes, g.features) for member in found.values() for g in member.groups}
        if len(shapes) != 1 or {known for known, _ in shapes} != {classes}:
            raise Unsupported("the members know other numbers of classes or features")
        return cls(found, classes, shapes.pop()[1], counting, kernel)

    def ask(self, features: Features, start: int, rows: int) -> tuple[Probabilities, Floats]:
        """See `Ask`."""
        if len(features) != self.features:
            raise UnusableModel(
                f"The members were trained on {self.features} features, not {len(features)}."
            )
        total = np.zeros((self.classes, rows))
        said = {}
        for name, member in self.members.items():
            said[name] = member.margins(self.kernel, features, start, rows)
            self.kernel.vote(
                said[name],
                total,
                self.counting.temperature_of(name),
                self.counting.weight_of(name),
            )
        whole = sum(map(self.counting.weight_of, said))
        total /= whole
        gap = np.zeros(rows)
        for name, probabilities in said.items():
            self.kernel.part(probabilities, total, self.counting.weight_of(name) / (2 * whole), gap)
        if self.counting.temperature != 1:
            self.kernel.temper(total, self.counting.temperature)
        return total, gap


def _by_rows(library: Poll) -> Ask:
    """The libraries' own answer, for columns of features."""

    def ask(features: Features, start: int, rows: int) -> tuple[Probabilities, Floats]:
        try:
            vote, gap = library(np.ascontiguousarray(features[:, start : start + rows].T))
        except REFUSALS as error:
            raise UnusableModel(f"A member does not take {len(features)} features.") from error
        return vote.T, gap

    return ask


def _columns(features: Features) -> Features:
    if features.ndim != 2 or features.dtype != np.float32:
        raise ValueError(
            f"Features are float32 (features, n), not {features.dtype} {features.shape}."
        )
    return np.ascontiguousarray(features)


def _share(work: Callable[[slice], None], n: int, threads: int) -> None:
    """Do a piece of work for chunks of n rows."""
    parts = [slice(start, min(start + ROWS_AT_A_TIME, n)) for start in range(0, n, ROWS_AT_A_TIME)]
    if threads < 2 or len(parts) < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass
