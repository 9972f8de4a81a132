"""The columns of a table of samples, and how they are read from a file that is not trusted."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from geocrop_processes.errors import InvalidTable
from geocrop_processes.features.order import FEATURE_ORDER_V1

MAX_TEXT = 200
"""The longest class name, date or scene that is read, bytes."""

SCHEMA = pa.schema(
    [
        # one pixel of one season: the same for each as-of date
        ("sample", pa.int64()),
        # field, polygon or place: never in two folds
        ("group", pa.int64()),
        ("code", pa.int64()),
        ("class", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        # the season's first September
        ("year", pa.int64()),
        # "MM-DD", or "" for the whole season
        ("as_of", pa.string()),
        ("n_valid", pa.uint8()),
        ("max_gap_days", pa.uint16()),
        ("scenes", pa.list_(pa.string())),
        *((name, pa.float32()) for name in FEATURE_ORDER_V1),
    ]
)
"""The columns of a table, in order."""
_NUMBERS = tuple(
    f.name for f in SCHEMA if not (pa.types.is_string(f.type) or pa.types.is_list(f.type))
)


def texts(metadata: pq.FileMetaData) -> list[str]:
    """Columns of text: read as dictionaries, a value that each row repeats is held once, as it is in the file."""
    found = (metadata.schema.column(i) for i in range(metadata.num_columns))
    return [c.path for c in found if c.physical_type == "BYTE_ARRAY"]


def columns(file: pq.ParquetFile, *, scenes: bool) -> pa.Table:
    """The columns of a table, as their types.

    Raises:
        InvalidTable: one is missing, is of another kind, or holds text that is too long.
    """
    missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
    if missing:
        raise InvalidTable(f"The table lacks the column {missing[0]!r}.")
    for name in _NUMBERS:
        kind = file.schema_arrow.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InvalidTable(f"The table's column {name!r} holds {kind}, and no numbers.")
    wanted = [name for name in SCHEMA.names if scenes or name != "scenes"]
    read = file.read(columns=wanted, use_threads=False)
    for name in wanted:
        if name not in _NUMBERS:
            _check_texts(read[name], name)
    if not scenes:
        read = read.append_column("scenes", pa.nulls(read.num_rows, SCHEMA.field("scenes").type))
    return read.select(SCHEMA.names).replace_schema_metadata(None).cast(SCHEMA)


def _check_texts(column: pa.ChunkedArray, name: str) -> None:
    """Raises: InvalidTable: it holds no text, or text that is too long to be unpacked for each row."""
    for chunk in column.chunks:
        held = chunk.flatten() if pa.types.is_list(chunk.type) else chunk
        if not isinstance(held, pa.DictionaryArray) or not pa.types.is_string(held.type.value_type):
            raise InvalidTable(f"The table's column {name!r} holds {chunk.type}, and no text.")
        longest = pc.max(pc.binary_length(held.dictionary)).as_py() or 0
        if longest > MAX_TEXT:
            raise InvalidTable(
                f"The table's column {name!r} holds a text of {longest} bytes; at most {MAX_TEXT} are allowed."
            )
