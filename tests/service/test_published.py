"""A product as the whole service shows it: files, catalogue and tiles under one roof."""

from collections.abc import Callable
from typing import Any

import httpx
import rasterio
from fastapi import FastAPI
from pystac_client import Client

from geocrop_processes.service.app import create_app
from geocrop_processes.settings import ServiceSettings

ORIGIN = {"Origin": "https://example.org"}


def test_from_the_catalogue_a_client_of_any_origin_comes_to_pixels_and_tiles(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str]
) -> None:
    made = shop.publish("job-1")

    def whole_service(address: str) -> FastAPI:
        settings = shop.settings.model_copy(update={"service": ServiceSettings(url=address)})
        return create_app(settings, store=shop.store)

    url = serve(whole_service)
    (item,) = Client.open(f"{url}/stac").search(bbox=[30.1, -17.4, 30.3, -17.3]).items()
    href = item.assets["class-map"].href
    # GDAL would read files beside the raster while it keeps other threads, the server's too, from running
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(href) as source:
        assert (source.read(1) == made.classes).all()
        assert source.tags(1)["CLASS_4"] == "soybean"
    (tilejson,) = item.get_links("tilejson")
    template = httpx.get(tilejson.href).json()["tiles"][0]
    tile = template.format(z=10, x=597, y=562)
    assert httpx.get(tile).headers["content-type"] == "image/png"
    for address, method, header in (
        (href, "GET", "range"),
        (f"{url}/stac/search", "POST", "content-type"),
        (tile, "GET", "accept"),
    ):
        wish = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
        allowed = httpx.options(address, headers=ORIGIN | wish)
        assert allowed.status_code == 200
        assert header in allowed.headers["access-control-allow-headers"].lower()
        body: dict[str, str] | None = {} if method == "POST" else None
        answer = httpx.request(method, address, headers=ORIGIN, json=body)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Content-Range", "Accept-Ranges", "ETag"} <= {*exposed.split(", ")}
