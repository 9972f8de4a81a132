"""Tables of labelled samples, small ones, for tests that train."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from geocrop_processes.domain.as_of import dekads_of_as_of
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.until import known
from geocrop_processes.pipeline.table import Table
from geocrop_processes.pipeline.table_columns import SCHEMA

LEGEND = Legend(
    (
        CropClass(2, "maize", "#ffd300", cropland=True),
        CropClass(7, "tobacco $^$ & <co>", "#00af4b", cropland=True),
        CropClass(9, "never seen", "#123456"),
        CropClass(11, "water", "#419bdf"),
    )
)
SEEN = (2, 7, 11)
CREATED = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
DATE = "01-31"
Floats = npt.NDArray[np.float32]


def features(codes: npt.NDArray[np.int64], spread: float, seed: int) -> Floats:
    """Two features that tell the classes apart, 49 that tell nothing."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(len(codes), 51)).astype(np.float32)
    found[:, 3] = codes + random.normal(scale=spread, size=len(codes))
    found[:, 30] = (codes == 7) + random.normal(scale=spread / 4, size=len(codes))
    return found


def rows(as_of: str, n: int = 180, **changes: Any) -> pa.Table:
    """Samples in places of ten, 30 km from each other."""
    place = np.arange(n) // 10
    codes = np.asarray(SEEN)[np.arange(n) % 3]
    values = features(codes, 4.0 if as_of else 1.5, 5)
    values[:, ~known(dekads_of_as_of(as_of))] = np.nan
    columns = {
        "sample": np.arange(n),
        "group": np.arange(n) // 2,
        "code": codes,
        "class": [LEGEND.name_of(int(c)) for c in codes],
        "lon": 29.0 + 0.3 * (place % 6) + 1e-4 * np.arange(n),
        "lat": -19.0 + 0.3 * (place // 6),
        "year": 2021 + np.arange(n) % 2,
        "as_of": [as_of] * n,
        "n_valid": np.full(n, 20, np.uint8),
        "max_gap_days": np.full(n, 30, np.uint16),
        "scenes": [["S2A_36KTF_20221112_0_L2A"]] * n,
        **{name: values[:, i] for i, name in enumerate(FEATURE_ORDER_V1)},
    }
    return pa.table(columns | changes, schema=SCHEMA)


def parquet(*parts: pa.Table) -> bytes:
    return Table(pa.concat_tables(parts), LEGEND, simulated=True, created=CREATED).to_parquet()
