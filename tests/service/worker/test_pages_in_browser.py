"""The pages in Chromium: forms that run jobs on a real worker, maps, and names that try to run scripts."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from geocrop_processes.registry import RegisteredModel, Registry
from geocrop_processes.service import manager
from geocrop_processes.service.app import create_app
from geocrop_processes.service.worker import WorkerContext, work
from geocrop_processes.settings import CatalogSettings, MapSettings, ServiceSettings, Settings
from tests.service.worker.browsing import chromium, visiting

pytestmark = pytest.mark.system

expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class Deployed:
    """A service that answers, with a worker that works."""

    url: str
    context: WorkerContext


@pytest.fixture(scope="module")
def deployed(
    archive: str,
    model: RegisteredModel,
    registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployed]:
    reference = registry.save(model.ensemble, model.card).reference
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(
            data=tmp_path_factory.mktemp("pages") / "data",
            catalog=CatalogSettings(url=archive),
            map=MapSettings(model=reference, block_px=32),
            # a worker hears of a dismissal when it renews its lease
            service=ServiceSettings(url=url, lease_s=3),
        )
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Settings, "open_registry", lambda *_: registry)
            patched.setattr(manager, "publish", lambda _settings: None)
            context, app = WorkerContext.of(settings), create_app(settings)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        ended = Event()
        threads = [
            Thread(target=server.run, kwargs={"sockets": [listener]}),
            Thread(target=_worker, args=(context, ended)),
        ]
        for thread in threads:
            thread.start()
        while not server.started:
            assert threads[0].is_alive()
            time.sleep(0.01)
        yield Deployed(url, context)
        server.should_exit = True
        ended.set()
        for thread in threads:
            thread.join(30)
        context.store.close()


def _worker(context: WorkerContext, ended: Event) -> None:
    while not ended.is_set():
        if not work(context, lambda: None):
            time.sleep(0.05)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def choose_place(page: Page, lon: float, lat: float, radius: int) -> None:
    page.get_by_label("Longitude").fill(str(lon))
    page.get_by_label("Latitude").fill(str(lat))
    page.get_by_label("Radius").fill(str(radius))


@pytest.fixture(scope="module")
def mapped(deployed: Deployed, browser: Browser) -> str:
    """The address of the page of a job that made a map, by the form."""
    with visiting(browser, deployed.url) as page:
        page.goto(deployed.url)
        page.get_by_role("link", name="Make a map").click()
        page.locator(".map.leaflet-container").click(position={"x": 400, "y": 190})
        lon, lat = (
            float(page.get_by_label(name).input_value()) for name in ("Longitude", "Latitude")
        )
        assert 25 < lon < 34
        assert -23 < lat < -15
        choose_place(page, 30.2, -17.36, 300)
        page.get_by_label("Season").fill("2022")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#run-status")).to_have_text("successful", timeout=180_000)
        assert page.locator("#run-progress").evaluate("one => one.value") == 100
        expect(page.get_by_role("link", name="Its results")).to_be_visible()
        page.get_by_role("link", name="The page of the job").click()
        expect(page.locator("h1")).to_have_text("Job")
        return page.url


def test_the_page_of_a_map_shows_its_tiles_its_areas_and_its_files(
    mapped: str, deployed: Deployed, browser: Browser
) -> None:
    with visiting(browser, deployed.url) as page:
        page.goto(mapped)
        expect(page.locator("img.leaflet-tile-loaded").first).to_be_visible()
        expect(page.locator(".graticule").first).to_be_visible()
        expect(page.get_by_role("rowheader", name="soybean")).to_be_visible()
        href = page.get_by_role("link", name="class-map.tif").get_attribute("href")
        assert httpx.head(f"{deployed.url}{href}").status_code == 200
        picture = page.locator("img.quicklook")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        assert picture.evaluate("one => one.naturalWidth") > 100


def test_the_page_of_a_published_map_shows_its_tiles_and_classes(
    mapped: str, deployed: Deployed, browser: Browser
) -> None:
    with visiting(browser, deployed.url, width=390) as page:
        page.goto(f"{deployed.url}/collections")
        page.locator(f"a[href='/collections/{mapped.rpartition('/')[2]}']").first.click()
        expect(page.locator("img.leaflet-tile-loaded").first).to_be_visible()
        expect(page.locator(".legend")).to_contain_text("soybean")
        # a phone shows it without scrolling sideways
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_the_service_refuses_is_said_at_the_field(
    deployed: Deployed, browser: Browser
) -> None:
    with visiting(browser, deployed.url, refused=1) as page:
        page.goto(f"{deployed.url}/processes/crop-classification")
        choose_place(page, 2.35, 48.85, 300)
        page.get_by_label("Season").fill("2022")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#error-aoi")).to_contain_text("aoi")
        expect(page.get_by_label("Longitude")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Longitude")).to_be_focused()
        expect(page.locator("#run")).to_be_hidden()
        assert (
            deployed.context.store.list(process="crop-classification", status=["accepted"])[1] == 0
        )


def test_a_job_is_followed_on_its_page_and_dismissed_there(
    deployed: Deployed, browser: Browser
) -> None:
    with visiting(browser, deployed.url) as page:
        page.goto(f"{deployed.url}/processes/echo")
        page.get_by_role("textbox", name="Message").fill("mangwanani")
        page.get_by_role("spinbutton", name="Pause").fill("30")
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("link", name="The page of the job").click()
        expect(page.locator("#status")).to_have_text("running")
        page.get_by_role("button", name="Dismiss", exact=True).click()
        page.get_by_role("button", name="Dismiss it").click()
        expect(page.locator("#status")).to_have_text("dismissed")


def test_every_kind_of_field_reaches_the_service(deployed: Deployed, browser: Browser) -> None:
    with visiting(browser, deployed.url) as page:
        page.goto(f"{deployed.url}/processes/echo")
        page.get_by_role("textbox", name="Message").fill("a message")
        page.get_by_role("textbox", name="Items").fill("one\n two \n\nthree")
        for side, value in (("West", 30), ("South", -18), ("East", 31), ("North", -17)):
            page.get_by_label(side).fill(str(value))
        page.get_by_label("Given as").select_option("String")
        page.locator("[id='in-measurement.1']").fill("warm")
        page.get_by_label("File").set_input_files(
            {"name": "note.txt", "mimeType": "text/plain", "buffer": b"mhoro"}
        )
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#run-status")).to_have_text("successful")
        page.get_by_role("link", name="Its results").click()
        for text in ("a message", "one, two, three", "30, -18, 31, -17", "warm"):
            expect(page.get_by_role("main")).to_contain_text(text)


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "javascript:alert(5)",
    "{{ 7 * 7 }}${alert(6)}",
    "\u2028alert(7)\u2029<!--<svg onload=alert(8)>",
)


def test_no_name_runs_a_script(deployed: Deployed, browser: Browser) -> None:
    store = deployed.context.store
    for number, text in enumerate(HOSTILE):
        # a slash would end the name in an address
        name = f"{text[:50]}{number}".replace("/", "|")
        inputs = {"message": text, text: {"href": "javascript:alert(9)", "title": text}}
        store.add(name, "echo", inputs, {})
        store.note(name, text)
        with visiting(browser, deployed.url) as page:
            page.goto(f"{deployed.url}/jobs?limit=500")
            link = page.get_by_role("rowheader", name=name, exact=True).get_by_role("link")
            link.click()
            expect(page.locator("#status")).to_have_text("successful")
            expect(page.get_by_role("main")).to_contain_text(name)
            page.goto(f"{page.url}/results")
            expect(page.locator("h1")).to_have_text("Results")
        with visiting(browser, deployed.url, refused=1) as page:
            page.goto(f"{deployed.url}/processes/{quote(text, safe='')}")
            expect(page.get_by_role("main")).to_contain_text("HTTP status 404")
