"""What was seen of a block over the season: its pixels' features, computed from scenes or known from before."""

import hashlib
import json
import logging
from dataclasses import dataclass
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

import geocrop_processes
from geocrop_processes.domain.grid import Block
from geocrop_processes.features.compute import Features, compute_block
from geocrop_processes.features.order import FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.imagery.scene import LeftOut
from geocrop_processes.pipeline.plan import Plan, check_enough
from geocrop_processes.storage import DATASETS, Storage

FOLDER = "features/"
"""Where features are kept in the bucket of datasets; nothing but time is lost with it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """What was seen of a block."""

    features: Features
    """Of the n pixels of the block that lie in the circle, row by row: values (51, n)."""
    used: tuple[str, ...]
    """Keys of the scenes that gave at least one clear pixel."""
    left_out: tuple[LeftOut, ...]
    """Scenes that could not be read."""

    def to_bytes(self) -> bytes:
        """The view as npz, which holds arrays only; features are noise to a compressor."""
        buffer = BytesIO()
        found = self.features
        np.savez(
            buffer,
            values=found.values,
            n_valid=found.n_valid,
            max_gap_days=found.max_gap_days,
            used=np.array(self.used, str),
            left_out=np.array([[s.key, s.reason] for s in self.left_out], str).reshape(-1, 2),
            allow_pickle=False,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "View":
        """The inverse of `to_bytes`.

        Raises:
            ValueError, KeyError, EOFError, BadZipFile: the content is no view.
        """
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            features = Features(arrays["values"], arrays["n_valid"], arrays["max_gap_days"])
            left_out = tuple(LeftOut(str(key), str(why)) for key, why in arrays["left_out"])
            return cls(features, tuple(str(key) for key in arrays["used"]), left_out)


def view(
    planned: Plan,
    block: Block,
    inside: npt.NDArray[np.bool_],
    storage: Storage,
    access: Access,
) -> View:
    """Read the scenes and compute the features; or take them from the store, where they are kept.

    Args:
        planned: the job's plan.
        block: which part of its grid.
        inside: (height, width), the block's pixels that lie in the circle.
        storage: where features are kept, if the plan says so.
        access: how scenes are read.

    Raises:
        TooFewScenes: so many scenes cannot be read that too few acquisitions are left.
        StorageUnavailable: the store does not answer.
    """
    if not planned.request.keep_features:
        return _observe(planned, block, inside, access)
    # a folder of its own: whether it is there is seen without a look at all others
    key = f"{FOLDER}{_digest(planned, block)}/view.npz"
    known = _kept(storage, key, int(inside.sum()))
    if known is not None:
        return known
    seen = _observe(planned, block, inside, access)
    # a scene that could not be read today may be readable tomorrow
    if not seen.left_out:
        storage.put(DATASETS, key, seen.to_bytes(), "application/octet-stream")
    return seen


def _observe(planned: Plan, block: Block, inside: npt.NDArray[np.bool_], access: Access) -> View:
    observed = planned.acquisitions
    read = read_cube(observed, planned.grid.window(block), inside, access)
    unreadable = {scene.key for scene in read.left_out}
    readable = [a for a in observed if not unreadable.issuperset(s.key for s in a.scenes)]
    check_enough(len(readable), planned.request.min_acquisitions, read.left_out)
    found = compute_block(
        read.cube.values, inside, [a.day for a in observed], until=planned.request.season.dekads
    )
    return View(found, read.used, read.left_out)


def _kept(storage: Storage, key: str, pixels: int) -> View | None:
    """What is kept under a key; None where there is nothing, or nothing that can be used."""
    if not storage.has(DATASETS, key):
        return None
    try:
        known = View.from_bytes(storage.get(DATASETS, key))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        logger.warning("The kept features %s cannot be used: %s. They are made anew.", key, error)
        return None
    return known if known.features.n_valid.shape == (pixels,) else None


def _digest(planned: Plan, block: Block) -> str:
    """SHA-256 of everything that decides the features of a block; the model does not."""
    grid, aoi = planned.grid.window(block), planned.request.aoi
    decisive = {
        "grid": [grid.epsg, grid.left, grid.top, grid.width, grid.height],
        "aoi": [float(v) for v in (aoi.lon, aoi.lat, aoi.radius_m)],
        "season": [str(planned.request.season), planned.request.season.dekads],
        "scenes": sorted([s.collection, s.key, s.baseline, s.offset] for s in planned.scenes),
        "features": FINGERPRINT,
        "geocrop": geocrop_processes.__version__,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
