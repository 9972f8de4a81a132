"""The features of a GeoPackage (OGC 12-128), as rows: only read, nothing in it is ever executed.

A GeoPackage is an SQLite database, and a database can hold views, triggers and virtual tables that run when it is
used by a program that trusts it. So it is opened unchangeable, and SQLite is told to refuse whatever is not the
reading of an ordinary table: no function, no attached file, no recursion.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from geocrop_processes.errors import InvalidLabels
from geocrop_processes.pipeline.label_files import Row, as_text

_MAGIC = b"SQLite format 3\0"
_APPLICATIONS = (b"GPKG", b"GP10", b"GP11")
"""What bytes 68 to 71 say: GeoPackage 1.2 and later, 1.0, 1.1."""
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
"""Bytes of a geometry's envelope by its kind (OGC 12-128, table 7)."""
_POINT, _LINE, _POLYGON = 1, 2, 3
_SIMPLE = {_POINT, _LINE, _POLYGON}
_PARTS = {4: _POINT, 5: _LINE, 6: _POLYGON}
"""Kinds of well-known binary that are read (OGC 06-103r4, table 7), and what those of many parts consist of."""
_ISO_AXES = {0: 2, 1: 3, 2: 3, 3: 4}
"""Numbers of a corner by the thousands of its kind: XY, XYZ, XYM, XYZM."""
_HAS_Z, _HAS_M, _HAS_CRS = 0x80000000, 0x40000000, 0x20000000
_EXTENDED = _HAS_Z | _HAS_M | _HAS_CRS
"""What PostGIS writes in place of the thousands."""
_COUNT, _DOUBLE = 4, 8
"""Bytes."""
_READ = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
_MOST_STEPS = 50_000_000
"""Steps of SQLite's machine: far more than the reading of the most rows takes."""

_LEAST_BUDGET = 64 * 2**20
"""Bytes that records may have in any case; those of a larger file four times as many as it."""
_CELL = 16
"""Bytes that a value is counted with beside its text."""
_GENERATED = (2, 3)
"""What `hidden` says of generated columns, virtual and stored (https://sqlite.org/pragma.html#pragma_table_xinfo)."""

_Move = Callable[[Any], Any]


def geopackage_rows(content: bytes, most: int) -> list[Row]:
    """The rows of the only layer of features, moved to WGS 84; the first is row 1.

    Raises:
        InvalidLabels: it is no GeoPackage, has no layer of features or several, its CRS has no EPSG code, or it has
            more than `most` features.
    """
    if not content.startswith(_MAGIC) or content[68:72] not in _APPLICATIONS:
        raise InvalidLabels("The file is no GeoPackage: it does not start as one.")
    try:
        with _opened(content) as database:
            table, column, move = _layer(database)
            names = _columns(database, table)
            if column not in names:
                raise InvalidLabels(
                    f"The GeoPackage's layer {table!r} lacks the column {column!r}."
                )
            found = database.execute(f"SELECT * FROM {_quoted(table)} LIMIT ?", [most + 1])  # noqa: S608 - quoted
            records = _fetched(found, max(_LEAST_BUDGET, 4 * len(content)))
    except (sqlite3.Error, UnicodeError) as error:
        raise InvalidLabels(f"The GeoPackage cannot be read: {error}.") from None
    if len(records) > most:
        raise InvalidLabels(f"There are more than {most} labels; at most so many are accepted.")
    place = names.index(column)
    return [
        _row(number, names, record, place, move) for number, record in enumerate(records, start=1)
    ]


@contextmanager
def _opened(content: bytes) -> Iterator[sqlite3.Connection]:
    """The database, of which tables can be read and nothing else."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.gpkg"
        path.write_bytes(content)
        # immutable: no journal and no write-ahead log is looked for
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            # no value of a file is longer than the file: one that is has been computed
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, len(content))
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            steps = 0

            def count() -> int:
                nonlocal steps
                steps += 100_000
                return steps > _MOST_STEPS

            database.set_progress_handler(count, 100_000)
            database.set_authorizer(_allowed)
            yield database


def _allowed(action: int, what: str | None, *_more: object) -> int:
    asks = action == sqlite3.SQLITE_PRAGMA and what == "table_xinfo"
    return sqlite3.SQLITE_OK if asks or action in _READ else sqlite3.SQLITE_DENY


def _fetched(found: sqlite3.Cursor, budget: int) -> list[tuple[Any, ...]]:
    """All records; a small file can hold large ones, for what a column holds by default is there once.

    Raises:
        InvalidLabels: they need more than `budget` bytes.
    """
    records = []
    left = budget
    for record in found:
        left -= sum(_CELL + (len(v) if isinstance(v, str | bytes) else 0) for v in record)
        if left < 0:
            raise InvalidLabels(
                f"The GeoPackage's tables hold more than {budget} bytes once read: far more than the file has."
            )
        records.append(record)
    return records


def _layer(database: sqlite3.Connection) -> tuple[str, str, _Move]:
    """The table of features, its column of geometries, and what moves them to WGS 84."""
    found = database.execute(
        "SELECT c.table_name, g.column_name, s.organization, s.organization_coordsys_id "
        "FROM gpkg_contents c JOIN gpkg_geometry_columns g ON g.table_name = c.table_name "
        "JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id WHERE c.data_type = 'features'"
    )
    layers = _fetched(found, _LEAST_BUDGET)
    names = [str(layer[0]) for layer in layers]
    if len(layers) != 1:
        raise InvalidLabels(
            f"The GeoPackage must have one layer of features, not {len(layers)}{': ' if names else ''}"
            f"{', '.join(names)[:300]}."
        )
    table, column, organization, code = layers[0]
    kinds = database.execute("SELECT type FROM sqlite_master WHERE name = ?", [table]).fetchall()
    virtual = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
    if kinds != [("table",)] or not str(virtual[0]).upper().startswith("CREATE TABLE"):
        raise InvalidLabels(f"The GeoPackage's layer {table!r} is no ordinary table.")
    if str(organization).upper() != "EPSG":
        raise InvalidLabels(
            f"The GeoPackage's CRS is {organization!s}:{code}; one with an EPSG code is needed."
        )
    return str(table), str(column), _mover(code)


def _mover(code: Any) -> _Move:
    try:
        source = CRS.from_epsg(int(code))
    except (CRSError, ValueError, TypeError, ArithmeticError):
        raise InvalidLabels(f"The GeoPackage's CRS EPSG:{code} is unknown.") from None
    try:
        to = Transformer.from_crs(source, 4326, always_xy=True)
    except ProjError:
        raise InvalidLabels(
            f"The GeoPackage's CRS EPSG:{code} cannot be moved to WGS 84."
        ) from None
    return lambda geometry: shapely.transform(geometry, to.transform, interleaved=False)


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    """Raises: InvalidLabels: some are computed when they are read."""
    found = database.execute(f"PRAGMA table_xinfo({_quoted(table)})").fetchall()
    generated = [str(column[1]) for column in found if column[-1] in _GENERATED]
    if generated:
        raise InvalidLabels(
            f"The GeoPackage's layer {table[:40]!r} has columns that are generated: {', '.join(generated)[:300]}; "
            "only stored ones are read."
        )
    return [str(column[1]) for column in found]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _row(number: int, names: list[str], record: tuple[Any, ...], place: int, move: _Move) -> Row:
    values = {
        name.lower(): as_text(value) if not isinstance(value, bytes) else ""
        for name, value in zip(names, record, strict=True)
    }
    blob = record[place]
    if blob is None:
        return Row(number, values, problem="has no geometry")
    try:
        geometry = _geometry(blob)
        return Row(number, values, geometry if geometry.is_empty else move(geometry))
    except (ValueError, TypeError, LookupError, struct.error, shapely.GEOSException):
        return Row(number, values, problem="its geometry is none of a GeoPackage's")


def _geometry(blob: bytes) -> Any:
    """From a GeoPackage's binary: "GP", version, flags, CRS, envelope, then well-known binary."""
    magic, _version, flags = struct.unpack_from("2sBB", blob)
    if magic != b"GP":
        raise ValueError(magic)
    content = blob[8 + _ENVELOPES[flags >> 1 & 7] :]
    _walk(content, 0)
    return shapely.force_2d(shapely.from_wkb(content))


def _walk(content: bytes, at: int, needed: int = 0) -> int:
    """Where a geometry of well-known binary ends; GEOS must see none that is nested without end or says untrue counts.

    Args:
        content: what it is part of.
        at: where it starts.
        needed: its kind where its parent allows one only.

    Raises:
        ValueError, LookupError, struct.error: its kind is none that is read, or the content ends before it does.
    """
    order = ">" if content[at] == 0 else "<"
    (told,) = struct.unpack_from(f"{order}I", content, at + 1)
    iso, kind = divmod(told & ~_EXTENDED, 1000)
    if kind not in _SIMPLE | _PARTS.keys() or iso not in _ISO_AXES or (needed and kind != needed):
        raise ValueError(told)
    axes = _ISO_AXES[iso] + bool(told & _HAS_Z) + bool(told & _HAS_M)
    at += 9 if told & _HAS_CRS else 5
    if kind == _POINT:
        return _past(content, at, axes * _DOUBLE)
    (count,) = struct.unpack_from(f"{order}I", content, at)
    at += _COUNT
    if kind == _LINE:
        return _past(content, at, count * axes * _DOUBLE)
    # a part has its own count at the least: the loop ends soon whatever is told
    for _ in range(count):
        if kind == _POLYGON:
            (corners,) = struct.unpack_from(f"{order}I", content, at)
            at = _past(content, at + _COUNT, corners * axes * _DOUBLE)
        else:
            at = _walk(content, at, _PARTS[kind])
    return at


def _past(content: bytes, at: int, size: int) -> int:
    if at + size > len(content):
        raise ValueError(size)
    return at + size
