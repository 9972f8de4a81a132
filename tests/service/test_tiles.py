from collections.abc import Iterator
from io import BytesIO
from typing import Any

import morecantile
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from pyproj import Transformer

from geocrop_processes.service.problems import Problem
from geocrop_processes.service.tiles import tilejson_url, tiles_router

PUBLIC = "http://127.0.0.1:1/x"


@pytest.fixture
def made(shop: Any) -> Any:
    return shop.publish("job-1")


@pytest.fixture
def client(shop: Any) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(tiles_router(shop.settings, shop.store, shop.storage))
    app.add_exception_handler(Problem, lambda _, error: error.response())
    with TestClient(app) as opened:
        yield opened


def tile_at(zoom: int, lon: float = 30.2, lat: float = -17.36) -> str:
    tile = morecantile.tms.get("WebMercatorQuad").tile(lon, lat, zoom)
    return f"{tile.z}/{tile.x}/{tile.y}"


def pixels(content: bytes) -> Any:
    return np.asarray(Image.open(BytesIO(content)).convert("RGBA"))


@pytest.mark.usefixtures("made")
def test_a_tile_shows_the_class_map_s_own_colours_and_nothing_else(client: TestClient) -> None:
    answer = client.get(f"/tiles/job-1/WebMercatorQuad/{tile_at(14)}.png")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    colours = {tuple(int(v) for v in c) for c in pixels(answer.content).reshape(-1, 4)}
    legend = {(0xFF, 0xD3, 0x00, 255), (0x26, 0x70, 0x00, 255), (0x41, 0x9B, 0xDF, 255)}
    assert colours == legend | {(0, 0, 0, 0)}


def test_a_tile_s_pixels_lie_where_the_map_s_do(client: TestClient, made: Any, shop: Any) -> None:
    """Oracle: pyproj takes each tile pixel's centre to the map's own pixel."""
    zoom, side = 16, 256
    tile = morecantile.tms.get("WebMercatorQuad").tile(30.2, -17.36, zoom)
    shown = pixels(client.get(f"/tiles/job-1/WebMercatorQuad/{tile_at(zoom)}").content)
    west, south, east, north = morecantile.tms.get("WebMercatorQuad").xy_bounds(tile)
    step = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(west + step * (east - west), north - step * (north - south))
    item, _ = shop.store.items(ids=["job-1"])
    left, top = (item[0]["properties"]["proj:transform"][n] for n in (2, 5))
    to_map = Transformer.from_crs(3857, item[0]["properties"]["proj:code"], always_xy=True)
    map_x, map_y = to_map.transform(x, y)
    col, row = (map_x - left) / 10, (top - map_y) / 10
    colours = {0: 0, 1: 0xFF, 4: 0x26, 13: 0x41}
    # a reprojection may err by an eighth of a pixel: pixels near an edge are left out
    inside = (np.abs(col % 1 - 0.5) < 0.35) & (np.abs(row % 1 - 0.5) < 0.35)
    inside &= (row >= 0) & (row < made.classes.shape[0]) & (col >= 0)
    inside &= col < made.classes.shape[1]
    expected = np.vectorize(colours.get)(
        made.classes[row[inside].astype(int), col[inside].astype(int)]
    )
    assert inside.sum() > 10_000
    assert (shown[..., 0][inside] == expected).all()


@pytest.mark.usefixtures("made")
def test_a_tile_that_is_full_is_a_png_too(client: TestClient) -> None:
    answer = client.get(f"/tiles/job-1/WebMercatorQuad/{tile_at(18)}")
    assert (pixels(answer.content)[..., 3] == 255).all()
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.usefixtures("made")
def test_the_tilejson_leads_to_the_tiles(client: TestClient, shop: Any) -> None:
    path = tilejson_url(shop.settings, "job-1").removeprefix(PUBLIC)
    document = client.get(path).json()
    assert document["tilejson"] == "3.0.0"
    west, south, east, north = document["bounds"]
    assert west < 30.2 < east
    assert south < -17.36 < north
    (template,) = document["tiles"]
    assert template.startswith(f"{PUBLIC}/tiles/job-1/WebMercatorQuad/{{z}}/{{x}}/{{y}}")
    z, x, y = tile_at(document["maxzoom"]).split("/")
    url = template.removeprefix(PUBLIC).format(z=z, x=x, y=y)
    answer = client.get(url)
    assert answer.status_code == 200
    assert Image.open(BytesIO(answer.content)).size == (512, 512)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "path",
    [
        f"/tiles/other/WebMercatorQuad/{tile_at(14)}",
        "/tiles/other/WebMercatorQuad/tilejson.json",
        f"/tiles/..%2Fjob-1/WebMercatorQuad/{tile_at(14)}",
        f"/tiles/job-1/WebMercatorQuad/{tile_at(14, lon=20)}",
        "/tiles/job-1/WebMercatorQuad/3/99/99",
        "/tiles/job-1/WebMercatorQuad/3/-1/0",
        "/tiles/job-1/WebMercatorQuad/-1/1/1",
        "/tiles/job-1/WebMercatorQuad/23/1/1",
        "/tiles/job-1/WebMercatorQuad/99/1/1",
        "/tiles/job-1/WebMercatorQuad/9999999999999999999999/1/1",
        "/tiles/job-1/WebMercatorQuad/3/99999999999999999999/1",
        "/tiles/job-1/tiles",
        "/tiles/job-1/info",
        "/tiles/job-1/statistics",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "path",
    [
        "/tiles/job-1/WebMercatorQuad/a/1/1",
        "/tiles/job-1/Other/3/1/1",
        f"/tiles/job-1/WebMercatorQuad/{tile_at(14)}.exe",
        f"/tiles/job-1/WebMercatorQuad/{tile_at(14)}?tilesize=100000",
        f"/tiles/job-1/WebMercatorQuad/{tile_at(14)}?tilesize=0",
        "/tiles/job-1/WebMercatorQuad/tilejson.json?tilesize=x",
        "/tiles/job-1/WebMercatorQuad/tilejson.json?minzoom=x",
        "/tiles/job-1/WebMercatorQuad/tilejson.json?minzoom=-1",
        "/tiles/job-1/WebMercatorQuad/tilejson.json?maxzoom=23",
    ],
)
def test_unusable_parameters_are_the_client_s_error(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("place", ["13/8192/4507", "13/4783/8192", "13/-1/4507", "13/4783/-1"])
@pytest.mark.parametrize("ending", ["", ".png"])
def test_beside_the_world_there_are_no_tiles(client: TestClient, place: str, ending: str) -> None:
    answer = client.get(f"/tiles/job-1/WebMercatorQuad/{place}{ending}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Columns and rows of the zoom level 13 are 0 to 8191."


@pytest.mark.embedded_only
def test_a_map_whose_file_has_gone_is_not_found_and_its_place_is_not_told(
    client: TestClient, made: Any, shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shop.storage.delete("geocrop-results", f"results/{made.job_id}/class-map.tif")
    for path in (tile_at(14), "tilejson.json"):
        answer = client.get(f"/tiles/job-1/WebMercatorQuad/{path}")
        assert answer.status_code == 404
        assert str(shop.settings.data) not in answer.text
    assert str(shop.settings.data) in caplog.text


def test_no_parameter_opens_or_changes_anything(client: TestClient, made: Any, shop: Any) -> None:
    other = shop.publish("job-2", lon=30.5)
    path = f"/tiles/job-1/WebMercatorQuad/{tile_at(14)}.png"
    plain = client.get(path).content
    aside = shop.storage.url("geocrop-results", f"results/{other.job_id}/class-map.tif")
    for query in (f"url={aside}", "expression=b1*2", "resampling=bilinear", "colormap_name=jet"):
        assert client.get(f"{path}?{query}").content == plain
    assert made.job_id == "job-1"
