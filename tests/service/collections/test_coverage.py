"""Pixels that are asked for are the product's own, and nothing that is asked breaks the service."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier, Lock, get_ident
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import rasterio
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.warp import Resampling, reproject
from rasterio.windows import from_bounds
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.models import confidence

LEFT, BOTTOM, RIGHT, TOP = 201820, 8077840, 203040, 8079060
"""The sides of the product in metres."""
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def stored(shelf: Any, name: str = "class-map.tif", job: str = "west") -> Any:
    return rasterio.open(shelf.folder / job / name)


def raster(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == COG
    return rasterio.open(BytesIO(answer.content))


def ask(client: TestClient, collection: str = "west", **query: Any) -> Any:
    wanted = {name.replace("_", "-"): value for name, value in query.items()}
    return client.get(f"/collections/{collection}/coverage", params=wanted)


def test_the_whole_coverage_is_the_stored_file_with_byte_ranges(
    client: TestClient, shelf: Any
) -> None:
    content = (shelf.folder / "west" / "class-map.tif").read_bytes()
    whole = ask(client)
    assert whole.content == content
    assert whole.headers["content-crs"] == "<http://www.opengis.net/def/crs/EPSG/0/32736>"
    assert whole.headers["content-bbox"] == f"{LEFT},{BOTTOM},{RIGHT},{TOP}"
    assert whole.headers["content-datetime"] == "2022-09-01T00:00:00Z/2023-05-31T23:59:59Z"
    part = client.get("/collections/west/coverage", headers={"Range": "bytes=4-19"})
    assert (part.status_code, part.content) == (206, content[4:20])


@given(
    st.floats(LEFT, RIGHT - 1), st.floats(1, 1500), st.floats(BOTTOM, TOP - 1), st.floats(1, 1500)
)
@settings(max_examples=40, deadline=None)
def test_a_box_gives_every_pixel_that_has_something_inside(
    client: TestClient, shelf: Any, left: float, width: float, bottom: float, height: float
) -> None:
    """Oracle: rasterio reads the window of the same sides, rounded outwards."""
    box = f"{left},{bottom},{left + width},{bottom + height}"
    found = raster(ask(client, bbox=box, bbox_crs="EPSG:32736"))
    with stored(shelf) as source:
        right, top = min(RIGHT, left + width), min(TOP, bottom + height)
        wanted = from_bounds(left, bottom, right, top, source.transform)
        (first, last), (start, end) = wanted.toranges()
        slices = slice(int(first), int(np.ceil(last))), slice(int(start), int(np.ceil(end)))
        assert (found.read(1) == source.read(1)[slices]).all()
        assert found.bounds.left == LEFT + 10 * slices[1].start
        assert found.bounds.top == TOP - 10 * slices[0].start


@pytest.mark.parametrize(
    ("subset", "shape", "left", "bottom"),
    [
        ("E(202000:202100),N(8078000:8078050)", (5, 10), 202000, 8078000),
        ("e(202000:202100)", (122, 10), 202000, BOTTOM),
        ("N(*:8078000)", (16, 122), LEFT, BOTTOM),
        ("E(202001:*)", (122, 104), 202000, BOTTOM),
        ("E(202005)", (122, 1), 202000, BOTTOM),
        ("E(202000),N(8078000)", (1, 1), 202000, 8078000),
        ("E(0:202000)", (122, 18), LEFT, BOTTOM),
    ],
)
def test_a_subset_names_axes_one_or_both(
    client: TestClient, subset: str, shape: tuple[int, int], left: int, bottom: int
) -> None:
    found = raster(ask(client, subset=subset))
    assert found.shape == shape
    assert (found.bounds.left, found.bounds.bottom) == (left, bottom)


def test_a_subset_in_several_parameters_is_one(client: TestClient) -> None:
    one = client.get("/collections/west/coverage?subset=E(202000:202100),N(8078000:8078050)")
    two = client.get("/collections/west/coverage?subset=E(202000:202100)&subset=N(8078000:8078050)")
    assert raster(two).shape == raster(one).shape == (5, 10)


@pytest.mark.parametrize(
    "crs",
    [
        "http://www.opengis.net/def/crs/EPSG/0/4326",
        "https://www.opengis.net/def/crs/EPSG/0/4326",
        "EPSG:4326",
        "[EPSG:4326]",
        "urn:ogc:def:crs:EPSG::4326",
    ],
)
def test_a_box_in_epsg_4326_is_written_latitude_first(client: TestClient, crs: str) -> None:
    degrees = raster(ask(client, bbox="30.2,-17.36,30.201,-17.359"))
    swapped = raster(ask(client, bbox="-17.36,30.2,-17.359,30.201", bbox_crs=crs))
    assert swapped.bounds == degrees.bounds
    lon_lat = raster(ask(client, subset="Lat(-17.36:-17.359),Lon(30.2:30.201)"))
    assert lon_lat.bounds == degrees.bounds


@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4326", "EPSG:3857", "EPSG:32735"])
def test_another_reference_system_takes_the_nearest_pixel(
    client: TestClient, shelf: Any, crs: str
) -> None:
    """Oracle: rasterio's own reprojection to the grid that the answer has."""
    answer = ask(client, crs=crs)
    found = raster(answer)
    assert found.crs.to_epsg() == int(crs.replace("OGC:CRS84", "EPSG:4326").partition(":")[2])
    with stored(shelf) as source:
        expected = np.zeros(found.shape, np.uint8)
        reproject(
            rasterio.band(source, 1),
            expected,
            dst_transform=found.transform,
            dst_crs=found.crs,
            resampling=Resampling.nearest,
        )
    assert (found.read(1) == expected).all()
    sides = [float(side) for side in answer.headers["content-bbox"].split(",")]
    order = [1, 0, 3, 2] if crs == "EPSG:4326" else [0, 1, 2, 3]
    assert sides == pytest.approx([found.bounds[n] for n in order], abs=1e-6)


def test_fields_come_by_name_in_the_order_in_which_they_are_asked(
    client: TestClient, shelf: Any
) -> None:
    found = raster(ask(client, properties="entropy,top"))
    with stored(shelf, "confidence.tif") as source:
        assert (found.read() == source.read([3, 1])).all()
        assert found.descriptions == (source.descriptions[2], source.descriptions[0])
    assert (found.nodata, found.scales) == (255, (confidence.SCALE, confidence.SCALE))


def test_classes_beside_other_fields_share_their_no_data(client: TestClient, shelf: Any) -> None:
    """A GeoTIFF has one no data for all bands; 255 is no class."""
    found = raster(ask(client, exclude_properties="dissimilarity,disagreement"))
    assert found.descriptions == ("class", "top", "margin", "entropy", "n_valid", "max_gap_days")
    with stored(shelf) as classes, stored(shelf, "confidence.tif") as measures:
        expected = classes.read(1)
        assert (found.read(1) == np.where(expected == 0, 255, expected)).all()
        assert (found.read([2, 3, 4, 5, 6]) == measures.read([1, 2, 3, 4, 5])).all()
    everything = raster(client.get("/collections/west/coverage?exclude-properties="))
    assert everything.count == 8


def test_a_coverage_json_has_the_values_in_their_units(client: TestClient, shelf: Any) -> None:
    answer = ask(client, f="covjson", properties="class,top,n_valid")
    assert answer.headers["content-type"] == "application/prs.coverage+json"
    said = answer.json()
    axes, ranges = said["domain"]["axes"], said["ranges"]
    assert axes["x"] == {"start": LEFT + 5, "stop": RIGHT - 5, "num": 122}
    assert axes["y"] == {"start": TOP - 5, "stop": BOTTOM + 5, "num": 122}
    assert axes["t"]["bounds"] == ["2022-09-01T00:00:00Z", "2023-05-31T23:59:59Z"]
    place = said["domain"]["referencing"][0]
    assert place["coordinates"] == ["x", "y"]
    assert place["system"] == {
        "type": "ProjectedCRS",
        "id": "http://www.opengis.net/def/crs/EPSG/0/32736",
    }
    with stored(shelf) as classes, stored(shelf, "confidence.tif") as measures:
        codes, top = classes.read(1).ravel().tolist(), measures.read(1).ravel().tolist()
        valid = measures.read(4).ravel().tolist()
    assert ranges["class"]["values"] == [code or None for code in codes]
    assert ranges["n_valid"]["values"] == [None if byte == 255 else byte for byte in valid]
    wanted = [None if byte == 255 else round(byte * 0.005, 3) for byte in top]
    assert ranges["top"]["values"] == wanted
    assert ranges["top"]["shape"] == [122, 122]
    classes = said["parameters"]["class"]
    names = {c["id"]: (c["label"]["en"], c["preferredColor"]) for c in _categories(classes)}
    assert {code: names[key] for key, code in classes["categoryEncoding"].items()} == {
        1: ("maize", "#ffd300"),
        4: ("soybean", "#267000"),
        13: ("water", "#419bdf"),
    }


def _categories(parameter: Any) -> Any:
    return parameter["observedProperty"]["categories"]


def test_a_coverage_json_says_that_epsg_4326_is_latitude_first(client: TestClient) -> None:
    said = ask(client, f="json", crs="EPSG:4326", scale_size="Lon(2),Lat(2)").json()
    place = said["domain"]["referencing"][0]
    assert place["coordinates"] == ["y", "x"]
    assert place["system"]["type"] == "GeographicCRS"
    assert said["domain"]["axes"]["x"]["start"] == pytest.approx(30.197, abs=1e-3)


@pytest.mark.parametrize(
    ("scaling", "shape"),
    [
        ({"scale_size": "E(30),N(20)"}, (20, 30)),
        ({"scale_size": "N(20)"}, (20, 122)),
        ({"scaleSize": "E(30),N(20)"}, (20, 30)),
        ({"scale_factor": "2"}, (61, 61)),
        ({"scale_factor": "0.5"}, (244, 244)),
        ({"scale_axes": "E(2),N(4)"}, (30, 61)),
        ({"width": "10", "height": "7"}, (7, 10)),
        ({"resolution": "E(20),N(40)"}, (31, 61)),
    ],
)
def test_an_answer_has_as_many_pixels_as_are_asked_for(
    client: TestClient, scaling: dict[str, str], shape: tuple[int, int]
) -> None:
    found = raster(ask(client, **scaling))
    assert found.shape == shape
    assert (found.bounds.left, found.bounds.top) == (LEFT, TOP)
    assert set(np.unique(found.read(1))) <= {0, 1, 4, 13}
    if "resolution" not in scaling:
        assert found.bounds == pytest.approx((LEFT, BOTTOM, RIGHT, TOP))


def test_so_many_pixels_are_those_of_the_box_also_beyond_the_coverage(
    client: TestClient, shelf: Any
) -> None:
    box = f"{LEFT - 100},{BOTTOM},{LEFT + 100},{BOTTOM + 200}"
    answer = ask(client, bbox=box, bbox_crs="EPSG:32736", width="20", height="20")
    found = raster(answer)
    assert found.bounds == (LEFT - 100, BOTTOM, LEFT + 100, BOTTOM + 200)
    with stored(shelf) as source:
        assert (found.read(1)[:, 10:] == source.read(1)[102:, :10]).all()
    assert not found.read(1)[:, :10].any()
    nowhere = ask(client, bbox="0,0,1,1", width="20", height="20")
    assert nowhere.status_code == 204


def test_an_answer_is_a_cloud_optimised_geotiff_with_colours_and_names(
    client: TestClient, tmp_path: Any
) -> None:
    answer = ask(client, scale_factor="0.1")
    path = tmp_path / "answer.tif"
    path.write_bytes(answer.content)
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as found:
        assert found.overviews(1)
        assert found.colormap(1)[4] == (0x26, 0x70, 0x00, 255)
        assert found.tags(1)["CLASS_13"] == "water"
        assert found.nodata == 0


def test_a_picture_has_the_colours_of_the_classes(client: TestClient, shelf: Any) -> None:
    answer = ask(client, f="png")
    assert answer.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA"))
    colours = {1: (0xFF, 0xD3, 0), 4: (0x26, 0x70, 0), 13: (0x41, 0x9B, 0xDF)}
    with stored(shelf) as source:
        codes = source.read(1)
    assert (shown[..., 3] == np.where(codes == 0, 0, 255)).all()
    for code, colour in colours.items():
        assert (shown[codes == code][:, :3] == colour).all()
    grey = ask(client, f="png", properties="top")
    assert Image.open(BytesIO(grey.content)).mode == "L"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", COG),
        ("image/tiff;application=geotiff", COG),
        ("text/html,application/xhtml+xml,image/avif,*/*;q=0.8", COG),
        ("application/vnd.cov+json", "application/vnd.cov+json"),
        ("application/prs.coverage+json;q=0.9, image/png;q=0.1", "application/prs.coverage+json"),
        ("application/json", "application/prs.coverage+json"),
        ("image/png", "image/png"),
    ],
)
def test_the_format_is_that_of_the_header_accept(
    client: TestClient, accept: str, media_type: str
) -> None:
    answer = client.get("/collections/west/coverage?width=3", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


def test_a_format_that_there_is_none_of_is_not_acceptable(client: TestClient) -> None:
    answer = client.get("/collections/west/coverage", headers={"Accept": "application/x-netcdf"})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    [
        "bbox=0,0,1,1",
        "bbox=30.2059,-17.36,30.3,-17.35",
        "subset=E(100:200)",
        "subset=N(8079060:8080000)",
        "subset=E(203040)",
        "subset=Lon(170:-170)",
        "datetime=2020-01-01",
        "datetime=../2022-08-31",
        "datetime=2023-06-01/..",
        'subset=time("2021-09-01":"2022-05-31")',
    ],
)
def test_outside_of_the_coverage_there_is_no_content(client: TestClient, query: str) -> None:
    answer = client.get(f"/collections/west/coverage?{query}")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "query",
    [
        "datetime=2022-09-01",
        "datetime=2022-09-01/2023-05-31",
        "datetime=2023/..",
        "datetime=2022-11-12T00:00:00Z",
        "datetime=2022-11-12T02:00:00%2B02:00",
        "datetime=2022-11-11T24:00:00Z",
        'subset=time("2022-11-12T00:00:00Z":"2022-11-13T00:00:00Z")',
        "subset=time(2022-11-12:2022-11-13)",
        "subset=time(*)",
        "subset=time(2022-11:*)",
        "subset=Lon(30.2:-170)",
        "bbox=30.2,-90,0,-170,90,1000",
    ],
)
def test_inside_of_it_there_is(client: TestClient, query: str) -> None:
    assert client.get(f"/collections/west/coverage?f=covjson&{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("bbox=1,2,3", "bbox"),
        ("bbox=a,b,c,d", "bbox"),
        ("bbox=nan,0,1,1", "bbox"),
        ("bbox=1e999,0,1,1", "bbox"),
        ("bbox=0,1,1,0", "bbox"),
        ("bbox=0,0,1,1&bbox-crs=EPSG:9999", "bbox-crs"),
        ("bbox=0,0,1,1&subset=E(1:2)", "exclude each other"),
        ("subset=E", "subset"),
        ("subset=", "subset"),
        ("subset=E(1:2", "subset"),
        ("subset=E(1:2),", "subset"),
        ("subset=Q(1:2)", "'Q'"),
        ("subset=E(2:1)", "before it begins"),
        ("subset=E(1:2),E(3:4)", "twice"),
        ("subset=E(1:2),x(3:4)", "twice"),
        ("subset=E(1:2),Lat(3:4)", "axis"),
        ("subset=Lon(1:2)&subset-crs=EPSG:32736", "axis"),
        ("subset=E(*)", "number"),
        ("subset=time(yesterday)", "yesterday"),
        ("datetime=2022-13-01", "2022-13-01"),
        ("datetime=2023-01-01/2022-01-01", "before it begins"),
        ("datetime=2022&subset=time(2022)", "exclude each other"),
        ("properties=nir", "nir"),
        ("properties=top&exclude-properties=top", "exclude each other"),
        (
            "exclude-properties=class,top,margin,entropy,n_valid,max_gap_days,disagreement,dissimilarity",
            "no field",
        ),
        ("scale-factor=0", "scale-factor"),
        ("scale-factor=-1", "scale-factor"),
        ("scale-size=E(1.5)", "scale-size"),
        ("scale-size=E(0)", "scale-size"),
        ("scale-axes=Q(2)", "'Q'"),
        ("scale-factor=2&width=3", "exclude each other"),
        ("width=a", "width"),
        ("resolution=E(0)", "resolution"),
        ("resolution=E(20)&subset=E(202005)", "resolution"),
        ("crs=EPSG:2180", "crs"),
        ("f=netcdf", "netcdf"),
        ("f=png&properties=top,class", "one field"),
    ],
)
def test_a_value_that_is_none_is_refused_and_named(
    client: TestClient, query: str, named: str
) -> None:
    answer = client.get(f"/collections/west/coverage?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.json()["detail"]


def test_more_than_is_given_at_once_is_too_large_and_the_setting_is_named(
    shelf: Any, app_of: Callable[..., FastAPI]
) -> None:
    limits = shelf.settings.coverage.model_copy(update={"max_values": 900, "max_json_values": 90})
    few = shelf.settings.model_copy(update={"coverage": limits})
    with TestClient(app_of(shelf, few)) as client:
        refused = ask(client, scale_size="E(31),N(30)")
        assert refused.status_code == 413
        assert "at most 900" in refused.json()["detail"]
        assert "GEOCROP_COVERAGE__MAX_VALUES" in refused.json()["detail"]
        assert ask(client, scale_size="E(30),N(30)").status_code == 200
        assert ask(client, scale_size="E(30),N(30)", properties="class,top").status_code == 413
        as_json = ask(client, scale_size="E(10),N(10)", f="covjson")
        assert as_json.status_code == 413
        assert "GEOCROP_COVERAGE__MAX_JSON_VALUES" in as_json.json()["detail"]
        assert ask(client).status_code == 200
    assert ask(client, scale_factor="1e-9").status_code == 413


def test_a_side_is_65536_pixels_at_most(client: TestClient) -> None:
    refused = ask(client, scale_size="E(65537),N(1)")
    assert refused.status_code == 413
    assert "at most 65536" in refused.json()["detail"]


def test_of_a_narrow_strip_little_is_padding(client: TestClient) -> None:
    """Blocks are whole: of 512 pixels a side they would hold 500 times what was asked for."""
    strip = raster(ask(client, scale_size="E(20000),N(1)"))
    assert strip.shape == (1, 20000)
    assert strip.block_shapes == [(16, 16)]
    assert raster(ask(client, scale_size="E(600),N(600)")).block_shapes == [(512, 512)]


def test_few_coverages_are_computed_at_the_same_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, running, most = Lock(), set[int](), 0
    together = Barrier(4)

    def slow(*_: Any) -> Response:
        nonlocal most
        with lock:
            running.add(get_ident())
            most = max(most, len(running))
        together.wait(30)
        with lock:
            running.discard(get_ident())
        return Response()

    monkeypatch.setattr("geocrop_processes.service.collections.answers._rendered", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client, scale_factor=2).status_code, range(8)))
    assert answers == [200] * 8
    assert most == 4


def test_a_file_that_is_gone_is_not_found(shop: Any, app_of: Callable[..., FastAPI]) -> None:
    made = shop.publish("job-1")
    shop.storage.delete("geocrop-results", f"results/{made.job_id}/class-map.tif")
    with TestClient(app_of(shop)) as client:
        answer = client.get("/collections/job-1/coverage?width=3")
    assert (answer.status_code, answer.json()["title"]) == (404, "No such file")


_NUMBERS = st.one_of(
    st.floats(-200, 200).map(str),
    st.floats(2e5, 9e6).map(str),
    st.sampled_from(
        ["*", "", "nan", "inf", "1e308", "-1e308", "0", "1_0", "\u0661", '"2022-09-01"']
    ),
)
_AXES = st.sampled_from(["E", "N", "Lon", "Lat", "x", "y", "time", "h", "Ü"])
_RANGES = st.tuples(_AXES, _NUMBERS, _NUMBERS).map(lambda t: f"{t[0]}({t[1]}:{t[2]})")
_SINGLES = st.tuples(_AXES, _NUMBERS).map(lambda t: f"{t[0]}({t[1]})")
_LISTS = st.lists(st.one_of(_RANGES, _SINGLES), max_size=3).map(",".join)
_CRS = st.sampled_from(
    ["OGC:CRS84", "EPSG:4326", "EPSG:3857", "EPSG:32735", "EPSG:32736", "EPSG:0", "x"]
)
_TEXT = st.text(max_size=12)
_VALUES: dict[str, Any] = {
    "bbox": st.lists(_NUMBERS, max_size=6).map(",".join),
    "bbox-crs": _CRS,
    "subset": _LISTS,
    "subset-crs": _CRS,
    "datetime": st.sampled_from(["2022-11-01", "..", "/", "../..", "9999-12-31/9999", "0000", ""]),
    "properties": st.sampled_from(["class", "top,class", "nir", "", ",", "class,class"]),
    "exclude-properties": st.sampled_from(["class", "", "nir"]),
    "scale-size": _LISTS,
    "scale-factor": _NUMBERS,
    "scale-axes": _LISTS,
    "resolution": _LISTS,
    "width": _NUMBERS,
    "height": _NUMBERS,
    "crs": _CRS,
    "f": st.sampled_from(["cog", "covjson", "png", "html", ""]),
}


@given(
    st.sampled_from(["west", "crop-maps"]),
    st.lists(
        st.sampled_from(sorted(_VALUES)).flatmap(
            lambda name: st.tuples(st.just(name), _VALUES[name] | _TEXT)
        ),
        max_size=4,
    ),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_asked_is_answered_or_refused(
    client: TestClient, collection: str, query: list[tuple[str, str]]
) -> None:
    answer = client.get(f"/collections/{collection}/coverage?{urlencode(query)}")
    assert answer.status_code in {200, 204, 400, 413}, answer.text
