"""A real browser that tells of everything that a page of ours must not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*ARGUMENTS], headless=True
        )
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, url: str, *, width: int = 1100, refused: int = 0) -> Iterator[Page]:
    """A page of the service at an address, and a look at what was wrong when it is left.

    No dialog, no script of others, no breach of the policy, no failed file, no request to another host.

    Args:
        browser: the browser.
        url: the service's.
        width: of the window in pixels.
        refused: how many requests the service is to refuse.
    """
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    asked: set[str] = set()
    answers: list[str] = []
    # what a hostile name would do
    page.add_init_script("window.alert = window.pwned = () => { window.isPwned = true; };")

    def dismiss(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda m: wrong.append(m.text) if _is_wrong(m.type, m.text) else None)
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.on("response", lambda a: answers.append(f"{a.status} {a.url}") if a.status > 399 else None)
    page.on(
        "requestfailed", lambda r: wrong.append(f"{r.url}: {r.failure}") if _is_lost(r) else None
    )
    yield page
    assert page.evaluate("window.isPwned === undefined")
    context.close()
    assert wrong == []
    assert len(answers) == refused, answers
    assert asked - {""} == {urlsplit(url).netloc}


def _is_wrong(kind: str, text: str) -> bool:
    # that a request was refused is told by its answer
    return kind in {"error", "warning"} and "Failed to load resource" not in text


def _is_lost(request: object) -> bool:
    # what is left when a page is
    return "ERR_ABORTED" not in str(getattr(request, "failure", ""))
