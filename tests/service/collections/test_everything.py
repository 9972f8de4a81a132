"""`crop-maps` answers for a place and a season out of all maps, the newest on top."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import morecantile
import numpy as np
import pytest
import rasterio
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.service.collections.everything import Collections

CODES = range(1, 255)

BOTH = "30.193,-17.366,30.211,-17.354"
"""A box around the two maps of the newest season."""


def ask(client: TestClient, **query: Any) -> Any:
    return client.get("/collections/crop-maps/coverage", params=query)


def test_the_newest_map_lies_on_top_and_the_older_one_shows_beside_it(
    client: TestClient, shelf: Any
) -> None:
    """Oracle: GDAL warps each map to the answer's grid; its codes are known by the names of its classes."""
    answer = ask(client, bbox=BOTH)
    found = rasterio.open(BytesIO(answer.content))
    assert found.crs.to_epsg() == 4326
    assert found.res == pytest.approx((0.0001, 0.0001))
    east = warped(shelf.folder / "east" / "class-map.tif", found)
    west = warped(shelf.folder / "west" / "class-map.tif", found)
    # cotton is new, maize is known as 1 already
    codes = np.zeros(256, np.uint8)
    codes[[1, 7]] = (2, 1)
    assert (found.read(1) == np.where(east != 0, codes[east], west)).all()
    assert ((east != 0) & (west != 0)).any()
    assert found.tags(1) == {
        "CLASS_1": "maize",
        "CLASS_2": "cotton",
        "CLASS_4": "soybean",
        "CLASS_13": "water",
        "MEANING": "crop class",
    }


def warped(path: Any, like: Any) -> Any:
    with (
        rasterio.open(path) as source,
        WarpedVRT(
            source,
            crs=like.crs,
            transform=like.transform,
            width=like.width,
            height=like.height,
            resampling=Resampling.nearest,
        ) as vrt,
    ):
        return vrt.read(1)


def test_in_the_zone_of_the_maps_their_pixels_are_given_as_they_are(
    client: TestClient, shelf: Any
) -> None:
    answer = ask(client, bbox=BOTH, crs="EPSG:32736", properties="class,top")
    found = rasterio.open(BytesIO(answer.content))
    with rasterio.open(shelf.folder / "east" / "class-map.tif") as source:
        window = found.window(*source.bounds)
        own = source.read(1)
    top = rasterio.open(shelf.folder / "east" / "confidence.tif").read(1)
    shown = found.read(window=window)
    assert (shown[0][own != 0] == np.where(own == 1, 2, 1)[own != 0]).all()
    # all fields of a pixel are of the same map
    assert (shown[1][own != 0] == top[own != 0]).all()


@pytest.mark.parametrize(
    ("query", "season"),
    [
        ({"bbox": BOTH}, "2022-09-01"),
        ({"bbox": "28.99,-19.01,29.01,-18.99"}, "2021-09-01"),
        ({"bbox": "28.99,-19.01,29.01,-18.99", "datetime": "2022-01-15"}, "2021-09-01"),
        ({"bbox": "28.99,-19.01,29.01,-18.99", "datetime": "2023-01-15"}, None),
        ({"bbox": BOTH, "datetime": "2022-01-15"}, None),
        ({"bbox": "27,-21,27.01,-20.99"}, None),
        (
            {"subset": "Lon(30.2:30.201),Lat(-17.36:-17.359)", "datetime": "2022-09-01/.."},
            "2022-09-01",
        ),
    ],
)
def test_without_a_time_the_newest_season_that_has_a_map_there_answers(
    client: TestClient, query: dict[str, str], season: str | None
) -> None:
    answer = ask(client, **query)
    if season is None:
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        assert answer.status_code == 200
        assert answer.headers["content-datetime"].startswith(f"{season}T00:00:00Z/")
        assert rasterio.open(BytesIO(answer.content)).read(1).any()


def test_metres_need_a_named_zone(client: TestClient) -> None:
    box = "E(202000:202100),N(8078000:8078100)"
    assert ask(client, subset=box).status_code == 400
    answer = ask(client, **{"subset": box, "subset-crs": "EPSG:32736", "crs": "EPSG:32736"})
    assert rasterio.open(BytesIO(answer.content)).shape == (10, 10)


def test_more_maps_than_are_opened_are_too_many_and_the_setting_is_named(
    shelf: Any, app_of: Callable[..., FastAPI]
) -> None:
    limits = shelf.settings.coverage.model_copy(update={"max_products": 1})
    few = shelf.settings.model_copy(update={"coverage": limits})
    with TestClient(app_of(shelf, few)) as client:
        refused = ask(client, bbox=BOTH)
        assert refused.status_code == 413
        assert "GEOCROP_COVERAGE__MAX_PRODUCTS" in refused.json()["detail"]
        assert ask(client, bbox="30.195,-17.36,30.196,-17.359").status_code == 200


def test_the_whole_country_at_once_is_too_large(client: TestClient) -> None:
    assert ask(client).status_code == 413
    overview = ask(client, **{"scale-size": "Lon(79),Lat(69)"})
    assert rasterio.open(BytesIO(overview.content)).shape == (69, 79)


def test_what_is_withdrawn_is_not_shown(shop: Any, app_of: Callable[..., FastAPI]) -> None:
    shop.publish("job-1")
    with TestClient(app_of(shop)) as client:
        assert ask(client, bbox=BOTH).status_code == 200
        shop.store.dismiss("job-1")
        assert ask(client, bbox=BOTH).status_code == 204
        assert client.get("/collections").json()["numberMatched"] == 1
        assert client.get("/collections/job-1").status_code == 404


def test_a_store_without_maps_has_the_collection_all_the_same(
    shop: Any, app_of: Callable[..., FastAPI]
) -> None:
    with TestClient(app_of(shop)) as client:
        said = client.get("/collections/crop-maps").json()
        assert said["extent"]["temporal"]["interval"] == [[None, None]]
        assert ask(client, bbox=BOTH).status_code == 204
        assert client.get("/collections/crop-maps/legend?f=png").status_code == 200


def test_tiles_show_all_maps_in_one_legend(client: TestClient) -> None:
    tile = morecantile.tms.get("WebMercatorQuad").tile(30.2019, -17.36, 13)
    address = f"/tiles/crop-maps/WebMercatorQuad/13/{tile.x}/{tile.y}"
    answer = client.get(f"{address}.png")
    assert answer.headers["content-type"] == "image/png"
    assert client.get(address).content == answer.content
    shown = np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA")).reshape(-1, 4)
    colours = {tuple(int(part) for part in colour) for colour in np.unique(shown, axis=0)}
    classes = client.get("/collections/crop-maps/legend").json()["classes"]
    known = {tuple(bytes.fromhex(c["colour"][1:])): c["name"] for c in classes}
    names = {known.get(colour[:3]) for colour in colours if colour[3]}
    assert names == {"maize", "cotton", "soybean", "water"}
    assert client.get(f"{address}.png?datetime=2021-12-01").status_code == 404
    assert client.get("/tiles/crop-maps/WebMercatorQuad/13/0/0.png").status_code == 404
    assert client.get("/tiles/crop-maps/WebMercatorQuad/23/0/0.png").status_code == 404
    assert client.get("/tiles/crop-maps/WebMercatorQuad/1/2/0.png").status_code == 404
    assert client.get("/tiles/crop-maps/WebMercatorQuad/1/x/0.png").status_code == 400
    said = client.get("/tiles/crop-maps/WebMercatorQuad/tilejson.json?datetime=2022").json()
    assert said["tiles"] == [
        "http://127.0.0.1:1/x/tiles/crop-maps/WebMercatorQuad/{z}/{x}/{y}.png?datetime=2022"
    ]


COTTON = Legend((CropClass(1, "cotton", "#ffffff"), CropClass(7, "maize", "#ffd300")))


def codes(shop: Any) -> dict[str, int]:
    """By name what a service says that has just been started."""
    return {c.name: c.code for c in Collections(shop.settings, shop.store, shop.storage).legend()}


def test_a_class_keeps_its_code_whatever_products_a_process_has_seen(shop: Any) -> None:
    shop.publish("job-1")
    shop.publish("job-2", lon=30.3, legend=COTTON)
    known = {"maize": 1, "cotton": 2, "soybean": 4, "water": 13}
    assert codes(shop) == known
    shop.store.dismiss("job-1")
    assert codes(shop) == known


def test_classes_for_which_no_code_is_left_have_none(shop: Any) -> None:
    """A legend has 254 codes."""
    shop.publish("job-1", legend=Legend(tuple(CropClass(n, f"{n}", "#ffffff") for n in CODES)))
    shop.publish("job-2", lon=30.3, legend=COTTON)
    assert set(codes(shop)) == {f"{n}" for n in CODES}
