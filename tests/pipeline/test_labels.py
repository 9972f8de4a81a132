"""Labels of any declared kind are read as they are meant; what cannot be used is named by its row."""

import json
import sqlite3
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from geocrop_processes.domain.aoi import Region
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import InvalidLabels
from geocrop_processes.pipeline.geopackage import _allowed
from geocrop_processes.pipeline.labels import CSV, GEOJSON, GEOPACKAGE, Labels, Limits, read_labels

ZIMBABWE = Region("Zimbabwe", 25.2, -22.5, 33.1, -15.6)
TODAY = date(2026, 11, 23)
LEGEND = Legend(
    (CropClass(1, "Maize", "#ffd300", cropland=True), CropClass(4, "Soybean", "#267000"))
)


def read(content: bytes | str, media_type: str = CSV, **others: Any) -> Labels:
    raw = content.encode() if isinstance(content, str) else content
    return read_labels(raw, media_type, region=ZIMBABWE, today=TODAY, **others)


def geojson(*rows: tuple[Any, dict[str, Any]]) -> str:
    features = [
        {
            "type": "Feature",
            "geometry": None if g is None else json.loads(shapely.to_geojson(g)),
            "properties": p,
        }
        for g, p in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


FIELD = box(30.2, -17.4, 30.202, -17.398)
OTHER = box(30.3, -17.4, 30.302, -17.398)
FIELDS: list[tuple[Any, dict[str, Any]]] = [
    (FIELD, {"class": "Soybean", "season": 2022, "field": "a", "id": "f1"}),
    (MultiPolygon([OTHER]), {"class": "maize ", "season": 2021, "field": "b", "id": "f2"}),
    (Point(30.1, -17.1), {"class": "Maize", "season": 2022, "field": "a", "id": "p"}),
]


def test_geojson_is_read_with_classes_seasons_and_fields() -> None:
    found = read(geojson(*FIELDS), GEOJSON)
    assert [(c.code, c.name) for c in found.legend] == [(1, "Maize"), (2, "Soybean")]
    assert all(c.cropland for c in found.legend)
    assert [(at.row, at.code, at.year, at.group, at.name) for at in found.labels] == [
        (1, 2, 2022, 0, "f1"),
        (2, 1, 2021, 1, "f2"),
        (3, 1, 2022, 0, "p"),
    ]
    assert [at.geometry.equals(g) for at, (g, _) in zip(found.labels, FIELDS, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("epsg", [4326, 32736, 32735, 6933])
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_geopackage_of_any_crs_says_the_same(epsg: int, journal: str, tmp_path: Path) -> None:
    """Written by GDAL, in the modes that its programs leave files in."""
    frame = geopandas.GeoDataFrame(
        [p for _, p in FIELDS], geometry=[g for g, _ in FIELDS], crs=4326
    ).to_crs(epsg)
    path = tmp_path / "labels.gpkg"
    pyogrio.write_dataframe(frame, path, layer="labels")
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA journal_mode = {journal}")
    database.close()
    found, expected = read(path.read_bytes(), GEOPACKAGE), read(geojson(*FIELDS), GEOJSON)
    assert found.legend == expected.legend
    for ours, theirs in zip(found.labels, expected.labels, strict=True):
        assert replace(ours, geometry=None) == replace(theirs, geometry=None)
        assert shapely.hausdorff_distance(ours.geometry, theirs.geometry) < 1e-8


@pytest.mark.parametrize(
    ("names", "separator"),
    [("lon,lat", ","), ("Longitude,LATITUDE", ";"), ("x,y", "\t"), ("lng,lat", ",")],
)
def test_a_csv_is_read_whatever_its_columns_are_called(names: str, separator: str) -> None:
    head = names.replace(",", separator)
    text = f"\ufeff{head},class,year\r\n30.2,-17.4,Maize,2022\r\n\r\n".replace(",", separator)
    (label,) = read(text + "30.3,-17.4,4,2021\n".replace(",", separator), legend=LEGEND).labels[1:]
    assert (label.row, label.code, label.year) == (4, 4, 2021)
    assert (label.geometry.x, label.geometry.y) == (30.3, -17.4)


def test_x_and_y_beside_lon_and_lat_are_other_columns() -> None:
    (label,) = read("x,y,lon,lat,class,season\n1,2,30.2,-17.4,Maize,2022\n").labels
    assert label.geometry.x == 30.2


def test_formulas_are_text() -> None:
    found = read('lon,lat,class,season\n30.2,-17.4,"=HYPERLINK(""http://x"")",2022\n')
    assert found.legend.name_of(1) == '=HYPERLINK("http://x")'


def test_a_class_that_cannot_be_shown_is_named_by_its_row() -> None:
    with pytest.raises(
        InvalidLabels, match=r"Row 3: the class 'te\\x01ff' has characters that cannot"
    ):
        read("lon,lat,class,season\n30.2,-17.4,maize,2022\n30.3,-17.4,te\x01ff,2022\n")


def test_a_legend_of_numbers_keeps_them_and_one_of_names_takes_colours_and_cropland() -> None:
    head = "lon,lat,class,season"
    found = read(f"{head}\n30.2,-17.4,7,2022\n30.3,-17.4,12,2022\n")
    assert [(c.code, c.name) for c in found.legend] == [(7, "class 7"), (12, "class 12")]
    found = read(
        f"{head},colour,cropland\n30.2,-17.4,Water,2022,#419BDF,no\n30.3,-17.4,maize,2022,,\n"
        "30.4,-17.4,Maize,2022,,\n30.5,-17.4,Maize,2022,,\n"
    )
    assert [(c.code, c.name, c.cropland) for c in found.legend] == [
        (1, "Maize", True),
        (2, "Water", False),
    ]
    assert found.legend.classes[1].colour == "#419bdf"


def test_an_open_legend_takes_classes_that_it_lacks_after_its_own() -> None:
    text = "lon,lat,class,season\n30.2,-17.4,soybean,2022\n30.3,-17.4,Teff,2022\n"
    found = read(text, legend=LEGEND, open_legend=True)
    assert [(c.code, c.name) for c in found.legend] == [(1, "Maize"), (4, "Soybean"), (5, "Teff")]
    assert [at.code for at in found.labels] == [4, 5]


def test_labels_of_one_place_are_one_group_even_if_nobody_says_so() -> None:
    rows = [(FIELD, {"class": "Maize", "season": y}) for y in (2021, 2022)]
    rows += [(OTHER, {"class": "Maize", "season": 2022})]
    assert [at.group for at in read(geojson(*rows), GEOJSON).labels] == [0, 0, 1]


def test_the_season_of_all_rows_can_be_given() -> None:
    (label,) = read("lon,lat,class\n30.2,-17.4,Maize\n", season=2020).labels
    assert label.year == 2020


BOW = Polygon([(30.2, -17.4), (30.21, -17.39), (30.21, -17.4), (30.2, -17.39)])


@pytest.mark.parametrize(
    ("geometry", "values", "sentence"),
    [
        (FIELD, {"class": ""}, "the class is missing"),
        (FIELD, {"class": "Teff"}, "the class 'Teff' is unknown; known are: Maize, Soybean"),
        (FIELD, {"class": "9"}, "the class '9' is unknown"),
        (FIELD, {"class": "x" * 101}, "has 101 characters; at most 100"),
        (FIELD, {"season": None}, "the season is missing: a year from 2015 on"),
        (FIELD, {"season": "2O22"}, "the season '2O22' is none"),
        (FIELD, {"season": 2014}, "no imagery of season 2014"),
        (FIELD, {"season": 2027}, "has not begun: it begins on 2027-09-01"),
        (FIELD, {"colour": "yellow"}, "the colour 'yellow' is none such as"),
        (FIELD, {"cropland": "maybe"}, "cropland is 'maybe'; allowed are true and false"),
        (None, {}, "has no geometry"),
        (Polygon(), {}, "its geometry is empty"),
        (shapely.LineString([(30, -17), (31, -17)]), {}, "is a LineString; allowed are Point"),
        (BOW, {}, r"it crosses itself at \(30.205, -17.395\)"),
        (Point(10, 50), {}, r"\(10, 50\) lies outside Zimbabwe: longitude 25.2..33.1"),
        (Point(-17.4, 30.2), {}, "longitude and latitude are swapped"),
        (MultiPolygon([FIELD, box(30.2, -22, 30.202, -21.998)]), {}, "give its parts as rows"),
        (box(26, -18, 31, -17.99999), {}, "at most 10 km each way are accepted"),
        (box(30, -18, 30.1, -17.9), {}, "it has 11,725 ha; at most 1,000"),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(
    geometry: Any, values: dict[str, Any], sentence: str
) -> None:
    good = {"class": "Maize", "season": 2022}
    text = geojson((OTHER, good), (geometry, good | values))
    with pytest.raises(
        InvalidLabels, match=rf"^1 of 2 labels cannot be used\. Row 2: .*{sentence}"
    ):
        read(text, GEOJSON, legend=LEGEND)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("nan,-17.4,Maize,2022", "no finite numbers"),
        ("inf,-17.4,Maize,2022", "no finite numbers"),
        ("30°12',-17.4,Maize,2022", 'the longitude "30°12\'" is no number'),
        ("280000,8060000,Maize,2022", "lies outside Zimbabwe"),
        ("30.2,-17.4,Maize,2022,more", "has 5 cells, the first line names 4"),
        ("30.2,-17.4,Soybean,2022", "it is the place of row 2, 'Maize' there and 'Soybean' here"),
    ],
)
def test_a_bad_line_of_a_csv_has_the_number_that_a_spreadsheet_shows(
    row: str, sentence: str
) -> None:
    with pytest.raises(InvalidLabels) as caught:
        read(f"lon,lat,class,season\n30.2,-17.4,Maize,2022\n\n{row}\n")
    assert "1 of 2 labels cannot be used. Row 4: " in str(caught.value)
    assert sentence in str(caught.value)


def test_a_coordinate_of_many_digits_is_none() -> None:
    text = geojson((Point(30, -17), {"class": "Maize", "season": 2022}))
    with pytest.raises(InvalidLabels, match="none of GeoJSON's"):
        read(text.replace("30.0", "1" + "0" * 400), GEOJSON)


def test_ten_bad_rows_are_named_and_the_others_counted() -> None:
    rows = [(Point(30 + i / 100, -17), {"class": "Maize", "season": ""}) for i in range(25)]
    with pytest.raises(InvalidLabels) as caught:
        read(geojson(*rows), GEOJSON)
    text = str(caught.value)
    assert text.startswith("25 of 25 labels")
    assert text.count("Row ") == 10
    assert text.endswith("And 15 more.")


@pytest.mark.parametrize(
    ("content", "media_type", "sentence"),
    [
        (b"lon,lat,class,season\n", CSV, "There is no label"),
        (b"", CSV, "no column of the longitude"),
        (b"lon,longitude,lat,class\n", CSV, "several columns of the longitude"),
        (b"lon,lat,crop\n30,-17,x\n", CSV, "no column 'class'; there are: crop"),
        (b"\xff\xfe", CSV, "not UTF-8 text: byte 0"),
        (b"lon,lat\0", CSV, "zero byte"),
        (b'lon,lat,class,season\n"30', CSV, "cannot be read near line 2"),
        (b"PK\x03\x04rest", CSV, "packed"),
        (b"{}", GEOJSON, "no FeatureCollection"),
        (b"[" * 100_000, GEOJSON, "nested too deeply"),
        (b"nonsense", GEOJSON, "GeoJSON cannot be read: Expecting value"),
        (b"<OGRVRTDataSource/>", GEOPACKAGE, "no GeoPackage"),
        (b"/vsicurl/http://localhost/x.gpkg", GEOPACKAGE, "no GeoPackage"),
        (b"SQLite format 3\0" + bytes(100), GEOPACKAGE, "no GeoPackage"),
        (b"SQLite format 3\0" + bytes(52) + b"GPKG" + bytes(999), GEOPACKAGE, "cannot be read"),
        (b"", "application/vnd.google-earth.kml+xml", "Labels come as application/geo"),
    ],
)
def test_a_file_of_another_kind_is_refused_whatever_it_is_called(
    content: bytes, media_type: str, sentence: str
) -> None:
    with pytest.raises(InvalidLabels, match=sentence):
        read(content, media_type)


def test_geojson_of_another_crs_is_refused_and_that_of_its_own_is_not() -> None:
    document = json.loads(geojson(*FIELDS))
    named: dict[str, Any] = {"type": "name", "properties": {"name": "EPSG:32736"}}
    with pytest.raises(InvalidLabels, match=r"declares the CRS .*32736"):
        read(json.dumps(document | {"crs": named}), GEOJSON)
    named["properties"]["name"] = "urn:ogc:def:crs:OGC:1.3:CRS84"
    assert len(read(json.dumps(document | {"crs": named}), GEOJSON).labels) == 3


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(max_bytes=10), "at most 10 are accepted"),
        (Limits(max_rows=2), "more than 2 labels"),
        (Limits(max_corners=5), "have 11 corners; at most 5"),
    ],
)
def test_too_much_is_refused(limits: Limits, sentence: str) -> None:
    with pytest.raises(InvalidLabels, match=sentence):
        read(geojson(*FIELDS), GEOJSON, limits=limits)


def _package(tmp_path: Path, change: Callable[[sqlite3.Connection], object]) -> bytes:
    frame = geopandas.GeoDataFrame(
        {"class": ["Maize"], "season": [2022]}, geometry=[FIELD], crs=4326
    )
    path = tmp_path / "labels.gpkg"
    pyogrio.write_dataframe(frame, path, layer="labels")
    with sqlite3.connect(path) as database:
        database.create_function("ST_IsEmpty", 1, lambda _g: 0)
        for name in ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _g: 0.0)
        change(database)
    database.close()
    return path.read_bytes()


def _as_view(database: sqlite3.Connection, select: str) -> None:
    database.execute("ALTER TABLE labels RENAME TO hidden")
    database.execute("UPDATE gpkg_contents SET table_name = 'labels'")
    database.execute("UPDATE gpkg_geometry_columns SET table_name = 'labels'")
    database.execute(f"CREATE VIEW labels AS {select}")


def _as_named(database: sqlite3.Connection, name: str, by: str) -> bool:
    """A column of the systems of reference is another one."""
    database.execute(f"ALTER TABLE gpkg_spatial_ref_sys RENAME COLUMN {name} TO former")
    database.execute(f"ALTER TABLE gpkg_spatial_ref_sys RENAME COLUMN {by} TO {name}")
    return True


def _many(database: sqlite3.Connection, change: str) -> None:
    """The row a hundred times, then a change."""
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        database.execute(f'DROP TRIGGER "{name}"')
    insert = "INSERT INTO labels (geom, class, season) SELECT geom, class, season FROM labels"
    for _ in range(7):
        database.execute(insert)
    database.execute(change)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid FROM n"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: _as_view(d, "SELECT * FROM hidden"), "no ordinary table"),
        (lambda d: _as_view(d, ENDLESS), "no ordinary table"),
        (
            lambda d: d.execute("UPDATE gpkg_geometry_columns SET column_name = 'shape'"),
            "lacks the column 'shape'",
        ),
        (
            lambda d: d.execute("UPDATE gpkg_spatial_ref_sys SET organization = 'NONE'"),
            "an EPSG code is needed",
        ),
        (
            lambda d: d.execute(
                "UPDATE gpkg_spatial_ref_sys SET organization_coordsys_id = 999999"
            ),
            "EPSG:999999 is unknown",
        ),
        (
            lambda d: d.execute("UPDATE gpkg_spatial_ref_sys SET organization_coordsys_id = 9e999"),
            "EPSG:inf is unknown",
        ),
        (
            lambda d: d.execute("UPDATE gpkg_spatial_ref_sys SET organization_coordsys_id = 5800"),
            "EPSG:5800 cannot be moved",
        ),
        (lambda d: d.execute("DELETE FROM gpkg_contents"), "one layer of features, not 0"),
        (lambda d: d.execute("UPDATE labels SET geom = x'4750'"), "Row 1: its geometry is none"),
        (lambda d: d.execute("UPDATE labels SET geom = NULL"), "Row 1: has no geometry"),
        (
            lambda d: d.execute(
                "ALTER TABLE labels ADD COLUMN far TEXT AS (hex(zeroblob(900000000)))"
            ),
            "columns that are generated: far; only stored",
        ),
        (
            lambda d: d.execute(
                "ALTER TABLE labels ADD COLUMN far BLOB AS (zeroblob(900000000)) VIRTUAL"
            ),
            "columns that are generated: far; only stored",
        ),
        (
            lambda d: (
                d.execute(
                    "ALTER TABLE gpkg_spatial_ref_sys ADD COLUMN far BLOB AS (zeroblob(900000000))"
                )
                and _as_named(d, "organization", "far")
            ),
            "cannot be read: string or blob too big",
        ),
        (
            lambda d: _many(d, f"ALTER TABLE labels ADD COLUMN far TEXT DEFAULT '{'x' * 10**6}'"),
            "hold more than 67108864 bytes once read",
        ),
    ],
)
def test_a_geopackage_that_is_more_than_a_table_of_features_is_refused(
    change: Callable[[sqlite3.Connection], object], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidLabels, match=sentence):
        read(_package(tmp_path, change), GEOPACKAGE)


def _of_wkb(wkb: bytes) -> Callable[[sqlite3.Connection], object]:
    """A change: the geometry is this well-known binary."""
    blob = b"GP\0\1" + bytes(4) + wkb
    return lambda database: database.execute("UPDATE labels SET geom = ?", [blob])


@pytest.mark.parametrize(
    "wkb",
    [
        struct.pack("<BII", 1, 7, 1) * 100_000,
        struct.pack("<BII", 1, 6, 1) * 100_000,
        struct.pack("<BII", 1, 6, 1) + struct.pack("<BII", 1, 1006, 1) * 100_000,
        struct.pack("<BII", 1, 6, 2**32 - 1),
        struct.pack("<BII", 1, 3, 2**32 - 1),
        struct.pack("<BIII", 1, 3, 1, 2**32 - 1),
        struct.pack("<BII", 1, 2, 2**32 - 1),
        struct.pack("<BI", 1, 1),
        b"",
    ],
)
def test_nested_geometries_and_counts_that_are_untrue_never_reach_geos(
    wkb: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = _package(tmp_path, _of_wkb(wkb))
    # which would end the process
    monkeypatch.setattr(shapely, "from_wkb", lambda _wkb: pytest.fail("it reached GEOS"))
    with pytest.raises(InvalidLabels, match=r"Row 1: its geometry is none of a GeoPackage's"):
        read(content, GEOPACKAGE)


@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("byte_order", [0, 1])
@pytest.mark.parametrize(
    "text",
    [
        "POINT {}(30.2 -17.4{})",
        "POLYGON {}((30.2 -17.4{0}, 30.21 -17.4{0}, 30.2 -17.41{0}, 30.2 -17.4{0}))",
        "MULTIPOLYGON {}(((30.2 -17.4{0}, 30.21 -17.4{0}, 30.2 -17.41{0}, 30.2 -17.4{0})))",
    ],
)
@pytest.mark.parametrize(("axes", "more"), [("", ""), ("Z ", " 1"), ("M ", " 1"), ("ZM ", " 1 2")])
def test_geometries_with_heights_and_measures_are_read_flat(
    flavor: Any, byte_order: int, text: str, axes: str, more: str, tmp_path: Path
) -> None:
    geometry = shapely.from_wkt(
        text.replace("{}(", f"{axes}(").replace("{0}", more).replace("{}", more)
    )
    geometry, told = shapely.set_srid(geometry, 4326), flavor == "extended"
    wkb = shapely.to_wkb(
        geometry, output_dimension=4, byte_order=byte_order, flavor=flavor, include_srid=told
    )
    (label,) = read(_package(tmp_path, _of_wkb(wkb)), GEOPACKAGE).labels
    assert label.geometry.equals(shapely.force_2d(geometry))
    assert label.geometry.has_z is False


def test_nothing_but_the_reading_of_tables_is_allowed() -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE labels (fid)")
        database.set_authorizer(_allowed)
        assert database.execute("SELECT fid FROM labels").fetchall() == []
        for statement in (
            "ATTACH 'x' AS y",
            "INSERT INTO labels VALUES (1)",
            "SELECT load_extension('x')",
            "PRAGMA writable_schema = ON",
            ENDLESS,
        ):
            with pytest.raises(sqlite3.DatabaseError):
                database.execute(statement)
    database.close()


def outcome(content: bytes, media_type: str) -> object:
    """The labels, or the sentence that says why there are none."""
    try:
        return read(content, media_type).labels
    except InvalidLabels as error:
        return str(error)


@given(st.binary(max_size=300), st.sampled_from([CSV, GEOJSON, GEOPACKAGE]))
def test_any_bytes_are_labels_or_a_sentence(content: bytes, media_type: str) -> None:
    assert outcome(content, media_type)


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_geopackage_is_labels_or_a_sentence(seed: int, whole: bytes) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(whole)
    for at in random.integers(100, len(content), 200):
        content[at] = random.integers(0, 256)
    assert outcome(bytes(content), GEOPACKAGE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return _package(tmp_path_factory.mktemp("whole"), lambda _database: None)
