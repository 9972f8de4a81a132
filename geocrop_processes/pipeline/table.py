"""A table of labelled samples: one row for each pixel and as-of date, as Parquet.

Whoever trains a model hands one over, so that nothing of it is trusted: size and number of rows are looked at before
anything is read, and every value before anything is computed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyproj import Transformer

import geocrop_processes
from geocrop_processes.domain.as_of import WHOLE, dekads_of_as_of, in_order
from geocrop_processes.domain.legend import Legend
from geocrop_processes.domain.season import FIRST_YEAR
from geocrop_processes.errors import InvalidSeason, InvalidTable, UnusableModel
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.until import NEEDED
from geocrop_processes.models.labelled import LabelledSamples
from geocrop_processes.pipeline.table_columns import SCHEMA, columns, texts

MEDIA_TYPE = "application/vnd.apache.parquet"
"""What a table is, for programs."""
PLANE_EPSG = 6933
"""The equal-area system (EASE-Grid 2.0) that samples' x and y are in, metres."""
MAX_BYTES = 512 * 2**20
"""The largest file that is read, where nothing else is said."""
MAX_ROWS = 2_000_000
"""The most rows that are read, where nothing else is said."""
_SCENES_PER_ROW = 1000
"""More scenes than that no pixel and season has."""


@dataclass(frozen=True)
class Table:
    """Labelled samples with their features, and what must be known of them.

    Raises:
        InvalidTable: columns, or values in them, are not those of such a table.
    """

    rows: pa.Table
    """The samples: the columns of `SCHEMA`."""
    legend: Legend
    """Their classes."""
    simulated: bool
    """Whether the imagery was."""
    created: datetime
    """When the job was made that made it, UTC."""
    version: str = geocrop_processes.__version__
    """Of GeoCrop, that made it."""

    def __post_init__(self) -> None:
        _check(self.rows, self.legend)

    def to_parquet(self) -> bytes:
        """The table as a Parquet file; the same table gives the same bytes."""
        told = {
            "geocrop.fingerprint": FINGERPRINT,
            "geocrop.legend": json.dumps(self.legend.to_json()),
            "geocrop.simulated": json.dumps(self.simulated),
            "geocrop.created": self.created.astimezone(UTC).isoformat(),
            "geocrop.version": self.version,
        }
        file = BytesIO()
        rows = self.rows.replace_schema_metadata(told)
        pq.write_table(rows, file, compression="zstd", write_page_checksum=True)
        return file.getvalue()

    @classmethod
    def from_parquet(
        cls,
        content: bytes,
        *,
        max_bytes: int = MAX_BYTES,
        max_rows: int = MAX_ROWS,
        scenes: bool = True,
    ) -> "Table":
        """Read a table that somebody has handed over.

        Args:
            content: the file.
            max_bytes: a larger file is not looked at; nor is one that would be 20 times as large when unpacked.
            max_rows: a table of more rows is not read.
            scenes: whether each sample's scenes are read; they are null where they are not.

        Raises:
            InvalidTable: it is too large, no Parquet, lacks a column, was made of other features, or holds what
                no sample can be.
        """
        if len(content) > max_bytes:
            raise InvalidTable(
                f"The table has {len(content)} bytes; at most {max_bytes} are allowed."
            )
        if content[:4] != b"PAR1" or content[-4:] != b"PAR1":
            raise InvalidTable("The table is no Parquet file: it does not start and end with PAR1.")
        try:
            metadata = pq.read_metadata(BytesIO(content))
            _check_size(metadata, 20 * max_bytes, max_rows)
            with pq.ParquetFile(
                BytesIO(content), read_dictionary=texts(metadata), page_checksum_verification=True
            ) as file:
                told = _told(file.schema_arrow.metadata)
                rows = columns(file, scenes=scenes)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise InvalidTable(f"The table cannot be read: {reason}.") from error
        return cls(rows, _legend(told), told["simulated"] == "true", _moment(told), told["version"])

    @cached_property
    def as_of_dates(self) -> tuple[str, ...]:
        """The dates "MM-DD" within the season that there are features of, in the season's order."""
        return in_order(set(pc.unique(self.rows["as_of"]).to_pylist()) - {WHOLE})

    def samples(self, as_of: str = WHOLE) -> LabelledSamples:
        """The samples with their features of the whole season, or as of a date.

        Args:
            as_of: "MM-DD", one of `as_of_dates`; the whole season where it is empty.

        Raises:
            InvalidTable: the table has no features of that date.
        """
        rows = self.rows.filter(pc.equal(self.rows["as_of"], as_of))
        if not rows.num_rows:
            known = ", ".join(self.as_of_dates) or "none"
            raise InvalidTable(
                f"The table has no features of {as_of or 'the whole season'}; its dates are: {known}."
            )
        lon, lat = (rows[name].to_numpy() for name in ("lon", "lat"))
        x, y = Transformer.from_crs(4326, PLANE_EPSG, always_xy=True).transform(lon, lat)
        return LabelledSamples(
            features=_features(rows),
            codes=rows["code"].to_numpy(),
            groups=rows["group"].to_numpy(),
            x=np.asarray(x),
            y=np.asarray(y),
            lon=lon,
            lat=lat,
            seasons=rows["year"].to_numpy(),
        )


def _features(rows: pa.Table) -> npt.NDArray[np.float32]:
    """float32 (n, 51), C-contiguous."""
    values = [rows[name].to_numpy() for name in FEATURE_ORDER_V1]
    return np.ascontiguousarray(np.stack(values, axis=1), np.float32)


def _check_size(metadata: pq.FileMetaData, max_bytes: int, max_rows: int) -> None:
    """Raises: InvalidTable: what is said of the file before it is read is too much."""
    if metadata.num_rows > max_rows:
        raise InvalidTable(
            f"The table has {metadata.num_rows} rows; at most {max_rows} are allowed."
        )
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [g.column(i) for g in groups for i in range(g.num_columns)]
    size = sum(c.total_uncompressed_size for c in chunks)
    values = max((c.num_values for c in chunks), default=0)
    if size > max_bytes or values > max(metadata.num_rows, 1) * _SCENES_PER_ROW:
        raise InvalidTable(f"The table would have {size} bytes and {values} values unpacked.")


def _told(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """What the file says of itself.

    Raises:
        InvalidTable: it does not say it, or was made of other features.
    """
    own = {
        key.decode().removeprefix("geocrop."): value.decode()
        for key, value in (metadata or {}).items()
        if key.startswith(b"geocrop.")
    }
    missing = {"fingerprint", "legend", "simulated", "created", "version"} - set(own)
    if missing:
        raise InvalidTable(
            f"The table is none of GeoCrop's samples: its metadata lack geocrop.{min(missing)}."
        )
    if own["fingerprint"] != FINGERPRINT:
        raise InvalidTable(
            f"The table holds features {own['fingerprint']}, this version computes {FINGERPRINT}: extract the samples anew."
        )
    return own


def _legend(told: Mapping[str, str]) -> Legend:
    try:
        return Legend.from_json(json.loads(told["legend"]))
    except (ValueError, TypeError, AttributeError, RecursionError, UnusableModel) as error:
        raise InvalidTable(f"The table's legend cannot be read: {error}") from error


def _moment(told: Mapping[str, str]) -> datetime:
    try:
        return datetime.fromisoformat(told["created"]).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidTable(
            f"The table was created at {told['created']!r}, which is no time."
        ) from error


def _check(rows: pa.Table, legend: Legend) -> None:
    """Raises: InvalidTable: as `Table`."""
    if not rows.schema.equals(SCHEMA):
        raise InvalidTable("The table's columns are not those of samples.")
    if not rows.num_rows:
        raise InvalidTable("The table has no row.")
    for name in SCHEMA.names[:10]:
        if rows[name].null_count:
            raise InvalidTable(f"The table's column {name!r} lacks values.")
    names = {(c.code, c.name) for c in legend}
    pairs = pa.table([rows["code"], rows["class"]], ["code", "class"]).group_by(["code", "class"])
    for row in pairs.aggregate([]).to_pylist():
        if (row["code"], row["class"]) not in names:
            raise InvalidTable(
                f"The table's class {row['code']} {row['class']!r} is none of its legend's."
            )
    _check_numbers(rows)
    _check_features(rows)


def _check_numbers(rows: pa.Table) -> None:
    """Raises: InvalidTable: a place, a year or a date is none."""
    for name, least, most in (("lon", -180, 180), ("lat", -90, 90), ("year", FIRST_YEAR, 9998)):
        values = rows[name].to_numpy()
        wrong = values[~((values >= least) & (values <= most))]
        if len(wrong):
            raise InvalidTable(f"The table's {name} {wrong[0]} is not within {least}..{most}.")
    try:
        in_order(set(pc.unique(rows["as_of"]).to_pylist()) - {WHOLE})
    except InvalidSeason as error:
        raise InvalidTable(f"The table's dates cannot be used: {error}") from error


def _check_features(rows: pa.Table) -> None:
    """Raises: InvalidTable: a feature is no number where its row's date can know it, or is anything where it cannot."""
    dates = pc.dictionary_encode(rows["as_of"]).combine_chunks()
    known = dates.dictionary.to_pylist()
    dekads = np.array([dekads_of_as_of(as_of) for as_of in known])[dates.indices.to_numpy()]
    for name, needed in zip(FEATURE_ORDER_V1, NEEDED, strict=True):
        values = rows[name].to_numpy()
        told = dekads >= needed
        wrong = np.flatnonzero(np.where(told, ~np.isfinite(values), ~np.isnan(values)))
        if len(wrong):
            row = wrong[0]
            as_of = dates[row].as_py()
            raise InvalidTable(
                f"The table's {name} is {values[row]:g} in row {row + 1}, "
                f"{f'as of {as_of}' if as_of else 'of the whole season'}, which "
                f"{'can' if told[row] else 'cannot'} know it: features are finite numbers exactly where the date can "
                "know them, and NaN elsewhere."
            )
