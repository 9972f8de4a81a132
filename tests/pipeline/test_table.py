"""A table of samples goes through Parquet unchanged, and nothing else passes for one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geocrop_processes.domain.as_of import dekads_of_as_of
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import InvalidTable
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.until import known
from geocrop_processes.pipeline.table import Table
from geocrop_processes.pipeline.table_columns import SCHEMA

LEGEND = Legend((CropClass(1, "Maize", "#ffd300"), CropClass(4, "Soybean", "#267000")))
CREATED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CUT = [n for n, told in zip(FEATURE_ORDER_V1, known(15), strict=True) if not told]
"""The features that 31 January cannot know."""


def seen(dates: list[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Noise where a row's date can know a feature, else NaN."""
    told = np.array([known(dekads_of_as_of(as_of)) for as_of in dates])
    values = np.where(told, np.random.default_rng(1).normal(size=told.shape), np.nan)
    return dict(zip(FEATURE_ORDER_V1, values.astype(np.float32).T, strict=True))


def columns(n: int = 6) -> dict[str, Any]:
    codes = np.array([1, 4] * n)[:n]
    values: dict[str, Any] = {
        "sample": np.arange(n) // 2,
        "group": np.arange(n) // 4,
        "code": codes,
        "class": [LEGEND.name_of(int(c)) for c in np.repeat(codes[: (n + 1) // 2], 2)[:n]],
        "lon": np.linspace(30, 30.1, n),
        "lat": np.linspace(-17.4, -17.3, n),
        "year": np.full(n, 2022),
        "as_of": ["", "01-31"] * (n // 2),
        "n_valid": np.full(n, 20, np.uint8),
        "max_gap_days": np.full(n, 30, np.uint16),
        "scenes": [["S2A_36KTF_20221112_0_L2A"]] * n,
        **seen(["", "01-31"] * (n // 2)),
    }
    values["code"] = np.repeat(codes[: (n + 1) // 2], 2)[:n]
    return values


def rows(**changes: Any) -> pa.Table:
    return pa.table(columns() | changes, schema=SCHEMA)


@pytest.fixture
def table() -> Table:
    return Table(rows(), LEGEND, simulated=True, created=CREATED)


def test_a_table_comes_back_as_it_went(table: Table) -> None:
    back = Table.from_parquet(table.to_parquet())
    assert back.rows.drop_columns(CUT).equals(table.rows.drop_columns(CUT))
    for name in CUT:
        read, written = back.rows[name].to_numpy(), table.rows[name].to_numpy()
        assert np.array_equal(read, written, equal_nan=True)
    assert replace(back, rows=table.rows) == table
    assert back.to_parquet() == table.to_parquet()


def test_any_reader_of_parquet_finds_names_types_and_what_the_table_says_of_itself(
    table: Table,
) -> None:
    found = pq.read_table(BytesIO(table.to_parquet()))
    assert found.schema.names[-51:] == list(FEATURE_ORDER_V1)
    assert {found.schema.field(n).type for n in FEATURE_ORDER_V1} == {pa.float32()}
    told = found.schema.metadata
    assert told[b"geocrop.fingerprint"].decode() == FINGERPRINT
    assert told[b"geocrop.simulated"] == b"true"
    assert told[b"geocrop.created"] == b"2026-11-23T12:00:00+00:00"
    assert set(told) >= {b"geocrop.legend", b"geocrop.version"}


def test_samples_are_those_of_the_whole_season_or_of_one_date(table: Table) -> None:
    assert table.as_of_dates == ("01-31",)
    whole, cut = table.samples(), table.samples("01-31")
    assert whole.features.shape == cut.features.shape == (3, 51)
    assert np.isfinite(whole.features).all()
    assert (np.isnan(cut.features) == ~known(15)).all()
    assert np.array_equal(whole.features[:, 0], np.asarray(columns()["ndvi_sep"])[::2])
    assert whole.codes.tolist() == [1, 4, 1]
    assert whole.groups.tolist() == [0, 0, 1]
    assert whole.seasons.tolist() == [2022] * 3
    # EASE-Grid 2.0: x is the longitude's share of half the globe's width, 17,367,530.45 m at 180 degrees
    assert whole.x[0] == pytest.approx(30 / 180 * 17_367_530.45, abs=0.1)
    assert (whole.y < 0).all()
    with pytest.raises(InvalidTable, match=r"no features of 12-31; its dates are: 01-31\."):
        table.samples("12-31")


def test_dates_are_in_the_order_of_the_season() -> None:
    dates = ["", "01-31", "12-31", "10-31", "03-10", "02-28"]
    table = Table(rows(as_of=dates, **seen(dates)), LEGEND, False, CREATED)
    assert table.as_of_dates == ("10-31", "12-31", "01-31", "02-28", "03-10")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": [1, 1, 9, 9, 1, 1]}, "class 9 'Soybean' is none of its legend's"),
        ({"class": ["Maize"] * 6}, "class 4 'Maize' is none"),
        ({"lon": [30, 30, 30, 30, 30, np.nan]}, "lon nan is not within -180..180"),
        ({"lat": [-17, -17, -17, -17, -17, 91]}, "lat 91"),
        ({"year": [2022, 2022, 2022, 2014, 2022, 2022]}, "year 2014"),
        ({"as_of": ["", "2023-01-31"] * 3}, "unlike '2023-01-31'"),
        ({"as_of": ["", "07-01"] * 3}, "07-01 lies outside every season"),
        (
            {"as_of": [""] * 6},
            "ndvi_feb is nan in row 2, of the whole season, which can know it: features are finite numbers exactly",
        ),
        (
            {"as_of": ["", "01-31", "", "02-28", "", "01-31"]},
            "ndvi_feb is nan in row 4, as of 02-28, which can know it",
        ),
        (
            {"as_of": ["", "01-31", "", "01-20", "", "01-31"]},
            r"ndvi_jan is .* in row 4, as of 01-20, which cannot know it: .* and NaN elsewhere\.",
        ),
        (
            {"ndvi_may": np.full(6, 0.5, np.float32)},
            "ndvi_may is 0.5 in row 2, as of 01-31, which cannot know it",
        ),
        ({"ndvi_eos": [1, np.inf] * 3}, "ndvi_eos is inf in row 2, as of 01-31, which cannot"),
        ({"ndvi_sep": np.full(6, np.inf, np.float32)}, "ndvi_sep is inf in row 1, of the whole"),
        ({"ndvi_sep": [1, 1, 1, 1, 1, None]}, "ndvi_sep is nan in row 6, as of 01-31, which can "),
        ({"group": [0, 0, 0, 0, 1, None]}, "'group' lacks values"),
    ],
)
def test_values_that_no_sample_has_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidTable, match=sentence):
        Table(rows(**changes), LEGEND, simulated=False, created=CREATED)


def _file(table: pa.Table, **changes: str | None) -> bytes:
    told = dict(pq.read_table(BytesIO(_GOOD)).schema.metadata)
    for name, value in changes.items():
        if value is None:
            del told[f"geocrop.{name}".encode()]
        else:
            told[f"geocrop.{name}".encode()] = value.encode()
    told.pop(b"ARROW:schema", None)
    file = BytesIO()
    pq.write_table(table.replace_schema_metadata(told), file)
    return file.getvalue()


_GOOD = Table(rows(), LEGEND, simulated=False, created=CREATED).to_parquet()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: b"", "no Parquet file"),
        (lambda: b"sample,group\n1,2\n", "no Parquet file"),
        (lambda: b"PAR1" + b"\0" * 40 + b"PAR1", "cannot be read"),
        (lambda: _GOOD[:2000] + bytes(50) + _GOOD[2050:], "cannot be read|is none of|no numbers"),
        (lambda: _file(rows().drop_columns("ndvi_sep")), "lacks the column 'ndvi_sep'"),
        (lambda: _file(rows(), fingerprint="sha256:0"), "extract the samples anew"),
        (lambda: _file(rows(), legend=None), "lack geocrop.legend"),
        (lambda: _file(rows(), legend="[1]"), "legend cannot be read"),
        (lambda: _file(rows(), legend='{"a": 1}'), "legend cannot be read"),
        (lambda: _file(rows(), legend="[" * 100_000), "legend cannot be read"),
        (lambda: _file(rows(), created="noon"), "'noon', which is no time"),
        (lambda: _file(rows(), created="0001-01-01T00:00:00+14:00"), "which is no time"),
        (lambda: _file(rows().slice(0, 0)), "has no row"),
        (
            lambda: _file(rows().set_column(4, "lon", pa.array(["here"] * 6))),
            "'lon' holds dictionary.*, and no numbers",
        ),
        (
            lambda: _file(rows().set_column(3, "class", pa.array([1] * 6))),
            "'class' holds int64, and no text",
        ),
    ],
)
def test_what_is_no_table_of_samples_is_refused_in_a_sentence(
    make: Callable[[], bytes], sentence: str
) -> None:
    with pytest.raises(InvalidTable, match=sentence):
        Table.from_parquet(make())


def test_size_and_rows_are_looked_at_before_anything_is_read() -> None:
    with pytest.raises(InvalidTable, match=rf"has {len(_GOOD)} bytes; at most 100"):
        Table.from_parquet(_GOOD, max_bytes=100)
    with pytest.raises(InvalidTable, match="has 6 rows; at most 5"):
        Table.from_parquet(_GOOD, max_rows=5)


def test_a_list_that_is_longer_than_any_season_has_scenes_is_refused() -> None:
    many = rows(scenes=[["x"] * 20_000] * 6)
    content = Table(many, LEGEND, simulated=False, created=CREATED).to_parquet()
    assert len(content) < 50_000
    with pytest.raises(InvalidTable, match="120000 values unpacked"):
        Table.from_parquet(content)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("class", "x" * 10_000, "'class' holds a text of 10000 bytes; at most 200"),
        ("as_of", "x" * 10_000, "'as_of' holds a text of 10000 bytes; at most 200"),
        ("scenes", ["x" * 10_000], "'scenes' holds a text of 10000 bytes; at most 200"),
        ("group", "1" * 10_000, "'group' holds dictionary.*, and no numbers"),
    ],
)
def test_a_text_that_would_be_unpacked_for_each_row_is_refused_before_it_is(
    name: str, value: Any, sentence: str
) -> None:
    good = rows()
    place = good.schema.get_field_index(name)
    long = pa.concat_tables([good.set_column(place, name, pa.array([value] * 6))] * 300)
    content = _file(long)
    assert len(content) < 100_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(InvalidTable, match=sentence):
        Table.from_parquet(content)
    assert pa.default_memory_pool().max_memory() - before < 10_000_000


def test_scenes_are_not_read_where_they_are_not_wanted(table: Table) -> None:
    long = pa.concat_tables([rows(scenes=[["x" * 10_000]] * 6)] * 300)
    back = Table.from_parquet(_file(long), scenes=False)
    assert back.rows["scenes"].null_count == back.rows.num_rows == 1800
    back = Table.from_parquet(table.to_parquet(), scenes=False)
    assert np.array_equal(back.samples().features, table.samples().features)
