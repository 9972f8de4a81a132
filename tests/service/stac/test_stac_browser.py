"""STAC Browser, as it comes from npm, in Chromium: it shows a product with its map, class names and files."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from geocrop_processes.service.stored_files import EXPOSED_HEADERS, REQUEST_HEADERS
from tests.conftest import ROOT
from tests.service.stac.browser import built, served
from tests.service.stac.served import application

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    # maps are drawn by WebGL
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
PICTURE = ROOT / "docs/images/stac-browser.png"
COLOURS = {"maize": (0xFF, 0xD3, 0x00), "soybean": (0x26, 0x70, 0x00), "water": (0x41, 0x9B, 0xDF)}


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 1400, "height": 1100})
        browser.close()


@pytest.mark.system
@pytest.mark.slow
def test_stac_browser_shows_a_product_with_its_map_class_names_and_files(
    shop: Any, serve: Callable[[Callable[[str], FastAPI]], str], page: Page
) -> None:
    shop.publish("job-1")

    def open_to_pages(address: str) -> FastAPI:
        app = application(shop, address)
        headers: Any = {"allow_headers": REQUEST_HEADERS, "expose_headers": EXPOSED_HEADERS}
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], **headers)
        return app

    with served(built()) as browser:
        url = serve(open_to_pages)
        outside: list[str] = []
        config = {
            "catalogUrl": f"{url}/stac/",
            "historyMode": "hash",
            "displayGeoTiffByDefault": True,
        }

        def only_here(route: Route) -> None:
            address = urlsplit(route.request.url)
            if address.hostname == "127.0.0.1" or address.scheme in {"blob", "data"}:
                route.continue_()
            else:
                outside.append(address.hostname or "")
                route.abort()

        page.add_init_script(f"window.STAC_BROWSER_CONFIG = {json.dumps(config)}")
        page.route("**/*", only_here)
        page.goto(f"{browser}/#/collections/crop-maps/items/job-1")
        page.get_by_text("Crop map 2022/23").first.wait_for()
        page.locator(".leaflet-container, .ol-viewport").first.wait_for()
        seen = drawn(page)
        text = page.locator("body").inner_text()
    for name, colour in COLOURS.items():
        share = (np.abs(seen.astype(int) - colour).max(axis=2) <= 3).mean()
        assert share > 0.005, (name, share, set(outside))
        assert name in text.lower()
    for title in ("Crop classes", "Figures", "QGIS style"):
        assert title in text
    # the background of the map, and nothing else
    assert set(outside) <= {"tile.openstreetmap.org"}


def drawn(page: Page) -> Any:
    """The map as it is seen, RGB, once it does not change any more."""
    before = b""
    for _ in range(40):
        page.wait_for_timeout(500)
        picture = page.screenshot()
        if picture == before and all(n > 500 for n in counts(picture)):
            break
        before = picture
    if os.environ.get("GEOCROP_PICTURES"):
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def counts(picture: bytes) -> list[int]:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return [int((np.abs(pixels - c).max(axis=2) <= 3).sum()) for c in COLOURS.values()]
