"""One block of a map: look at its pixels, vote, store the result as a checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from io import BytesIO

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.grid import Block
from geocrop_processes.domain.legend import NO_DATA
from geocrop_processes.features.compute import Features
from geocrop_processes.features.series import MIN_DEKADS
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.scene import LeftOut
from geocrop_processes.models import confidence
from geocrop_processes.pipeline.abandon import Asked, leave, never
from geocrop_processes.pipeline.plan import Plan
from geocrop_processes.pipeline.view import view
from geocrop_processes.publish.cog import CONFIDENCE_BANDS
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import RESULTS, Storage, result_key

_MAX_DAYS = 254
"""The longest gap that a byte can tell; 255 is no data."""
_LAYERS = len(CONFIDENCE_BANDS)


@dataclass(frozen=True)
class BlockResult:
    """What was computed of one block."""

    classes: npt.NDArray[np.uint8]
    """(height, width), 0 = no data."""
    confidence: npt.NDArray[np.uint8]
    """(7, height, width), the bands of `CONFIDENCE_BANDS`; 255 = no data."""
    used: tuple[str, ...]
    """Keys of the scenes that gave clear pixels here."""
    left_out: tuple[LeftOut, ...]
    """Scenes that could not be read here."""
    engine: str = ""
    """What evaluated the forests, and why it was no faster one; empty where nothing was to be decided."""
    compared: Comparison = field(default_factory=Comparison)
    """Against the baseline, where there is one."""
    probabilities: npt.NDArray[np.uint8] | None = None
    """(classes of the model, height, width) in steps of 0.005, 255 = no data; None where they were not asked for."""

    def to_bytes(self) -> bytes:
        """The result as a checkpoint: npz, which holds arrays only."""
        buffer = BytesIO()
        scenes = np.array([[s.key, s.reason] for s in self.left_out], str).reshape(-1, 2)
        asked = {} if self.probabilities is None else {"probabilities": self.probabilities}
        np.savez_compressed(
            buffer,
            classes=self.classes,
            confidence=self.confidence,
            used=np.array(self.used, str),
            left_out=scenes,
            engine=np.array(self.engine, str),
            compared=np.array(astuple(self.compared), np.int64),
            allow_pickle=False,
            **asked,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "BlockResult":
        """The inverse of `to_bytes`."""
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            scenes = tuple(LeftOut(str(key), str(reason)) for key, reason in arrays["left_out"])
            used = tuple(str(key) for key in arrays["used"])
            compared = Comparison(*(int(n) for n in arrays["compared"]))
            asked = arrays.get("probabilities")
            return cls(
                arrays["classes"],
                arrays["confidence"],
                used,
                scenes,
                str(arrays["engine"]),
                compared,
                asked,
            )


def map_block(  # noqa: PLR0913 - what is mapped, from what, and which attempt it is
    planned: Plan,
    block: Block,
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    *,
    attempt: int = 1,
    abandoned: Asked = never,
) -> None:
    """Compute one block and store its result as a checkpoint; doing so twice stores the same bytes.

    Args:
        planned: the job's plan.
        block: which part of its grid.
        model: who decides.
        storage: where the checkpoint goes, and where baselines are.
        access: how scenes are read.
        attempt: names the checkpoint: one that comes late overwrites no other attempt's.
        abandoned: asked between the parts of the work whether it is still wanted.

    Raises:
        Abandoned: it is not; nothing is stored.
        TooFewScenes: so many scenes cannot be read that too few acquisitions are left.
        StorageUnavailable: the checkpoint cannot be stored, or the baseline not be read.
    """
    result = compute_block(planned, block, model, storage, access, abandoned)
    if planned.check is not None:
        grid = planned.grid.window(block)
        classes, compared = planned.check.apply(result.classes, grid, storage)
        result = replace(result, classes=classes, compared=compared)
    content = result.to_bytes()
    leave(abandoned)
    key = _checkpoint(planned, block, attempt)
    storage.put(RESULTS, key, content, "application/octet-stream")


def compute_block(
    planned: Plan,
    block: Block,
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    abandoned: Asked = never,
) -> BlockResult:
    """Look at the block, vote."""
    grid = planned.grid.window(block)
    inside = grid.inside(planned.request.aoi)
    whole = _Vote.of_nothing(
        grid.shape, len(model.card.legend) if planned.request.probabilities else None
    )
    if not inside.any():
        return BlockResult(
            whole.classes, whole.confidence, (), (), probabilities=whole.probabilities
        )
    leave(abandoned)
    seen = view(planned, block, inside, storage, access)
    leave(abandoned)
    whole.put(inside, _vote(seen.features, model, probabilities=planned.request.probabilities))
    votes = model.ensemble.votes
    engine = f"{votes.engine}: {votes.reason}" if votes.reason else votes.engine
    return BlockResult(
        whole.classes,
        whole.confidence,
        seen.used,
        seen.left_out,
        engine,
        probabilities=whole.probabilities,
    )


@dataclass(frozen=True)
class _Vote:
    """What is said of pixels, of any shape."""

    classes: npt.NDArray[np.uint8]
    """(...), 0 = no data."""
    confidence: npt.NDArray[np.uint8]
    """(7, ...), as in `BlockResult`."""
    probabilities: npt.NDArray[np.uint8] | None
    """(classes, ...), as in `BlockResult`."""

    @classmethod
    def of_nothing(cls, shape: tuple[int, ...], classes: int | None) -> "_Vote":
        """Nothing yet of pixels of a shape; `classes` is None where probabilities are not asked for."""
        return cls(
            np.full(shape, NO_DATA, np.uint8),
            np.full((_LAYERS, *shape), confidence.NO_DATA, np.uint8),
            None if classes is None else np.full((classes, *shape), confidence.NO_DATA, np.uint8),
        )

    def put(self, where: npt.NDArray[np.bool_], vote: "_Vote") -> None:
        """Write what is said of the pixels of a place."""
        self.classes[where] = vote.classes
        self.confidence[:, where] = vote.confidence
        if self.probabilities is not None and vote.probabilities is not None:
            self.probabilities[:, where] = vote.probabilities


def _vote(features: Features, model: RegisteredModel, *, probabilities: bool) -> _Vote:
    """What the model says of n pixels."""
    known = features.n_valid >= MIN_DEKADS
    values = features.values[:, known]
    votes, codes = model.ensemble.votes, model.ensemble.codes
    vote = _Vote.of_nothing(known.shape, len(codes) if probabilities else None)
    decided = votes.decide(values)
    vote.classes[known] = np.asarray(codes, np.uint8)[decided.best]
    vote.confidence[:3, known] = decided.sure
    vote.confidence[3] = features.n_valid
    vote.confidence[4] = np.minimum(features.max_gap_days, _MAX_DAYS)
    vote.confidence[5, known] = decided.disagreement
    if model.applicability is not None:
        vote.confidence[6, known] = model.applicability.dissimilarity(values)
    if vote.probabilities is not None:
        vote.probabilities[:, known] = confidence.to_bytes(votes.predict_proba(values))
    return vote


def stored_results(
    planned: Plan,
    storage: Storage,
    attempts: Mapping[str, int],
    abandoned: Asked = never,
    *,
    classes: int = 0,
) -> Iterator[tuple[Block, BlockResult]]:
    """Every block with its stored result, one at a time.

    Args:
        planned: the job's plan.
        storage: where the checkpoints are.
        attempts: which attempt counts, by the block's name; the first one of all blocks where none is named. Of a block
            that is not named among others nothing is known: it is no data.
        classes: of the model.
        abandoned: asked before each block whether the results are still wanted.

    Raises:
        Abandoned: they are not.
        StorageUnavailable: a result is missing or cannot be read.
    """
    for block in planned.blocks:
        leave(abandoned)
        if attempts and block.name not in attempts:
            shape = planned.grid.window(block).shape
            nothing = _Vote.of_nothing(shape, classes if planned.request.probabilities else None)
            yield (
                block,
                BlockResult(
                    nothing.classes, nothing.confidence, (), (), probabilities=nothing.probabilities
                ),
            )
            continue
        key = _checkpoint(planned, block, attempts.get(block.name, 1))
        yield block, BlockResult.from_bytes(storage.get(RESULTS, key))


def take_over(
    before: Plan, planned: Plan, storage: Storage, attempts: Mapping[str, int]
) -> list[str]:
    """Keep the stored results of an earlier job of the same blocks and digest; tells the names of the blocks.

    Args:
        before: the earlier job's plan.
        planned: the job's plan.
        storage: where the checkpoints are.
        attempts: which attempt counts of the earlier job's blocks, by name.

    Raises:
        StorageUnavailable: a result cannot be stored.
    """
    there = set(storage.list(RESULTS, _checkpoints(before.job_id)))
    taken = []
    for block in planned.blocks:
        key = _checkpoint(before, block, attempts.get(block.name, 0))
        if key in there:
            content = storage.get(RESULTS, key)
            storage.put(
                RESULTS, _checkpoint(planned, block, 1), content, "application/octet-stream"
            )
            taken.append(block.name)
    return taken


def discard_results(job_id: str, storage: Storage) -> None:
    """Remove a job's checkpoints; none is fine."""
    storage.delete(RESULTS, _checkpoints(job_id))


def _checkpoint(planned: Plan, block: Block, attempt: int) -> str:
    return f"{_checkpoints(planned.job_id)}{block.name}.{attempt}.npz"


def _checkpoints(job_id: str) -> str:
    return result_key(job_id, "blocks/")
