from pathlib import Path

from geocrop_processes.settings import _page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_settings_is_current() -> None:
    """`make docs` writes it."""
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert page.splitlines() == list(_page())
